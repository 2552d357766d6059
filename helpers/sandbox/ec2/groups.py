"""Security groups: rules are authorized all or none, and the reply lists them all."""

from helpers.sandbox.calls import Account, Call, Params, ServiceError, follows, guards, replaces
from helpers.sandbox.ec2.rules import canonical


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


_AUTHORIZE = ("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress")
_REVOKE = ("RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress")


@guards("ec2", *_AUTHORIZE)
def may_authorize(call: Call, account: Account) -> None:
    canonical(call.params)
    security_group(account, call.region, call.params.get("GroupId") or _by_name(call, account))


@guards("ec2", *_REVOKE)
def may_revoke(call: Call, account: Account) -> None:
    group_id = call.params.get("GroupId") or _by_name(call, account)
    security_group(account, call.region, group_id)
    asked = call.params.get("SecurityGroupRuleIds")
    if not asked:
        canonical(call.params)
        return
    known = {each["SecurityGroupRuleId"] for each in _rules(account, call.region, group_id)}
    for rule_id in asked:
        if rule_id not in known:
            raise ServiceError(
                "InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID '{rule_id}' does not exist"
            )


@replaces("ec2", *_AUTHORIZE)
def authorize(call: Call, account: Account) -> Params:
    """moto adds rules one by one, stops at the first bad one, and tells of the last only."""
    params = canonical(call.params)
    group_id = params.get("GroupId") or _by_name(call, account)
    before = {rule["SecurityGroupRuleId"] for rule in _rules(account, call.region, group_id)}
    try:
        account.aws("ec2", call.action, call.region, **params)
    except ServiceError:
        _take_back(call, account, group_id, before)
        raise
    added = [each for each in _rules(account, call.region, group_id) if each["SecurityGroupRuleId"] not in before]
    return {"Return": True, "SecurityGroupRules": [_whole(call, account, each) for each in added]}


@replaces("ec2", *_REVOKE)
def revoke(call: Call, account: Account) -> Params:
    """The reply names the rules that went."""
    params = call.params if call.params.get("SecurityGroupRuleIds") else canonical(call.params)
    group_id = params.get("GroupId") or _by_name(call, account)
    before = _rules(account, call.region, group_id)
    account.aws("ec2", call.action, call.region, **params)
    left = {each["SecurityGroupRuleId"] for each in _rules(account, call.region, group_id)}
    gone = [each for each in before if each["SecurityGroupRuleId"] not in left]
    return {"Return": True, "RevokedSecurityGroupRules": [_revoked(each) for each in gone]}


def _revoked(rule: Params) -> Params:
    named = {"ReferencedGroupId": rule["ReferencedGroupInfo"]["GroupId"]} if rule.get("ReferencedGroupInfo") else {}
    kept = {name: value for name, value in rule.items() if name not in ("Tags", "ReferencedGroupInfo")}
    return {**kept, **named}


@follows("ec2", "DescribeSecurityGroupRules")
def show_owner(call: Call, account: Account, reply: Params) -> Params:
    """Whose rule it is, and its ARN, which moto leaves out."""
    reply["SecurityGroupRules"] = [_whole(call, account, each) for each in reply["SecurityGroupRules"]]
    return reply


def _whole(call: Call, account: Account, rule: Params) -> Params:
    head = f"arn:aws:ec2:{call.region}:{account.account_id}:security-group-rule"
    arn = f"{head}/{rule['SecurityGroupRuleId']}"
    return {**rule, "GroupOwnerId": account.account_id, "SecurityGroupRuleArn": arn}


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
