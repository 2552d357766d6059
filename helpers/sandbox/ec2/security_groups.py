"""Security groups: rules are authorized all or none, and the reply lists them all."""

from helpers.sandbox.calls import Account, Call, Params, ServiceError, guards, replaces
from helpers.sandbox.ec2 import security_group_references as references
from helpers.sandbox.ec2.common import check_prefix_list, described, invalid, vpc_of_group
from helpers.sandbox.ec2.security_group_rules import canonical, check_sources, check_text, in_words, key_of, keys


@guards("ec2", "DescribeSecurityGroups", state=True)
def must_exist(call: Call, account: Account) -> None:
    """moto names all that were asked for, in any order."""
    for group_id in call.params.get("GroupIds", ()):
        vpc_of_group(account, call.region, group_id)


@guards("ec2", "CreateSecurityGroup")
def is_well_named(call: Call, account: Account) -> None:
    """Source: CreateSecurityGroup in the EC2 API Reference; the sentences are those of public reports."""
    name = call.params["GroupName"]
    if not name:
        raise ServiceError("MissingParameter", "The request must contain the parameter GroupName")
    for parameter, what in (("GroupName", "security group name"), ("Description", "security group description")):
        text, shown = call.params.get(parameter, ""), parameter.replace("Description", "GroupDescription")
        if not text.isascii():
            why = "Character sets beyond ASCII are not supported."
            raise invalid(f"Value ({text}) for parameter {shown} is invalid. {why}")
        check_text(text, what)
    if name.lower().startswith("sg-"):
        raise invalid(f"Value ({name}) for parameter GroupName is invalid. Group names may not be in the format sg-*.")
    if name.lower() == "default":
        raise invalid(f"Cannot use reserved security group name: {name}")


@guards("ec2", "CreateSecurityGroup", state=True)
def may_create(call: Call, account: Account) -> None:
    """The VPC must exist; without one it is the default VPC. Names are unique in it, upper case or lower."""
    if call.params.get("VpcId"):
        vpcs = described(account, call.region, "Vpcs", VpcIds=[call.params["VpcId"]])
    else:
        vpcs = described(account, call.region, "Vpcs", {"is-default": "true"})
    if not vpcs:
        raise ServiceError("VPCIdNotSpecified", "No default VPC for this user")
    name, vpc_id = call.params["GroupName"], vpcs[0]["VpcId"]
    groups = described(account, call.region, "SecurityGroups", {"vpc-id": vpc_id})
    if name.lower() in [group["GroupName"].lower() for group in groups]:
        raise ServiceError("InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc_id}'")


_AUTHORIZE = ("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress")
_REVOKE = ("RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress")


@guards("ec2", *_AUTHORIZE)
def says_what(call: Call, account: Account) -> None:
    check_sources(canonical(call.params))


@guards("ec2", *_AUTHORIZE, state=True)
def may_authorize(call: Call, account: Account) -> None:
    """The groups exist and belong together; the rule is not there yet."""
    group_id = group_id_of(call, account)
    vpc_id = vpc_of_group(account, call.region, group_id)
    params = _canonical(call, account)
    references.check(account, call.region, vpc_id, references.named(params))
    for permission in params.get("IpPermissions", ()):
        for source in permission.get("PrefixListIds", ()):
            check_prefix_list(account, call.region, source["PrefixListId"])
    egress = call.action.endswith("Egress")
    held = {key_of(rule) for rule in _rules(account, call.region, group_id) if rule["IsEgress"] == egress}
    for key in keys(params):
        if key in held:
            raise ServiceError("InvalidPermission.Duplicate", f'the specified rule "{in_words(key)}" already exists')


@guards("ec2", *_REVOKE, state=True)
def may_revoke(call: Call, account: Account) -> None:
    group_id = group_id_of(call, account)
    vpc_of_group(account, call.region, group_id)
    asked = call.params.get("SecurityGroupRuleIds")
    if not asked:
        canonical(call.params)
        return
    known = {rule["SecurityGroupRuleId"] for rule in _rules(account, call.region, group_id)}
    for rule_id in asked:
        if rule_id not in known:
            raise ServiceError(
                "InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID '{rule_id}' does not exist"
            )


@replaces("ec2", *_AUTHORIZE)
def authorize(call: Call, account: Account) -> Params:
    """moto adds rules one by one, stops at the first bad one, and tells of the last only."""
    params = _canonical(call, account)
    group_id = group_id_of(call, account)
    before = {rule["SecurityGroupRuleId"] for rule in _rules(account, call.region, group_id)}
    try:
        account.aws("ec2", call.action, call.region, **params)
    except ServiceError:
        _take_back(call, account, group_id, before)
        raise
    added = [rule for rule in _rules(account, call.region, group_id) if rule["SecurityGroupRuleId"] not in before]
    return {"Return": True, "SecurityGroupRules": added}


@replaces("ec2", *_REVOKE)
def revoke(call: Call, account: Account) -> Params:
    """The reply names the rules that went."""
    params = call.params if call.params.get("SecurityGroupRuleIds") else _canonical(call, account)
    group_id = group_id_of(call, account)
    before = _rules(account, call.region, group_id)
    egress, wanted = call.action.endswith("Egress"), set(keys(params))
    ids = [rule["SecurityGroupRuleId"] for rule in before if rule["IsEgress"] == egress and key_of(rule) in wanted]
    if ids and len(ids) == len(wanted):
        # moto does not find a rule that names a group which is gone.
        params = {"GroupId": group_id, "SecurityGroupRuleIds": ids}
    account.aws("ec2", call.action, call.region, **params)
    left = {rule["SecurityGroupRuleId"] for rule in _rules(account, call.region, group_id)}
    gone = [rule for rule in before if rule["SecurityGroupRuleId"] not in left]
    return {"Return": True, "RevokedSecurityGroupRules": [_revoked(rule) for rule in gone]}


_NOT_OF_REVOKED = frozenset({"GroupOwnerId", "ReferencedGroupInfo", "SecurityGroupRuleArn", "Tags"})


def _revoked(rule: Params) -> Params:
    named = {"ReferencedGroupId": rule["ReferencedGroupInfo"]["GroupId"]} if rule.get("ReferencedGroupInfo") else {}
    kept = {name: value for name, value in rule.items() if name not in _NOT_OF_REVOKED}
    return {**kept, **named}


def _take_back(call: Call, account: Account, group_id: str, before: set[str]) -> None:
    added = [
        rule["SecurityGroupRuleId"]
        for rule in _rules(account, call.region, group_id)
        if rule["SecurityGroupRuleId"] not in before
    ]
    if added:
        revoke = call.action.replace("Authorize", "Revoke")
        account.aws("ec2", revoke, call.region, GroupId=group_id, SecurityGroupRuleIds=added)


def _rules(account: Account, region: str, group_id: str) -> list[Params]:
    return described(account, region, "SecurityGroupRules", {"group-id": group_id})


def group_id_of(call: Call, account: Account) -> str:
    """The group that a call is about. Raises InvalidGroup.NotFound."""
    group_id: str = call.params.get("GroupId", "")
    name: str = call.params.get("GroupName", "")
    if not group_id and not name:
        raise ServiceError("MissingParameter", "The request must contain the parameter groupName or groupId")
    return group_id or _of_default_vpc(account, call.region, name)


def _of_default_vpc(account: Account, region: str, name: str) -> str:
    """The id of a group that is given by its name alone (EC2 API Reference, ``GroupName``)."""
    for vpc in described(account, region, "Vpcs", {"is-default": "true"}):
        for group in described(account, region, "SecurityGroups", {"group-name": name, "vpc-id": vpc["VpcId"]}):
            return str(group["GroupId"])
    raise ServiceError("InvalidGroup.NotFound", f"The security group '{name}' does not exist in default VPC")


def _canonical(call: Call, account: Account) -> Params:
    """The call's rules as EC2 keeps them, and the groups that they name by their ids."""
    params = canonical(call.params)
    for permission in params.get("IpPermissions", ()):
        if permission.get("UserIdGroupPairs"):
            permission["UserIdGroupPairs"] = [
                _with_id(pair, account, call.region) for pair in permission["UserIdGroupPairs"]
            ]
    return params


def _with_id(pair: Params, account: Account, region: str) -> Params:
    if pair.get("GroupId") or not pair.get("GroupName"):
        return pair
    kept = {member: value for member, value in pair.items() if member != "GroupName"}
    return {**kept, "GroupId": _of_default_vpc(account, region, pair["GroupName"])}


@replaces("ec2", "DeleteSecurityGroup")
def delete(call: Call, account: Account) -> Params:
    group_id = group_id_of(call, account)
    account.aws("ec2", "DeleteSecurityGroup", call.region, GroupId=group_id)
    return {"Return": True, "GroupId": group_id}
