"""RunInstances: what AWS refuses, and what a new instance looks like."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice

import orjson

from helpers.sandbox.calls import Account, Call, Params, ServiceError, follows, guards, replaces
from helpers.sandbox.ec2 import images, instances, ipv6
from helpers.sandbox.ec2.common import bad_value, cidr, described, invalid, vpc_of_group


@dataclass
class Launches:
    """What calls with a ``ClientToken`` asked for (a digest) and started, by the token."""

    tokens: dict[str, tuple[str, list[str]]] = field(default_factory=dict)


@guards("ec2", "RunInstances")
def may_launch(call: Call, account: Account) -> None:
    """Check what moto does not, or not for a dry run: image, type, counts, instance profile, groups, addresses."""
    params = call.params
    if params.get("ClientToken", "") in account.state(Launches, call.region).tokens:
        return  # asked again: what it starts is there, and holds its addresses
    images.check(call, account)
    if params["MinCount"] < 1 or params["MaxCount"] < params["MinCount"]:
        raise invalid(
            f"You have specified more instances in the minimum count ({params['MinCount']}) than in the maximum "
            f"count ({params['MaxCount']})."
            if params["MaxCount"] < params["MinCount"]
            else "The minimum count must be at least 1."
        )
    _check_profile(params.get("IamInstanceProfile", {}), account)
    for place in _places(params):
        _check_place(call, account, place)


def _located(call: Call, account: Account) -> Params:
    """What a launch asks for, in the default subnet of its zone where it names none: moto would take any address."""
    params = ipv6.without_ipv6(call.params)
    interfaces = [ipv6.without_ipv6(interface) for interface in params.get("NetworkInterfaces", ())]
    bare = [place for place in interfaces or [params] if not (place.get("SubnetId") or place.get("NetworkInterfaceId"))]
    for subnet in _default_subnets(call, account) if bare else ():
        for place in bare:
            place["SubnetId"] = subnet["SubnetId"]
    return params | ({"NetworkInterfaces": interfaces} if interfaces else {})


def _most(call: Call, account: Account, params: Params) -> int:
    """How many instances there will be: as many as were asked for and have addresses, or none.

    moto makes one after another and stops where an address is missing.
    """
    wanted = Counter(place["SubnetId"] for place in _places(params) if place.get("SubnetId"))
    most = int(params["MaxCount"])
    for subnet_id, each in wanted.items():
        free = islice(account.moto.free_addresses(call.region, subnet_id), most * each)
        most = min(most, sum(1 for _ in free) // each)
        if most < params["MinCount"]:
            raise ServiceError(
                "InsufficientFreeAddressesInSubnet",
                f"There are not enough free addresses in subnet '{subnet_id}' to satisfy the requested number of "
                "instances.",
            )
    return most


def _check_profile(profile: Params, account: Account) -> None:
    for member in ("Name", "Arn"):
        named = profile.get(member)
        if named and account.moto.profile_roles(named) is None:
            which = "name" if member == "Name" else "ARN"
            raise bad_value(named, f"iamInstanceProfile.{member.lower()}", f"Invalid IAM Instance Profile {which}")


def _places(params: Params) -> list[Params]:
    """Subnet, groups and address of each new interface."""
    if not params.get("NetworkInterfaces"):
        return [
            {
                "SubnetId": params.get("SubnetId"),
                "Groups": params.get("SecurityGroupIds", []),
                "PrivateIpAddress": params.get("PrivateIpAddress"),
                **{name: params[name] for name in ipv6.PARAMETERS if name in params},
            }
        ]
    if params.get("SubnetId") or params.get("SecurityGroupIds") or params.get("SecurityGroups"):
        raise invalid(
            "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same "
            "request",
            "InvalidParameterCombination",
        )
    if any(name in params for name in ipv6.PARAMETERS):
        raise invalid(
            "Network interfaces and instance-level IPv6 addresses may not be specified on the same request",
            "InvalidParameterCombination",
        )
    return [interface for interface in params["NetworkInterfaces"] if not interface.get("NetworkInterfaceId")]


def _check_place(call: Call, account: Account, place: Params) -> None:
    if not place.get("SubnetId"):
        for subnet in _default_subnets(call, account):
            ipv6.check(account, call.region, place, subnet)
        return
    subnet = described(account, call.region, "Subnets", SubnetIds=[place["SubnetId"]])[0]
    if place.get("Groups"):
        check_groups(call.region, account, place["Groups"], subnet)
    address = place.get("PrivateIpAddress")
    for family, named in (("private IP", address), ("IPv6", place.get("Ipv6Addresses"))):
        if named and call.params.get("MaxCount", 1) > 1:
            raise invalid(
                f"More than one instance cannot be launched with one {family} address.", "InvalidParameterCombination"
            )
    if address:
        check_address(call.region, account, address, subnet)
    ipv6.check(account, call.region, place, subnet)


def _default_subnets(call: Call, account: Account) -> list[Params]:
    """The default subnet of the zone that a launch names, or of the first zone; empty where there is none."""
    zone = call.params.get("Placement", {}).get("AvailabilityZone") or f"{call.region}a"
    return described(account, call.region, "Subnets", {"default-for-az": "true", "availability-zone": zone})


def check_groups(region: str, account: Account, group_ids: list[str], subnet: Params) -> None:
    """Security groups must exist and belong to the subnet's VPC."""
    for group_id in group_ids:
        if vpc_of_group(account, region, group_id) != subnet["VpcId"]:
            raise ServiceError(
                "InvalidParameter",
                f"Security group {group_id} and subnet {subnet['SubnetId']} belong to different networks.",
            )


def check_address(region: str, account: Account, address: str, subnet: Params) -> None:
    """A private address must be inside the subnet, and neither reserved nor taken."""
    try:
        block = cidr(subnet["CidrBlock"], "cidrBlock")
        place = int(cidr(f"{address}/32", "address").network_address) - int(block.network_address)
    except ServiceError:
        raise bad_value(address, "address", "Not a valid IPv4 address.") from None
    if not 0 <= place < block.num_addresses:
        raise invalid(f"Address {address} does not fall within the subnet's address range")
    if place < 4 or place == block.num_addresses - 1:
        raise invalid(f"Address {address} is in subnet's reserved address range")
    if address in account.moto.addresses_in_use(region, subnet["SubnetId"]):
        raise ServiceError("InvalidIPAddress.InUse", f"Address {address} is in use.")


@replaces("ec2", "RunInstances")
def launch(call: Call, account: Account) -> Params:
    """As many instances as there may be and have room; each is pending, its primary interface goes with it."""
    token, asked = call.params.get("ClientToken"), _asked(call)
    before = account.state(Launches, call.region).tokens.get(token or "")
    if before is not None:
        return _launched_before(call, account, before, asked)
    params = _located(call, account)
    count = _most(call, account, params)
    reply = account.aws("ec2", "RunInstances", call.region, **params | {"MinCount": count, "MaxCount": count})
    for index, instance in enumerate(reply["Instances"]):
        instance_id = instance["InstanceId"]
        if index:
            _give_profile(call, account, instance_id)
        if call.params.get("DisableApiTermination"):
            # moto forgets this parameter.
            protect = {"InstanceId": instance_id, "DisableApiTermination": {"Value": True}}
            account.aws("ec2", "ModifyInstanceAttribute", call.region, **protect)
        for interface in instance["NetworkInterfaces"]:
            _set_deletion(call, account, interface)
            _give_ipv6(call, account, interface)
            _tag(call, account, interface)
        account.moto.settle_instance_groups(call.region, instance_id)
        instances.begin(account, call.region, instance_id, "pending", "running")
    started = [instance["InstanceId"] for instance in reply["Instances"]]
    if token:
        account.state(Launches, call.region).tokens[token] = (asked, started)
    return _reservation(call, account, started)


def _asked(call: Call) -> str:
    meant = {name: value for name, value in call.params.items() if name not in ("ClientToken", "DryRun")}
    return hashlib.sha256(orjson.dumps(meant, option=orjson.OPT_SORT_KEYS, default=repr)).hexdigest()


def _launched_before(call: Call, account: Account, before: tuple[str, list[str]], asked: str) -> Params:
    """A call that is made again with its token starts nothing."""
    if before[0] != asked:
        raise ServiceError(
            "IdempotentParameterMismatch",
            "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
        )
    return _reservation(call, account, before[1])


def _reservation(call: Call, account: Account, instance_ids: list[str]) -> Params:
    shown = account.aws("ec2", "DescribeInstances", call.region, InstanceIds=instance_ids)
    return dict(shown["Reservations"][0])


def _give_profile(call: Call, account: Account, instance_id: str) -> None:
    """moto gives the instance profile to the first instance only."""
    profile = call.params.get("IamInstanceProfile")
    if profile:
        account.aws(
            "ec2", "AssociateIamInstanceProfile", call.region, IamInstanceProfile=profile, InstanceId=instance_id
        )


def _asked_interface(call: Call, interface: Params) -> Params:
    """What a launch says of one interface of a new instance; empty where it says nothing."""
    given = call.params.get("NetworkInterfaces", ())
    index = interface["Attachment"]["DeviceIndex"]
    return next((asked for asked in given if asked.get("DeviceIndex", 0) == index), {})


def _set_deletion(call: Call, account: Account, interface: Params) -> None:
    asked = _asked_interface(call, interface)
    default = interface["Attachment"]["DeviceIndex"] == 0 and not asked.get("NetworkInterfaceId")
    account.moto.set_delete_on_termination(
        call.region, interface["NetworkInterfaceId"], bool(asked.get("DeleteOnTermination", default))
    )


def _give_ipv6(call: Call, account: Account, interface: Params) -> None:
    asked = _asked_interface(call, interface)
    if not asked.get("NetworkInterfaceId"):
        given = asked if call.params.get("NetworkInterfaces") else call.params
        ipv6.assign_at_creation(account, call.region, interface, given)


def _tag(call: Call, account: Account, interface: Params) -> None:
    """moto leaves out the tags of an interface that is made with its instance; one that was there keeps its own."""
    given = {interface.get("NetworkInterfaceId") for interface in call.params.get("NetworkInterfaces", ())}
    if interface["NetworkInterfaceId"] in given:
        return
    for spec in call.params.get("TagSpecifications", ()):
        if spec.get("ResourceType") == "network-interface":
            tags = {tag["Key"]: tag.get("Value", "") for tag in spec.get("Tags", ())}
            account.moto.set_tags(call.region, interface["NetworkInterfaceId"], tags)


@guards("ec2", "CreateNetworkInterface")
def may_create_interface(call: Call, account: Account) -> None:
    subnet = described(account, call.region, "Subnets", SubnetIds=[call.params["SubnetId"]])[0]
    check_groups(call.region, account, call.params.get("Groups", []), subnet)
    if call.params.get("PrivateIpAddress"):
        check_address(call.region, account, call.params["PrivateIpAddress"], subnet)
    ipv6.check(account, call.region, call.params, subnet)


@replaces("ec2", "CreateNetworkInterface")
def create_interface(call: Call, account: Account) -> Params:
    """moto draws any address, also one that is taken."""
    params = ipv6.without_ipv6(call.params)
    if not params.get("PrivateIpAddress") and not params.get("PrivateIpAddresses"):
        address = next(account.moto.free_addresses(call.region, params["SubnetId"]), None)
        if address is None:
            raise ServiceError(
                "InsufficientFreeAddressesInSubnet",
                f"The specified subnet '{params['SubnetId']}' does not have enough free addresses.",
            )
        params["PrivateIpAddress"] = address
    reply = account.aws("ec2", "CreateNetworkInterface", call.region, **params)
    assigned = ipv6.assign_at_creation(account, call.region, reply["NetworkInterface"], call.params)
    reply["NetworkInterface"]["Ipv6Addresses"] = [{"Ipv6Address": address} for address in assigned]
    return reply


@follows("ec2", "ModifyInstanceAttribute")
def instance_groups(call: Call, account: Account, reply: Params) -> Params:
    """An instance's groups are its primary interface's."""
    if call.params.get("Groups"):
        account.moto.settle_instance_groups(call.region, call.params["InstanceId"], from_instance=True)
    return reply


@follows("ec2", "ModifyNetworkInterfaceAttribute")
def interface_groups(call: Call, account: Account, reply: Params) -> Params:
    if call.params.get("Groups"):
        asked = {"NetworkInterfaceIds": [call.params["NetworkInterfaceId"]]}
        attachment = described(account, call.region, "NetworkInterfaces", **asked)[0].get("Attachment", {})
        if attachment.get("InstanceId") and attachment.get("DeviceIndex") == 0:
            account.moto.settle_instance_groups(call.region, attachment["InstanceId"])
    return reply
