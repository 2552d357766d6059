"""The Regions of the account, looking for tags where nothing is, and names that are none."""

from moto import backends


def with_something() -> set[str]:
    (regions,) = (dict(account) for account in backends.get_backend("ec2").values())
    return set(regions)


def test_an_account_sees_the_regions_of_its_partition_all_enabled(ec2):
    regions = ec2.describe_regions()["Regions"]
    names = {region["RegionName"] for region in regions}
    assert {"us-east-1", "eu-west-1", "eu-south-2"} <= names
    assert not [name for name in names if name.startswith(("cn-", "us-gov-"))]
    assert {region["OptInStatus"] for region in regions} == {"opt-in-not-required", "opted-in"}


def test_looking_for_tags_makes_nothing_in_a_region(sandbox):
    before = with_something()
    filters = [{"Name": "key", "Values": ["Lab"]}]
    for region in ("ap-south-2", "eu-central-2"):
        ec2 = sandbox.client("ec2", region=region)
        assert ec2.describe_tags(Filters=filters)["Tags"] == []
        assert list(ec2.get_paginator("describe_tags").paginate(Filters=filters).search("Tags[]")) == []
    assert with_something() == before


def test_tags_that_were_made_there_are_found_there(sandbox):
    ec2 = sandbox.client("ec2", region="eu-north-1")
    tags = [{"Key": "Lab", "Value": "x"}]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])
    found = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["Lab"]}])["Tags"]
    assert [tag["ResourceId"] for tag in found] == [vpc["Vpc"]["VpcId"]]


def test_a_name_that_is_none_is_refused(ec2, refused):
    answer = refused(ec2.describe_regions, RegionNames=["us-east-1", "us-east-9"])
    assert answer == ("InvalidParameterValue", "Invalid region: [us-east-9]")
    answer = refused(ec2.describe_availability_zones, ZoneNames=["eu-west-1a"])
    assert answer == ("InvalidParameterValue", "Invalid availability zone: [eu-west-1a]")
    elsewhere = [{"Name": "zone-name", "Values": ["us-east-1b"]}]
    ec2.describe_availability_zones(ZoneNames=["us-east-1a"], Filters=elsewhere)
    gone = ("InvalidPrefixListID.NotFound", "The prefix list ID 'pl-12345678' does not exist")
    assert refused(ec2.describe_managed_prefix_lists, PrefixListIds=["pl-12345678"]) == gone
    assert refused(ec2.get_managed_prefix_list_entries, PrefixListId="pl-12345678") == gone
