"""Something that is not the lab's depends on something that is: reported, not forced."""

import json

from tests.lab.teardown.labs import (
    ACCOUNT,
    MotoLab,
    build,
    create_flow_log,
    group_name,
    move_to_acl,
    naming,
    policy,
    run_instance,
)
from tests.lab.teardown.test_run import left_in_account


def kept_and_left(lab: MotoLab) -> tuple[dict[str, str], dict[str, str]]:
    """Run; nothing may fail or be refused: what stays was known beforehand. Twice, with the same end."""
    planned = lab.teardown.plan()
    report = lab.teardown.run(planned)
    assert all(result.outcome == "done" for result in report), report
    assert report.kept == planned.kept and not report.ok
    left = {item.id: item.why for item in lab.teardown.verify()}
    again = lab.teardown.run()
    assert not again.failed and {item.id: item.why for item in lab.teardown.verify()} == left
    return {item.id: item.because for item in planned.kept}, left


def stranger_group(lab: MotoLab, vpc: str) -> str:
    reply = lab.client("ec2").create_security_group(GroupName="theirs", Description="x", VpcId=vpc)
    return str(reply["GroupId"])


def test_a_foreign_instance_in_our_subnet(lab: MotoLab) -> None:
    made = build(lab)
    stranger = run_instance(lab, made["private-a"], [made["sg-server"]])
    kept, left = kept_and_left(lab)
    stays = {made[short] for short in ("vpc-a", "private-a", "private-rt-a", "acl", "sg-server", "igw-a")}
    assert set(kept) == set(left) == stays
    assert stranger in kept[made["private-a"]] and stranger in kept[made["sg-server"]]
    ec2 = lab.client("ec2")
    acls = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [made["private-a"]]}])
    assert acls["NetworkAcls"][0]["NetworkAclId"] == made["acl"], "its traffic is filtered as before"
    lab.client("ec2").terminate_instances(InstanceIds=[stranger])
    assert lab.teardown.run().ok and left_in_account(lab) == []


def test_a_foreign_group_that_names_ours(lab: MotoLab) -> None:
    made = build(lab, parts=("a", "groups"))
    theirs = stranger_group(lab, made["vpc-a"])
    rule = [naming(made["sg-client"], 22)]
    lab.client("ec2").authorize_security_group_ingress(GroupId=theirs, IpPermissions=rule)
    kept, left = kept_and_left(lab)
    assert set(kept) == set(left) == {made["sg-client"], made["vpc-a"]}
    assert theirs in kept[made["sg-client"]]
    group = lab.client("ec2").describe_security_groups(GroupIds=[theirs])["SecurityGroups"][0]
    assert group["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == made["sg-client"]


def test_a_group_of_another_vpc_that_names_ours(lab: MotoLab) -> None:
    """AWS would delete it and leave a stale rule behind in a foreign group."""
    made = build(lab, parts=("a", "groups"))
    vpc = lab.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    theirs = stranger_group(lab, vpc)
    rule = [naming(made["sg-client"], 22)]
    lab.client("ec2").authorize_security_group_egress(GroupId=theirs, IpPermissions=rule)
    kept, _ = kept_and_left(lab)
    assert set(kept) == {made["sg-client"], made["vpc-a"]}


def test_a_foreign_subnet_on_our_acl_and_route_table(lab: MotoLab) -> None:
    made = build(lab, parts=("a", "groups"))
    ec2 = lab.client("ec2")
    theirs = ec2.create_subnet(VpcId=made["vpc-a"], CidrBlock="10.1.9.0/24")["Subnet"]["SubnetId"]
    ec2.associate_route_table(RouteTableId=made["public-rt-a"], SubnetId=theirs)
    move_to_acl(lab, theirs, made["acl"])
    kept, _ = kept_and_left(lab)
    assert set(kept) == {made["acl"], made["public-rt-a"], made["vpc-a"], made["igw-a"]}
    assert theirs in kept[made["acl"]]


def test_a_foreign_route_through_our_peering(lab: MotoLab) -> None:
    made = build(lab, parts=("a", "b", "peering"))
    ec2 = lab.client("ec2")
    table = ec2.create_route_table(VpcId=made["vpc-b"])["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0/16", VpcPeeringConnectionId=made["peering"])
    kept, _ = kept_and_left(lab)
    assert set(kept) == {made["peering"], made["vpc-a"], made["vpc-b"]}
    assert table in kept[made["peering"]]


def test_a_foreign_peering_and_a_foreign_gateway_keep_their_vpcs(lab: MotoLab) -> None:
    made = build(lab, 3)
    ec2 = lab.client("ec2")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=made["vpc-a"])
    kept, _ = kept_and_left(lab)
    assert set(kept) == {made["vpc-a"]} and gateway in kept[made["vpc-a"]]
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=made["vpc-a"])
    other = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    peering = ec2.create_vpc_peering_connection(VpcId=other, PeerVpcId=made["vpc-a"])["VpcPeeringConnection"]
    id_ = peering["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=id_)
    kept, _ = kept_and_left(lab)
    assert set(kept) == {made["vpc-a"]} and id_ in kept[made["vpc-a"]]


def test_a_foreign_flow_log_keeps_our_group_and_role(lab: MotoLab) -> None:
    made = build(lab, parts=("a", "identities", "logging"))
    vpc = lab.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    theirs = create_flow_log(lab, vpc)
    kept, _ = kept_and_left(lab)
    assert set(kept) == {group_name(lab), made["flow-logs-role"], lab.name("delivery")}
    assert theirs in kept[group_name(lab)]


def test_a_foreign_instance_with_our_profile_keeps_it(lab: MotoLab) -> None:
    build(lab, parts=("identities",))
    ec2 = lab.client("ec2")
    subnet = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"][0]["SubnetId"]
    stranger = run_instance(lab, subnet, [], IamInstanceProfile={"Name": lab.name("ssm")})
    kept, _ = kept_and_left(lab)
    assert set(kept) == {lab.name("ssm"), lab.name("ssm-role")} and stranger in kept[lab.name("ssm")]


def test_foreign_holders_of_our_role_and_policy_keep_them(lab: MotoLab) -> None:
    made = build(lab, parts=("identities",))
    iam = lab.client("iam")
    iam.create_instance_profile(InstanceProfileName="theirs")
    iam.add_role_to_instance_profile(InstanceProfileName="theirs", RoleName=made["ssm-role"])
    iam.create_user(UserName="someone")
    iam.attach_user_policy(UserName="someone", PolicyArn=made["policy"])
    kept, _ = kept_and_left(lab)
    assert set(kept) == {made["ssm-role"], lab.name("delivery")}
    assert "theirs" in kept[made["ssm-role"]] and "someone" in kept[lab.name("delivery")]
    assert iam.list_role_policies(RoleName=made["ssm-role"])["PolicyNames"] == ["inline"], "a role that stays is whole"


def test_a_role_and_a_policy_of_one_name_are_two_things(lab: MotoLab) -> None:
    iam = lab.client("iam")
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    iam.create_role(RoleName="demo-x", AssumeRolePolicyDocument=trust, Tags=lab.tag_list("x"))
    iam.create_policy(PolicyName="demo-x", PolicyDocument=json.dumps(policy("ec2:*", "*")), Tags=lab.tag_list("x"))
    iam.create_user(UserName="someone")
    iam.attach_user_policy(UserName="someone", PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/demo-x")
    lab.teardown.run()
    assert [(item.kind, item.id) for item in lab.teardown.verify()] == [("policy", "demo-x")]
