"""The write-up's network, built with plain boto3 as a test needs it: two peered VPCs, a client and a server."""

import json
from dataclasses import dataclass
from typing import Any

from helpers.lab.readings import read_pages

EC2_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
FLOW_LOGS_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
DELIVERY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "logs:CreateLogStream",
                "logs:PutLogEvents",
                "logs:DescribeLogGroups",
                "logs:DescribeLogStreams",
            ],
            "Resource": "*",
        }
    ],
}
SSM_POLICY = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
AMI = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
CLIENT_ADDRESS, SERVER_ADDRESS = "10.1.0.10", "10.2.1.10"
GROUP = "/test/flow-logs"


@dataclass(frozen=True)
class Side:
    """One VPC with one subnet, its own route table, ACL and group, and one instance."""

    vpc: str
    subnet: str
    table: str
    acl: str
    group: str
    instance: str
    interface: str


@dataclass(frozen=True)
class Network:
    """The whole: client side in 10.1/16 (public), server side in 10.2/16 (private), peered."""

    client: Side
    server: Side
    peering: str


def side(aws: Any, cidr: str, subnet_cidr: str, address: str, public: bool, user_data: str = "") -> Side:
    """Build one VPC around one instance and wait until it runs."""
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=subnet_cidr)["Subnet"]["SubnetId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    if public:
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    acl = _open_acl(ec2, vpc, subnet)
    group = ec2.create_security_group(GroupName="all", Description="test", VpcId=vpc)["GroupId"]
    image = aws("ssm").get_parameter(Name=AMI)["Parameter"]["Value"]
    instance = ec2.run_instances(
        ImageId=image,
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        UserData=user_data,
        IamInstanceProfile={"Name": profile(aws)},
        NetworkInterfaces=[
            {
                "DeviceIndex": 0,
                "SubnetId": subnet,
                "PrivateIpAddress": address,
                "Groups": [group],
                "AssociatePublicIpAddress": public,
            }
        ],
    )["Instances"][0]
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance["InstanceId"]])
    interface = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    return Side(vpc, subnet, table, acl, group, instance["InstanceId"], interface)


def _open_acl(ec2: Any, vpc: str, subnet: str) -> str:
    """An ACL of the subnet's own that allows everything, so that a test changes no default."""
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    for egress in (False, True):
        ec2.create_network_acl_entry(
            NetworkAclId=acl, RuleNumber=100, Protocol="-1", RuleAction="allow", Egress=egress, CidrBlock="0.0.0.0/0"
        )
    for found in ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])[
        "NetworkAcls"
    ]:
        for association in found["Associations"]:
            if association["SubnetId"] == subnet:
                ec2.replace_network_acl_association(
                    AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl
                )
    return str(acl)


def profile(aws: Any) -> str:
    """The name of an instance profile with which an agent reaches Systems Manager."""
    iam = aws("iam")
    try:
        iam.get_instance_profile(InstanceProfileName="ssm")
    except iam.exceptions.NoSuchEntityException:
        iam.create_role(RoleName="ssm", AssumeRolePolicyDocument=json.dumps(EC2_TRUST))
        iam.attach_role_policy(RoleName="ssm", PolicyArn=SSM_POLICY)
        iam.create_instance_profile(InstanceProfileName="ssm")
        iam.add_role_to_instance_profile(InstanceProfileName="ssm", RoleName="ssm")
    return "ssm"


def build(aws: Any) -> Network:
    """Both sides, peered, with the peering's routes; ssh and ping allowed to the server, which serves HTTP."""
    ec2 = aws("ec2")
    web = "#!/bin/bash\nnohup python3 -m http.server 80 >/dev/null 2>&1 &\n"
    client = side(aws, "10.1.0.0/16", "10.1.0.0/24", CLIENT_ADDRESS, public=True)
    server = side(aws, "10.2.0.0/16", "10.2.1.0/24", SERVER_ADDRESS, public=False, user_data=web)
    peering = ec2.create_vpc_peering_connection(VpcId=client.vpc, PeerVpcId=server.vpc)["VpcPeeringConnection"]
    peering_id = peering["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering_id])
    for table, cidr in ((client.table, "10.2.0.0/16"), (server.table, "10.1.0.0/16")):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock=cidr, VpcPeeringConnectionId=peering_id)
    for protocol, low, high in (("tcp", 22, 22), ("tcp", 80, 80), ("tcp", 8080, 8080), ("icmp", -1, -1)):
        allow(ec2, server.group, protocol, low, high)
    return Network(client, server, peering_id)


def allow(ec2: Any, group: str, protocol: str, low: int, high: int) -> None:
    """Allow a protocol and port range from the client's VPC."""
    permission = {"IpProtocol": protocol, "FromPort": low, "ToPort": high, "IpRanges": [{"CidrIp": "10.1.0.0/16"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])


def enable(aws: Any, network: Network, trust: Any = FLOW_LOGS_TRUST, policy: Any = DELIVERY) -> list[str]:
    """Flow logs of both VPCs into one group, delivered by a role with this trust and policy."""
    iam, logs, ec2 = aws("iam"), aws("logs"), aws("ec2")
    role = iam.create_role(RoleName="delivery", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="delivery", PolicyName="write", PolicyDocument=json.dumps(policy))
    logs.create_log_group(logGroupName=GROUP)
    reply = ec2.create_flow_logs(
        ResourceIds=[network.client.vpc, network.server.vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogGroupName=GROUP,
        DeliverLogsPermissionArn=role,
    )
    assert not reply["Unsuccessful"]
    return list(reply["FlowLogIds"])


def shell(aws: Any, instance: str, *commands: str) -> dict[str, Any]:
    """Run a script on an instance through Run Command and wait for its end."""
    ssm = aws("ssm")
    sent = ssm.send_command(
        InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters={"commands": list(commands)}
    )["Command"]
    reply: dict[str, Any] = {"Status": "Pending"}
    while reply["Status"] in ("Pending", "InProgress"):
        reply = ssm.get_command_invocation(CommandId=sent["CommandId"], InstanceId=instance)
    return reply


def records(aws: Any, interface: str) -> list[list[str]]:
    """All delivered records of an interface, as lists of their 14 fields; NODATA lines left out."""
    logs = aws("logs")
    found = []
    for stream in logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=interface)["logStreams"]:
        arguments = {"logGroupName": GROUP, "logStreamName": stream["logStreamName"], "startFromHead": True}
        page = logs.get_log_events(**arguments)
        while page["events"]:
            found += [event["message"].split() for event in page["events"]]
            page = logs.get_log_events(**arguments, nextToken=page["nextForwardToken"])
    return [fields for fields in found if fields[13] == "OK"]


def everything(aws: Any) -> str:
    """The account as describe calls show it."""
    seen: dict[str, Any] = {"network": read_pages(aws("ec2")), "flow logs": aws("ec2").describe_flow_logs()["FlowLogs"]}
    seen["roles"] = [role["Arn"] for role in aws("iam").list_roles()["Roles"]]
    seen["groups"] = aws("logs").describe_log_groups()["logGroups"]
    seen["commands"] = aws("ssm").list_commands()["Commands"]
    for instance in seen["network"]["Instances"]:
        del instance["ClientToken"]  # boto3 draws a new one for every run
    return json.dumps(seen, sort_keys=True, default=str)
