"""Security groups: rules are authorized all or none, and the reply lists them all."""

from typing import Any

from helpers.sandbox.calls import Account, Call, Params, ServiceError, guards, replaces
from helpers.sandbox.ec2.common import cidr, invalid


def security_group(account: Account, region: str, group_id: str) -> Params:
    """Raises InvalidGroup.NotFound."""
    found = account.aws("ec2", "DescribeSecurityGroups", region, Filters=[{"Name": "group-id", "Values": [group_id]}])
    if not found["SecurityGroups"]:
        raise unknown(group_id)
    group: Params = found["SecurityGroups"][0]
    return group


def unknown(group_id: str) -> ServiceError:
    return ServiceError("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")


@guards("ec2", "DescribeSecurityGroups")
def must_exist(call: Call, account: Account) -> None:
    for group_id in call.params.get("GroupIds", ()):
        if not account.moto.has_security_group(call.region, group_id):
            raise unknown(group_id)


@guards("ec2", "CreateSecurityGroup")
def may_create(call: Call, account: Account) -> None:
    """The VPC must exist; without one it is the default VPC."""
    if call.params.get("VpcId"):
        account.aws("ec2", "DescribeVpcs", call.region, VpcIds=[call.params["VpcId"]])
        return
    found = account.aws("ec2", "DescribeVpcs", call.region, Filters=[{"Name": "is-default", "Values": ["true"]}])
    if not found["Vpcs"]:
        raise ServiceError("VPCIdNotSpecified", "No default VPC for this user")


@replaces("ec2", "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress")
def authorize(call: Call, account: Account) -> Params:
    """moto adds rules one by one, stops at the first bad one, and tells of the last only."""
    params = _canonical(call.params)
    group_id = params.get("GroupId") or _by_name(call, account)
    before = {rule["SecurityGroupRuleId"] for rule in _rules(account, call.region, group_id)}
    try:
        account.aws("ec2", call.action, call.region, **params)
    except ServiceError:
        _take_back(call, account, group_id, before)
        raise
    added = [each for each in _rules(account, call.region, group_id) if each["SecurityGroupRuleId"] not in before]
    return {"Return": True, "SecurityGroupRules": added}


def _take_back(call: Call, account: Account, group_id: str, before: set[str]) -> None:
    added = [
        each["SecurityGroupRuleId"]
        for each in _rules(account, call.region, group_id)
        if each["SecurityGroupRuleId"] not in before
    ]
    if added:
        revoke = call.action.replace("Authorize", "Revoke")
        account.aws("ec2", revoke, call.region, GroupId=group_id, SecurityGroupRuleIds=added)


def _rules(account: Account, region: str, group_id: str) -> list[Params]:
    wanted = [{"Name": "group-id", "Values": [group_id]}]
    found: list[Params] = account.aws("ec2", "DescribeSecurityGroupRules", region, Filters=wanted)["SecurityGroupRules"]
    return found


def _by_name(call: Call, account: Account) -> str:
    name = call.params.get("GroupName")
    if not name:
        raise ServiceError("MissingParameter", "The request must contain the parameter groupName or groupId")
    wanted = [{"Name": "group-name", "Values": [name]}]
    found = account.aws("ec2", "DescribeSecurityGroups", call.region, Filters=wanted)["SecurityGroups"]
    if not found:
        raise ServiceError("InvalidGroup.NotFound", f"The security group '{name}' does not exist in default VPC")
    return str(found[0]["GroupId"])


def _canonical(params: Params) -> Params:
    """Blocks in canonical form, as later replies show them."""
    changed: dict[str, Any] = dict(params)
    if changed.get("CidrIp"):
        changed["CidrIp"] = _block(changed["CidrIp"])
    if changed.get("IpPermissions"):
        changed["IpPermissions"] = [
            {**each, "IpRanges": [{**item, "CidrIp": _block(item["CidrIp"])} for item in each["IpRanges"]]}
            if each.get("IpRanges")
            else each
            for each in changed["IpPermissions"]
        ]
    return changed


def _block(text: str) -> str:
    try:
        return str(cidr(text, "cidrIp"))
    except ServiceError:
        raise invalid(f"CIDR block {text} is malformed") from None
