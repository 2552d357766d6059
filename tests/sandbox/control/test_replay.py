"""A killed sandbox comes back: from its journal alone, and from a checkpoint."""

import pytest

from tests.sandbox.control.conftest import build


def picture(ec2, iam):
    """All that a reader sees. What is under way arrives with the first picture: the second one shows rest."""
    kinds = {
        "vpcs": "Vpcs",
        "subnets": "Subnets",
        "internet_gateways": "InternetGateways",
        "route_tables": "RouteTables",
        "security_groups": "SecurityGroups",
        "security_group_rules": "SecurityGroupRules",
        "network_acls": "NetworkAcls",
        "network_interfaces": "NetworkInterfaces",
        "vpc_peering_connections": "VpcPeeringConnections",
        "instances": "Reservations",
        "volumes": "Volumes",
        "tags": "Tags",
    }
    seen = {kind: getattr(ec2, f"describe_{kind}")()[key] for kind, key in kinds.items()}
    for reservation in seen["instances"]:
        for instance in reservation["Instances"]:
            del instance["ClientToken"]  # drawn by boto3
    for name, key in (("roles", "Roles"), ("users", "Users"), ("instance_profiles", "InstanceProfiles")):
        seen[name] = getattr(iam, f"list_{name}")()[key]
    return seen


def history(sandbox):
    """A sequence with everything that happens later: arrivals, refusals, freed addresses, public addresses."""
    network = build(sandbox)
    ec2 = network.ec2
    other = build(sandbox, "10.2.0.0/16")
    made = ec2.create_vpc_peering_connection(VpcId=network.vpc, PeerVpcId=other.vpc)["VpcPeeringConnection"]
    peering = made["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    ec2.modify_subnet_attribute(SubnetId=network.subnet, MapPublicIpOnLaunch={"Value": True})
    group = ec2.create_security_group(GroupName="web", Description="x", VpcId=network.vpc)["GroupId"]
    ports = [
        {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "10.2.0.0/16"}]}
        for port in (22, 80)
    ]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=ports)
    first = [network.launch(SecurityGroupIds=[group])["InstanceId"] for _ in range(4)]
    network.state(first[0])
    ec2.terminate_instances(InstanceIds=first[1:3])
    with pytest.raises(ec2.exceptions.ClientError):
        ec2.delete_security_group(GroupId=group)
    network.state(first[1])
    ec2.stop_instances(InstanceIds=first[:1])
    network.state(first[0])
    ec2.start_instances(InstanceIds=first[:1])
    second = [network.launch()["InstanceId"] for _ in range(3)]
    ec2.terminate_instances(InstanceIds=second[:1])
    with pytest.raises(ec2.exceptions.ClientError):
        ec2.delete_subnet(SubnetId=network.subnet)
    ec2.create_network_acl(VpcId=network.vpc)
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    other.launch()


@pytest.mark.parametrize("from_checkpoint", [False, True])
def test_the_same_account_comes_back(fresh_sandbox, from_checkpoint):
    ec2, iam = fresh_sandbox.client("ec2"), fresh_sandbox.client("iam")
    history(fresh_sandbox)
    under_way = fresh_sandbox.now
    fresh_sandbox.reopen(from_checkpoint=from_checkpoint)
    assert fresh_sandbox.now == under_way
    picture(ec2, iam)
    before = picture(ec2, iam)
    then = fresh_sandbox.now
    assert then > under_way
    fresh_sandbox.reopen(from_checkpoint=from_checkpoint)
    assert fresh_sandbox.now == then
    assert picture(ec2, iam) == before


def test_a_restart_in_the_middle_changes_nothing(tmp_path, moto):
    """The undisturbed run and the one that is killed on the way end the same, ids and addresses included."""
    from tests.support.served import Sandbox

    seen = []
    for disturbed in (False, True):
        sandbox = Sandbox(tmp_path / str(disturbed), moto)
        network = build(sandbox)
        ids = [network.launch()["InstanceId"] for _ in range(3)]
        if disturbed:
            sandbox.reopen()
        network.ec2.terminate_instances(InstanceIds=ids[:2])
        network.state(ids[0])
        if disturbed:
            sandbox.reopen(from_checkpoint=True)
        [network.launch() for _ in range(2)]
        seen.append(picture(network.ec2, sandbox.client("iam")))
        sandbox.close()
    assert seen[0] == seen[1]
