"""What the adapter uses of moto, public or private: a new moto that moves any of it must fail here, loudly."""

import inspect
from importlib import import_module

import pytest
from moto.core import responses, serialize
from moto.core.utils import camelcase_to_underscores
from moto.ec2.models.core import TaggedEC2Resource

from helpers.sandbox import behaviours
from helpers.sandbox.calls import TABLE
from helpers.sandbox.moto_adapter import ACCOUNT_ID, MOTO_VERSION, Moto, speed
from helpers.sandbox.moto_adapter import patches as moto_patches

REGION = "us-east-1"
RESPONSES = {"ec2": "EC2Response", "iam": "IamResponse", "ssm": "SimpleSystemManagerResponse"}


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


def test_moto_has_a_method_for_every_action_that_is_left_to_it():
    behaviours.load()
    # S3's are found by method and path: tests/sandbox/control/test_buckets.py makes each call.
    left = [action for action, behaviour in TABLE.items() if behaviour.why_moto and action[0] != "s3"]
    assert left
    for service, action in left:
        responses = import_module(f"moto.{service}.responses")
        assert hasattr(getattr(responses, RESPONSES[service]), camelcase_to_underscores(action)), action


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
    for name in ("vpc_pcx", "gateway", "route_table"):
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


def test_s3_holds_its_things_where_the_adapter_looks(moto, ec2):
    s3 = moto.backend("s3", "aws")
    bucket = s3.create_bucket("demo-probe", REGION)
    s3.put_object("demo-probe", "a/key", b"\x00", disable_notification=True)
    assert s3.buckets["demo-probe"] is bucket
    assert (bucket.region_name, bucket.policy, bucket.keys["a/key"].value) == (REGION, None, b"\x00")
    assert s3.tagger.get_tag_dict_for_resource(bucket.arn) == {}
    assert isinstance(s3._pagination_tokens, dict)
    assert (moto.objects("demo-probe", "a/"), moto.bucket_names()) == ({"a/key": b"\x00"}, ("demo-probe",))
    saved = moto.save()
    moto.reset()
    assert moto.bucket("demo-probe") is None
    moto.restore(saved)
    with pytest.raises(Exception, match="BucketAlreadyExists"):
        moto.backend("s3", "aws").create_bucket("demo-probe", REGION)


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


def test_the_default_gateway_of_a_region_changes_no_other_id(moto, ec2, monkeypatch):
    def ids(backend):
        groups = [group for held in backend.groups.values() for group in held]
        subnets = [subnet for held in backend.subnets.values() for subnet in held]
        policies = [policy.id for policy in moto.backend("iam", "aws").managed_policies.values()]
        return [list(backend.vpcs), subnets, list(backend.route_tables), list(backend.network_acls), groups, policies]

    with_gateway, gateways = ids(ec2), list(ec2.internet_gateways)
    moto.reset()
    moto.ensure(REGION)
    assert list(moto.backend("ec2", REGION).internet_gateways) == gateways != []
    moto.reset()
    monkeypatch.setattr(moto_patches.vpcs.VPCBackend, "create_default_vpc", moto_patches._create_default_vpc)
    moto.ensure(REGION)
    without = moto.backend("ec2", REGION)
    assert (list(without.internet_gateways), ids(without)) == ([], with_gateway)


def test_a_reply_is_the_same_without_the_quick_parts(moto, ec2, instance, monkeypatch):
    """``speed.py`` only saves moto work: every list of a network gives the same bytes."""
    lists = ("Vpcs", "Subnets", "RouteTables", "InternetGateways", "SecurityGroups", "SecurityGroupRules")
    lists += ("NetworkAcls", "NetworkInterfaces", "Instances", "Tags", "AvailabilityZones")

    def replies():
        moto.shown.clear()
        moto.seed(1)  # for the ids of the requests
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return [moto.call("ec2", REGION, form, f"Action=Describe{name}&Version=2016-11-15".encode()) for name in lists]

    instance.add_tags({"Name": "a", "Lab": "b"})
    quick = replies()
    assert all(status == 200 for status, *_ in quick)
    monkeypatch.setattr(serialize.XFormedAttributePicker, "get_possible_keys", speed._possible_keys)
    monkeypatch.setattr(responses, "method_names_from_class", speed._list_names)
    monkeypatch.setattr(serialize.ResponseSerializer, "get_value", speed._get_value)
    monkeypatch.setattr(serialize, "xmltodict", speed.xmltodict)
    slow_tags = lambda resource: ec2.describe_tags(filters={"resource-id": [resource.id]})  # noqa: E731
    monkeypatch.setattr(TaggedEC2Resource, "get_tags", slow_tags)
    assert replies() == quick


@pytest.mark.parametrize(
    "content",
    [
        {"a": [{"b": "x & <y>"}, None, {}, {"b": []}], "n": 5, "t": True, "e": "", "f": 1.5},
        {"@xmlns": 'http://a/"b"', "c": {"@d": None, "#text": "t"}, "#text": "\u00e9"},
        {"a": [{"item": [1, False, "x"]}, "y"], "b": [], "c": ["", [2]]},
    ],
)
@pytest.mark.parametrize("full_document", [True, False])
def test_xml_is_what_xmltodict_writes(moto, content, full_document):
    written = speed.xmltodict.unparse({"r": content}, full_document=full_document, short_empty_elements=True)
    assert serialize.xmltodict.unparse({"r": content}, full_document=full_document) == written


def test_a_new_adapter_can_be_made_again():
    assert isinstance(Moto(), Moto)
