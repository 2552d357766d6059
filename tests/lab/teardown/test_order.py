"""The order of the calls, as they were made."""

from helpers.lab.teardown import TeardownPlan
from tests.lab.teardown.labs import MotoLab, build

ORDER = [
    "TerminateInstances",
    "DeleteFlowLogs",
    "DeleteLogGroup",
    "DeleteRoute",
    "DeleteVpcPeeringConnection",
    "RevokeSecurityGroupIngress",
    "DeleteSecurityGroup",
    "ReplaceNetworkAclAssociation",
    "DeleteNetworkAcl",
    "DeleteSubnet",
    "DisassociateRouteTable",
    "DeleteRouteTable",
    "DetachInternetGateway",
    "DeleteInternetGateway",
    "DeleteVpc",
    "RemoveRoleFromInstanceProfile",
    "DeleteInstanceProfile",
    "DetachRolePolicy",
    "DeleteRole",
    "DeletePolicyVersion",
    "DeletePolicy",
]


def run(lab: MotoLab) -> list[str]:
    build(lab)
    lab.access.guard.calls.clear()
    assert lab.teardown.run().ok
    return lab.access.guard.operations


def test_the_order_is_one_that_aws_accepts(lab: MotoLab) -> None:
    made = run(lab)
    firsts = sorted(ORDER, key=made.index)
    assert firsts == ORDER
    # Nothing of a kind goes after the first of what it would hold up.
    for earlier, later in (
        ("DeleteFlowLogs", "DeleteLogGroup"),
        ("TerminateInstances", "DeleteSecurityGroup"),
        ("RevokeSecurityGroupIngress", "DeleteSecurityGroup"),
        ("RevokeSecurityGroupEgress", "DeleteSecurityGroup"),
        ("ReplaceNetworkAclAssociation", "DeleteNetworkAcl"),
        ("DeleteSubnet", "DeleteVpc"),
        ("DeleteRouteTable", "DeleteVpc"),
        ("DetachInternetGateway", "DeleteVpc"),
        ("DeleteInstanceProfile", "DeleteRole"),
        ("DeleteRole", "DeletePolicy"),
    ):
        last = len(made) - 1 - made[::-1].index(earlier)
        assert last < made.index(later), (earlier, later)


def test_the_plan_tells_the_order_and_the_reasons(lab: MotoLab) -> None:
    build(lab, parts=("a", "identities", "logging"))
    plan = lab.teardown.plan()
    assert isinstance(plan, TeardownPlan) and plan and all(step.why for step in plan)
    kinds = list(dict.fromkeys(step.kind for step in plan))
    assert kinds[:3] == ["vpc-flow-log", "log-group", "subnet"]
    assert kinds[-3:] == ["instance-profile", "role", "policy"]
    assert plan.steps[-1].action == "look again"


def test_rules_that_name_no_group_of_the_lab_are_left_to_go_with_their_group(lab: MotoLab) -> None:
    made = build(lab, parts=("a", "groups"))
    lab.client("ec2").authorize_security_group_ingress(
        GroupId=made["sg-server"], IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="198.51.100.0/24"
    )
    lab.access.guard.calls.clear()
    assert lab.teardown.run().ok
    revoked = [params for operation, params in lab.calls if operation == "RevokeSecurityGroupIngress"]
    assert len(revoked) == 3
    for params in revoked:
        for rule in params["IpPermissions"]:
            assert set(rule) <= {"IpProtocol", "FromPort", "ToPort", "UserIdGroupPairs"}
