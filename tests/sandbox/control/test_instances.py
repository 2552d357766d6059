"""The life of an instance, seen through boto3."""

import ipaddress
import itertools

import pytest


def test_an_instance_is_pending_before_it_is_running(sandbox, network):
    started = sandbox.now
    instance = network.launch()
    assert instance["State"] == {"Code": 0, "Name": "pending"}
    assert network.state(instance["InstanceId"]) == "running"
    assert 20 <= sandbox.now - started <= 25


def test_a_waiter_ends_after_its_first_polls(sandbox, network, monkeypatch):
    slept = []
    monkeypatch.setattr("botocore.waiter.time.sleep", slept.append)
    ids = [network.launch()["InstanceId"] for _ in range(3)]
    network.ec2.get_waiter("instance_running").wait(InstanceIds=ids)
    network.ec2.get_waiter("instance_status_ok").wait(InstanceIds=ids)
    network.ec2.terminate_instances(InstanceIds=ids)
    network.ec2.get_waiter("instance_terminated").wait(InstanceIds=ids)
    assert len(slept) <= 1


def test_polling_for_running_by_filter_finds_the_pending_ones(network):
    instance = network.launch(
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "polled"}]}]
    )
    found = network.ec2.describe_instances(
        Filters=[
            {"Name": "tag:Name", "Values": ["polled"]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
    )["Reservations"]
    assert [each["InstanceId"] for each in found[0]["Instances"]] == [instance["InstanceId"]]


def test_asking_about_another_instance_does_not_move_the_clock(sandbox, network):
    resting = network.launch()["InstanceId"]
    network.state(resting)
    network.launch()
    before = sandbox.now
    assert network.state(resting) == "running"
    assert sandbox.now == before


def test_status_checks_initialize_before_they_are_ok(network):
    instance = network.launch()["InstanceId"]
    ask = network.ec2.describe_instance_status
    first = ask(InstanceIds=[instance])["InstanceStatuses"][0]
    assert first["InstanceState"]["Name"] == "running"
    assert first["InstanceStatus"]["Status"] == first["SystemStatus"]["Status"] == "initializing"
    assert ask(InstanceIds=[instance])["InstanceStatuses"][0]["InstanceStatus"]["Status"] == "ok"


def test_stopping_and_starting_take_time(network):
    instance = network.launch()["InstanceId"]
    network.state(instance)
    stopping = network.ec2.stop_instances(InstanceIds=[instance])["StoppingInstances"][0]
    assert stopping["CurrentState"]["Name"] == "stopping"
    assert stopping["PreviousState"]["Name"] == "running"
    assert network.state(instance) == "stopped"
    starting = network.ec2.start_instances(InstanceIds=[instance])["StartingInstances"][0]
    assert (starting["PreviousState"]["Name"], starting["CurrentState"]["Name"]) == ("stopped", "pending")
    assert network.state(instance) == "running"


def test_an_instance_in_the_wrong_state_refuses(network, refused):
    instance = network.launch()["InstanceId"]
    assert refused(network.ec2.stop_instances, InstanceIds=[instance])[0] == "IncorrectInstanceState"
    network.ec2.terminate_instances(InstanceIds=[instance])
    assert refused(network.ec2.start_instances, InstanceIds=[instance])[0] == "IncorrectInstanceState"
    assert refused(network.ec2.reboot_instances, InstanceIds=[instance])[0] == "IncorrectInstanceState"
    missing = refused(network.ec2.stop_instances, InstanceIds=["i-0123456789abcdef0"])
    assert missing == ("InvalidInstanceID.NotFound", "The instance ID 'i-0123456789abcdef0' does not exist")


def test_a_protected_instance_is_not_terminated(network, refused):
    instance = network.launch(DisableApiTermination=True)["InstanceId"]
    assert refused(network.ec2.terminate_instances, InstanceIds=[instance])[0] == "OperationNotPermitted"
    network.ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})
    network.ec2.terminate_instances(InstanceIds=[instance])
    assert network.state(instance) == "terminated"


def test_shutting_down_before_terminated_and_interfaces_gone_then(sandbox, network):
    instance = network.launch()
    instance_id = instance["InstanceId"]
    interface = instance["NetworkInterfaces"][0]
    assert interface["Attachment"]["DeleteOnTermination"] is True
    network.state(instance_id)
    leaving = network.ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
    assert leaving["CurrentState"] == {"Code": 32, "Name": "shutting-down"}
    assert interface["NetworkInterfaceId"] in sandbox.account.moto.backend("ec2", "us-east-1").enis
    gone = network.show(instance_id)
    assert gone["State"] == {"Code": 48, "Name": "terminated"}
    assert not {"NetworkInterfaces", "PrivateIpAddress", "SubnetId", "VpcId"} & gone.keys()
    left = network.ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert interface["NetworkInterfaceId"] not in [each["NetworkInterfaceId"] for each in left]


def test_waiting_for_interfaces_to_go_ends(network):
    instance = network.launch()
    network.ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    wanted = [{"Name": "attachment.instance-id", "Values": [instance["InstanceId"]]}]
    assert network.ec2.describe_network_interfaces(Filters=wanted)["NetworkInterfaces"] == []


def test_an_interface_that_was_there_before_stays(network):
    interface = network.ec2.create_network_interface(SubnetId=network.subnet)["NetworkInterface"]
    interface_id = interface["NetworkInterfaceId"]
    instance = network.launch(SubnetId=None, NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": interface_id}])
    network.ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    network.state(instance["InstanceId"])
    left = network.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface_id])["NetworkInterfaces"][0]
    assert left["Status"] == "available"
    assert "Attachment" not in left
    network.ec2.delete_network_interface(NetworkInterfaceId=interface_id)


def test_a_terminated_instance_is_forgotten_after_an_hour(sandbox, network, refused):
    instance = network.launch()["InstanceId"]
    network.ec2.terminate_instances(InstanceIds=[instance])
    assert network.state(instance) == "terminated"
    sandbox.advance(3700)
    code, _ = refused(network.ec2.describe_instances, InstanceIds=[instance])
    assert code == "InvalidInstanceID.NotFound"


def test_a_public_address_comes_by_subnet_flag_or_by_asking_only(network):
    assert "PublicIpAddress" not in network.launch()
    asked = network.launch(
        SubnetId=None,
        NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": network.subnet, "AssociatePublicIpAddress": True}],
    )
    assert asked["PublicIpAddress"].startswith(("198.51.100.", "203.0.113."))
    network.ec2.modify_subnet_attribute(SubnetId=network.subnet, MapPublicIpOnLaunch={"Value": True})
    try:
        flagged = network.launch()
        refusing = network.launch(
            SubnetId=None,
            NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": network.subnet, "AssociatePublicIpAddress": False}],
        )
    finally:
        network.ec2.modify_subnet_attribute(SubnetId=network.subnet, MapPublicIpOnLaunch={"Value": False})
    assert "PublicIpAddress" in flagged
    assert "PublicIpAddress" not in refusing


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
        ({"ImageId": "ami-nonsense"}, "InvalidAMIID.Malformed"),
        ({"ImageId": None}, "MissingParameter"),
        ({"InstanceType": "t3.enormous"}, "InvalidParameterValue"),
        ({"InstanceType": "t4g.micro"}, "InvalidParameterValue"),
        ({"KeyName": "nobodys"}, "InvalidKeyPair.NotFound"),
        ({"SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
        ({"IamInstanceProfile": {"Name": "nobody"}}, "InvalidParameterValue"),
        ({"PrivateIpAddress": "10.9.9.9"}, "InvalidParameterValue"),
        ({"PrivateIpAddress": "10.1.1.2"}, "InvalidParameterValue"),
        ({"MinCount": 3, "MaxCount": 2}, "InvalidParameterValue"),
    ],
)
def test_a_launch_that_aws_refuses(network, refused, params, code):
    before = len(network.ec2.describe_instances()["Reservations"])
    base = {"ImageId": network.image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    wanted = {**base, "SubnetId": network.subnet, **params}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    assert refused(network.ec2.run_instances, **wanted)[0] == code
    assert refused(network.ec2.run_instances, **wanted, DryRun=True)[0] == code
    assert len(network.ec2.describe_instances()["Reservations"]) == before


def test_a_taken_address_is_refused_and_a_freed_one_is_free(network, refused):
    instance = network.launch(PrivateIpAddress="10.1.1.77")["InstanceId"]
    base = {"ImageId": network.image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    taken = refused(network.ec2.run_instances, **base, SubnetId=network.subnet, PrivateIpAddress="10.1.1.77")
    assert taken == ("InvalidIPAddress.InUse", "Address 10.1.1.77 is in use.")
    network.ec2.terminate_instances(InstanceIds=[instance])
    network.state(instance)
    assert network.launch(PrivateIpAddress="10.1.1.77")["PrivateIpAddress"] == "10.1.1.77"


def test_max_count_instances_are_started(network):
    reply = network.ec2.run_instances(
        ImageId=network.image, InstanceType="t3.micro", MinCount=1, MaxCount=3, SubnetId=network.subnet
    )
    addresses = {each["PrivateIpAddress"] for each in reply["Instances"]}
    assert len(addresses) == 3


BLOCKS = itertools.count(0, 16)


@pytest.fixture
def small(network):
    """A subnet of its own for each test, with eleven addresses to give."""
    block = f"10.1.90.{next(BLOCKS)}/28"
    return network.ec2.create_subnet(VpcId=network.vpc, CidrBlock=block)["Subnet"]["SubnetId"]


@pytest.mark.parametrize("count", [12, 500])
def test_a_launch_for_which_addresses_are_missing_makes_nothing(network, refused, small, count):
    base = {"ImageId": network.image, "InstanceType": "t3.micro", "SubnetId": small}
    held = network.ec2.describe_instances()
    code, message = refused(network.ec2.run_instances, **base, MinCount=count, MaxCount=count)
    assert (code, small in message) == ("InsufficientFreeAddressesInSubnet", True)
    assert network.ec2.describe_instances()["Reservations"] == held["Reservations"]
    assert network.ec2.describe_subnets(SubnetIds=[small])["Subnets"][0]["AvailableIpAddressCount"] == 11


@pytest.mark.parametrize(("interfaces", "most"), [(1, 11), (2, 5)])
def test_as_many_instances_start_as_have_addresses(network, small, interfaces, most):
    places = [{"DeviceIndex": index, "SubnetId": small} for index in range(interfaces)]
    base = {"ImageId": network.image, "InstanceType": "t3.medium", "NetworkInterfaces": places}
    assert len(network.ec2.run_instances(**base, MinCount=2, MaxCount=20)["Instances"]) == most
    left = network.ec2.describe_subnets(SubnetIds=[small])["Subnets"][0]["AvailableIpAddressCount"]
    assert left == 11 - most * interfaces


@pytest.mark.parametrize("more", [{"MinCount": 11, "MaxCount": 11}, {"MinCount": 1, "MaxCount": 20}])
def test_a_launch_that_is_asked_for_again_with_its_token_needs_no_more_addresses(network, refused, small, more):
    base = {"ImageId": network.image, "InstanceType": "t3.micro", "SubnetId": small, "ClientToken": small}
    first, again = [network.ec2.run_instances(**base, **more)["Instances"] for _ in range(2)]
    assert [each["InstanceId"] for each in first] == [each["InstanceId"] for each in again]
    assert len(first) == 11
    code, _ = refused(network.ec2.run_instances, **base, MinCount=1, MaxCount=2)
    assert code == "IdempotentParameterMismatch"


def test_a_launch_with_an_address_is_asked_for_again_with_its_token(network, small):
    base = {"ImageId": network.image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, "ClientToken": small}
    address = str(ipaddress.ip_network(network.ec2.describe_subnets(SubnetIds=[small])["Subnets"][0]["CidrBlock"])[7])
    place = {"SubnetId": small, "PrivateIpAddress": address}
    first, again = [network.ec2.run_instances(**base, **place)["Instances"][0] for _ in range(2)]
    assert first["InstanceId"] == again["InstanceId"]


@pytest.mark.parametrize(
    ("asked", "zone"),
    [
        ({}, "us-east-1a"),
        ({"Placement": {"AvailabilityZone": "us-east-1c"}}, "us-east-1c"),
        ({"SecurityGroups": ["default"]}, "us-east-1a"),
        ({"NetworkInterfaces": [{"DeviceIndex": 0, "AssociatePublicIpAddress": False}]}, "us-east-1a"),
    ],
)
def test_a_launch_without_a_subnet_takes_addresses_of_the_default_one(network, asked, zone):
    base = {"ImageId": network.image, "InstanceType": "t3.micro", "MinCount": 2, "MaxCount": 2}
    made = network.ec2.run_instances(**base, **asked)["Instances"]
    [subnet] = network.ec2.describe_subnets(SubnetIds=list({each["SubnetId"] for each in made}))["Subnets"]
    assert (subnet["AvailabilityZone"], subnet["DefaultForAz"]) == (zone, True)
    assert len({each["PrivateIpAddress"] for each in made}) == 2
    for each in made:
        assert ipaddress.ip_address(each["PrivateIpAddress"]) in ipaddress.ip_network(subnet["CidrBlock"])


def test_an_instances_groups_are_its_primary_interfaces(network):
    groups = [
        network.ec2.create_security_group(GroupName=name, Description="x", VpcId=network.vpc)["GroupId"]
        for name in ("one", "two", "three")
    ]
    instance = network.launch(
        SubnetId=None,
        NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": network.subnet, "Groups": groups[:1]}],
    )
    instance_id = instance["InstanceId"]

    def shown():
        found = network.show(instance_id)
        own = [each["GroupId"] for each in found["SecurityGroups"]]
        return own, [each["GroupId"] for each in found["NetworkInterfaces"][0]["Groups"]]

    assert shown() == (groups[:1], groups[:1])
    network.ec2.modify_instance_attribute(InstanceId=instance_id, Groups=groups[1:2])
    assert shown() == (groups[1:2], groups[1:2])
    interface_id = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    network.ec2.modify_network_interface_attribute(NetworkInterfaceId=interface_id, Groups=groups[2:])
    assert shown() == (groups[2:], groups[2:])


def test_image_and_type_are_named_in_the_refusal(network, refused):
    base = {"ImageId": network.image, "MinCount": 1, "MaxCount": 1, "SubnetId": network.subnet}
    message = refused(network.ec2.run_instances, **base, InstanceType="t3.enormous")[1]
    assert message == "Invalid value 't3.enormous' for InstanceType."
    message = refused(network.ec2.run_instances, **base, InstanceType="t4g.micro")[1]
    assert message.startswith("The architecture 'arm64' of the specified instance type does not match the architecture")


def test_a_client_token_starts_its_instances_once(network, refused):
    first = network.launch(ClientToken="once")
    again = network.launch(ClientToken="once")
    assert again["InstanceId"] == first["InstanceId"]
    assert network.launch(ClientToken="twice")["InstanceId"] != first["InstanceId"]
    other = {"ImageId": network.image, "InstanceType": "t3.small", "MinCount": 1, "MaxCount": 1}
    code, _ = refused(network.ec2.run_instances, **other, SubnetId=network.subnet, ClientToken="once")
    assert code == "IdempotentParameterMismatch"


def test_an_interface_made_with_its_instance_gets_its_tags_and_takes_them_along(network):
    ours = [{"Key": "Name", "Value": "door"}, {"Key": "Lab", "Value": "demo"}]
    instance = network.launch(TagSpecifications=[{"ResourceType": "network-interface", "Tags": ours}])
    mine = [{"Name": "tag:Name", "Values": ["door"]}]
    (interface,) = network.ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"]
    assert sorted(interface["TagSet"], key=lambda tag: tag["Key"], reverse=True) == ours
    assert interface["Attachment"]["InstanceId"] == instance["InstanceId"]
    told = network.ec2.describe_tags(Filters=[{"Name": "resource-type", "Values": ["network-interface"]}])["Tags"]
    assert {tag["ResourceId"] for tag in told} == {interface["NetworkInterfaceId"]}
    network.ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    network.ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance["InstanceId"]])
    assert network.ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"] == []
    assert network.ec2.describe_tags(Filters=[{"Name": "key", "Values": ["Lab"]}])["Tags"] == []
