"""The Regions that an account sees; and what is asked for by a name that does not exist.

moto leaves unknown names out. Source: the sentence about Regions is quoted in public reports, the others are alike.
"""

from helpers.sandbox.calls import Account, Call, Params, follows, guards
from helpers.sandbox.ec2.common import check_prefix_list, invalid

_OTHER_PARTITIONS = ("cn-", "us-gov-")
# The parameter that holds names, the list of the reply and the name in it, and the refusal.
_NAMED = {
    "DescribeAvailabilityZones": ("ZoneNames", "AvailabilityZones", "ZoneName", "Invalid availability zone: [{}]"),
    "DescribeRegions": ("RegionNames", "Regions", "RegionName", "Invalid region: [{}]"),
}


@follows("ec2", "DescribeRegions")
def those_of_the_partition(call: Call, account: Account, reply: Params) -> Params:
    """An account of AWS's ordinary partition sees no others. All can be used here, so those to opt in are opted in."""
    regions = [region for region in reply["Regions"] if not region["RegionName"].startswith(_OTHER_PARTITIONS)]
    for region in regions:
        region["OptInStatus"] = region["OptInStatus"].replace("not-opted-in", "opted-in")
    return {**reply, "Regions": regions}


@follows("ec2", *_NAMED)
def all_names_exist(call: Call, account: Account, reply: Params) -> Params:
    """Raises InvalidParameterValue for a name that is none, unless a filter may have left it out."""
    names, listed, member, refusal = _NAMED[call.action]
    known = {described[member] for described in reply[listed]}
    unknown = [name for name in call.params.get(names, ()) if name not in known]
    if unknown and not call.params.get("Filters"):
        raise invalid(refusal.format(", ".join(unknown)))
    return reply


@guards("ec2", "DescribeManagedPrefixLists", "GetManagedPrefixListEntries", state=True)
def prefix_lists_exist(call: Call, account: Account) -> None:
    one = call.params.get("PrefixListId")
    for list_id in [one] if one else call.params.get("PrefixListIds", ()):
        check_prefix_list(account, call.region, list_id)
