"""What the adapter uses of moto, public or private: a new moto that moves any of it must fail here, loudly."""

import inspect

import pytest

from helpers.sandbox.moto_adapter import ACCOUNT_ID, MOTO_VERSION, RESPONSES, Moto
from helpers.sandbox.moto_adapter import patches as moto_patches

REGION = "us-east-1"


def test_moto_is_the_version_that_the_adapter_was_written_for():
    assert MOTO_VERSION.startswith("5.2."), f"moto {MOTO_VERSION}: read this whole module again, then raise the version"


@pytest.fixture
def ec2(moto):
    moto.reset()
    moto_patches.apply()
    moto.ensure(REGION)
    yield moto.backend("ec2", REGION)
    moto.reset()


@pytest.fixture
def instance(ec2):
    subnet = next(iter(next(iter(ec2.subnets.values()))))
    image = next(iter(ec2.amis))
    arguments = {"instance_type": "t3.micro", "is_instance_type_default": False, "region_name": REGION}
    arguments |= {"subnet_id": subnet, "security_group_ids": [], "placement": None, "tags": {}}
    return ec2.run_instances(image, 1, None, [], **arguments).instances[0]


def test_every_service_has_its_responses_class(moto):
    for service in RESPONSES:
        assert moto.implements(service, {"ec2": "DescribeVpcs", "ssm": "GetParameter"}.get(service, "GetUser")) or (
            service == "sts" and moto.implements("sts", "AssumeRole")
        )
    assert not moto.implements("ec2", "CreateNetworkInsightsPath")


def test_backends_are_found_by_service_account_and_region(moto, ec2):
    assert ec2.account_id == ACCOUNT_ID
    assert ec2.region_name == REGION
    assert moto.backend("iam", "aws").account_id == ACCOUNT_ID


def test_settings_that_the_sandbox_needs(moto):
    from moto import settings

    assert settings.ENABLE_AMI_VALIDATION
    assert settings.EC2_ENABLE_INSTANCE_TYPE_VALIDATION
    assert settings.load_iam_aws_managed_policies()


def test_ec2_holds_its_things_where_the_adapter_looks(ec2):
    for name in ("vpcs", "subnets", "enis", "reservations", "route_tables", "network_acls", "vpc_pcxs", "tags"):
        assert isinstance(getattr(ec2, name), dict), name
    assert isinstance(ec2.groups, dict)
    assert isinstance(ec2.internet_gateways, dict)


def test_an_instance_has_the_parts_that_the_adapter_sets(ec2, instance):
    assert (instance._state.name, instance._state.code) == ("running", 16)
    assert isinstance(instance._private_ips, set)
    assert isinstance(instance.security_groups, list)
    interface = instance.nics[0]
    assert ec2.enis[interface.id] is interface
    assert ec2.get_network_interface(interface.id) is interface
    assert interface.instance is instance
    assert isinstance(interface.delete_on_termination, bool)
    assert isinstance(interface._group_set, list)
    assert interface.private_ip_addresses[0]["PrivateIpAddress"] == interface.private_ip_address
    for name in ("attachment_id", "attach_time", "status", "subnet"):
        assert hasattr(interface, name), name


def test_a_subnet_has_the_parts_that_the_patches_use(ec2):
    subnet = next(iter(next(iter(ec2.subnets.values())).values()))
    assert isinstance(subnet._subnet_ips, dict)
    assert isinstance(subnet._unused_ips, set)
    assert subnet.ec2_backend is ec2
    assert subnet.cidr.num_addresses
    assert {"default_for_az", "map_public_ip_on_launch"} <= vars(subnet).keys()


def test_routes_peerings_gateways_and_acls_have_the_parts_that_the_patches_use(ec2):
    vpc = next(iter(ec2.vpcs.values()))
    table = next(iter(ec2.route_tables.values()))
    route = table.routes[0]
    for name in ("vpc_pcx", "interface", "instance", "gateway", "route_table"):
        assert name in vars(route), name
    assert table.ec2_backend is ec2
    assert isinstance(table._associations, dict)
    peering = ec2.create_vpc_peering_connection(vpc, vpc)
    assert peering._status.code == "pending-acceptance"
    assert isinstance(peering._status.message, str)
    assert "vpc" in vars(ec2.create_internet_gateway())
    acl = ec2.create_network_acl(vpc.id)
    assert isinstance(acl._associations, dict)
    wanted = inspect.signature(ec2.create_network_acl_entry).parameters
    assert {"network_acl_id", "rule_number", "egress", "ipv6_cidr_block"} <= wanted.keys()


def test_what_is_patched_is_what_moto_calls(ec2):
    from moto.ec2.models import elastic_ip_addresses, elastic_network_interfaces, instances, route_tables, subnets

    assert "random_public_ip()" in inspect.getsource(elastic_network_interfaces.NetworkInterface)
    assert "random_ip()" in inspect.getsource(elastic_ip_addresses)
    assert "get_available_subnet_ip(instance=self)" in inspect.getsource(instances.Instance)
    assert isinstance(vars(elastic_network_interfaces.NetworkInterface)["group_set"], property)
    assert isinstance(vars(route_tables.Route)["state"], property)
    assert "get_available_subnet_ip" in vars(subnets.Subnet)


def test_iam_holds_its_things_where_the_adapter_looks(moto, ec2):
    iam = moto.backend("iam", "aws")
    role = iam.create_role("probe", "{}", "/", None, "", [], "3600")
    user = iam.create_user(region_name="us-east-1", user_name="probe", tags=[])
    user = user[0] if isinstance(user, tuple) else user
    group = iam.create_group("probe")
    assert iam.roles[role.id] is role
    assert iam.users["probe"] is user
    assert iam.groups["probe"] is group
    assert isinstance(group.users, list)
    for holder in (role, user, group):
        assert isinstance(holder.policies, dict)
        assert isinstance(holder.managed_policies, dict)
        assert holder.arn
    for name in ("permissions_boundary_arn", "assume_role_policy_document", "max_session_duration", "tags"):
        assert hasattr(role, name), name
    managed = iam.managed_policies["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"]
    versions = {each.version_id: each.document for each in managed.versions}
    assert isinstance(versions[managed.default_version_id], str)
    assert isinstance(iam.instance_profiles, dict)


def test_everything_that_a_checkpoint_holds_can_be_pickled(moto, ec2, instance):
    saved = moto.save()
    moto.restore(saved)
    assert instance.id in moto.instance_states(REGION)


def test_the_same_seed_gives_the_same_ids(moto, ec2):
    ids = []
    for _ in range(2):
        moto.seed(7)
        ids.append(ec2.create_internet_gateway().id)
    assert ids[0] == ids[1]


def test_the_list_of_modules_is_asked_for_by_its_name():
    """The adapter replaces the function in its module; that helps only while moto looks it up there."""
    from moto.moto_server import werkzeug_app

    assert "backends.list_of_moto_modules()" in inspect.getsource(werkzeug_app)


def test_a_new_adapter_can_be_made_again():
    assert isinstance(Moto(), Moto)
