"""What nothing here computes is refused by name, and nothing changes: actions, targets of routes, parameters."""

import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from helpers._data import data_path
from helpers.sandbox.protocol import serialization
from tests.sandbox.control.conftest import Network

Refused = Callable[..., tuple[str, str]]
ACTIONS: list[tuple[str, dict[str, Any]]] = [
    ("create_nat_gateway", {"SubnetId": "subnet-0123456789abcdef0"}),
    ("create_transit_gateway", {}),
    ("create_vpc_endpoint", {"VpcId": "vpc-0123456789abcdef0", "ServiceName": "com.amazonaws.us-east-1.s3"}),
    ("create_egress_only_internet_gateway", {"VpcId": "vpc-0123456789abcdef0"}),
    ("create_carrier_gateway", {"VpcId": "vpc-0123456789abcdef0"}),
    ("create_vpn_gateway", {"Type": "ipsec.1"}),
    ("create_volume", {"AvailabilityZone": "us-east-1a", "Size": 1}),
    ("create_launch_template", {"LaunchTemplateName": "any", "LaunchTemplateData": {}}),
    ("describe_spot_price_history", {}),
    ("describe_vpc_endpoint_services", {}),
]
TARGETS = {
    "NatGatewayId": "nat-0123456789abcdef0",
    "TransitGatewayId": "tgw-0123456789abcdef0",
    "VpcEndpointId": "vpce-0123456789abcdef0",
    "EgressOnlyInternetGatewayId": "eigw-0123456789abcdef0",
    "CarrierGatewayId": "cagw-0123456789abcdef0",
    "NetworkInterfaceId": "eni-0123456789abcdef0",
    "InstanceId": "i-0123456789abcdef0",
}


@pytest.mark.parametrize(("name", "params"), ACTIONS)
def test_an_action_in_no_table_is_refused(ec2: Any, refused: Refused, unchanged: None, name: str, params: Any) -> None:
    action = "".join(word.capitalize() for word in name.split("_"))
    code, message = refused(getattr(ec2, name), **params)
    assert (code, message) == ("UnsupportedOperation", f"The sandbox does not simulate ec2 {action}.")


@pytest.fixture(scope="module")
def table(network: Network) -> str:
    made: str = network.ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    return made


@pytest.mark.parametrize("destination", ["0.0.0.0/0", "10.1.0.0/16", "10.1.1.0/24"])  # far, local, inside the local
@pytest.mark.parametrize("action", ["create_route", "replace_route"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_route_to_what_no_packet_is_traced_through_is_refused(
    ec2: Any, refused: Refused, table: str, unchanged: None, target: str, action: str, destination: str
) -> None:
    way = {"RouteTableId": table, "DestinationCidrBlock": destination, target: TARGETS[target]}
    code, message = refused(getattr(ec2, action), **way)
    named = "CreateRoute" if action == "create_route" else "ReplaceRoute"
    assert (code, message) == ("UnsupportedOperation", f"The sandbox does not simulate ec2 {named} with {target}.")


@pytest.mark.parametrize("gateway", ["vgw-0123456789abcdef0", "vpce-0123456789abcdef0"])
def test_a_gateway_that_is_no_internet_gateway_is_refused(
    ec2: Any, refused: Refused, table: str, unchanged: None, gateway: str
) -> None:
    code, message = refused(ec2.create_route, RouteTableId=table, DestinationCidrBlock="10.9.0.0/16", GatewayId=gateway)
    assert (code, gateway in message) == ("UnsupportedOperation", True)


def test_the_local_route_keeps_its_target(ec2: Any, refused: Refused, table: str, unchanged: None) -> None:
    local = {"RouteTableId": table, "DestinationCidrBlock": "10.1.0.0/16"}
    code, message = refused(ec2.replace_route, **local, LocalTarget=True)
    assert (code, "LocalTarget" in message) == ("UnsupportedOperation", True)


def test_a_gateway_gets_no_route_table(ec2: Any, refused: Refused, table: str, unchanged: None) -> None:
    gateway = ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
    code, message = refused(ec2.associate_route_table, RouteTableId=table, GatewayId=gateway)
    assert (code, "GatewayId" in message) == ("UnsupportedOperation", True)


@pytest.mark.parametrize(
    ("action", "params", "named"),
    [
        ("create_vpc", {"Ipv4IpamPoolId": "ipam-pool-1", "Ipv4NetmaskLength": 16}, "CreateVpc with Ipv4IpamPoolId"),
        ("create_subnet", {"VpcId": "vpc-0123456789abcdef0", "Ipv6Native": True}, "CreateSubnet with Ipv6Native"),
        (
            "run_instances",
            {"MinCount": 1, "MaxCount": 1, "LaunchTemplate": {"LaunchTemplateId": "lt-1"}},
            "LaunchTemplate",
        ),
        ("create_network_interface", {"SubnetId": "subnet-0123456789abcdef0", "InterfaceType": "efa"}, "InterfaceType"),
    ],
)
def test_a_parameter_that_nothing_computes_is_refused_by_name(
    ec2: Any, refused: Refused, unchanged: None, action: str, params: Any, named: str
) -> None:
    code, message = refused(getattr(ec2, action), **params)
    assert (code, named in message) == ("UnsupportedOperation", True)


@pytest.mark.parametrize(
    ("service", "action", "params", "named"),
    [
        (
            "iam",
            "create_user",
            {"UserName": "u", "PermissionsBoundary": "arn:aws:iam::aws:policy/x"},
            "CreateUser with",
        ),
        ("sts", "get_session_token", {"SerialNumber": "123456789", "TokenCode": "123456"}, "SerialNumber"),
        (
            "sts",
            "assume_role",
            {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "session", "SourceIdentity": "x1"},
            "AssumeRole with SourceIdentity",
        ),
        (
            "logs",
            "create_log_group",
            {"logGroupName": "g", "kmsKeyId": "arn:aws:kms:x"},
            "CreateLogGroup with kmsKeyId",
        ),
        (
            "iam",
            "simulate_custom_policy",
            {"PolicyInputList": ["{}"], "ActionNames": ["ec2:RunInstances"], "ResourceHandlingOption": "EC2-VPC"},
            "ResourceHandlingOption",
        ),
    ],
)
def test_a_parameter_is_refused_in_every_service(
    sandbox: Any, refused: Refused, unchanged: None, service: str, action: str, params: Any, named: str
) -> None:
    code, message = refused(getattr(sandbox.client(service), action), **params)
    assert (code, named in message) == ("UnsupportedOperation", True)


def test_every_refused_parameter_is_one_of_aws_s() -> None:
    document = tomllib.loads(data_path("simulated_actions.toml").read_text("utf-8"))
    for service, actions in document["refused"].items():
        for action, names in actions.items():
            model = serialization.operation(service, action)
            assert model is not None and model.input_shape is not None
            assert set(names) <= set(model.input_shape.members), action
    for service, actions in document["empty"].items():
        for action, unknown in actions.items():
            model = serialization.operation(service, action)
            assert model is not None and model.input_shape is not None
            assert set(unknown) <= set(model.input_shape.members), action


@pytest.mark.parametrize(
    ("read", "key", "ids", "code"),
    [
        ("describe_nat_gateways", "NatGateways", "NatGatewayIds", "NatGatewayNotFound"),
        ("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointIds", "InvalidVpcEndpointId.NotFound"),
        ("describe_transit_gateways", "TransitGateways", "TransitGatewayIds", "InvalidTransitGatewayID.NotFound"),
        ("describe_snapshots", "Snapshots", "SnapshotIds", "InvalidSnapshotID.Malformed"),
    ],
)
def test_a_read_of_what_cannot_be_made_is_empty_and_knows_no_id(
    ec2: Any, refused: Refused, unchanged: None, read: str, key: str, ids: str, code: str
) -> None:
    assert getattr(ec2, read)()[key] == []
    assert refused(getattr(ec2, read), **{ids: ["x-0123456789abcdef0"]})[0] == code
    name, _ = refused(getattr(ec2, read), Filters=[{"Name": "no-such-filter", "Values": ["1"]}])
    assert name == "InvalidParameterValue"


def test_what_is_always_empty_in_iam_is_so(iam: Any) -> None:
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    assert iam.list_server_certificates()["ServerCertificateMetadataList"] == []
    assert iam.list_account_aliases()["AccountAliases"] == []
