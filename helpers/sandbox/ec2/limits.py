"""Quotas of interfaces and addresses: five groups, what the instance type carries, five Elastic IP addresses.

Source: Amazon VPC quotas; the types' ``NetworkInfo`` in DescribeInstanceTypes; codes from the EC2 error table.
"""

from helpers.sandbox.calls import Account, Call, Params, ServiceError, guards
from helpers.sandbox.ec2 import images
from helpers.sandbox.ec2.common import described

GROUPS_PER_INTERFACE = 5
ADDRESSES_PER_REGION = 5


@guards("ec2", "RunInstances", "ModifyInstanceAttribute", state=True)
@guards("ec2", "CreateNetworkInterface", "ModifyNetworkInterfaceAttribute", state=True)
def groups_fit(call: Call, account: Account) -> None:
    places = (call.params, *call.params.get("NetworkInterfaces", ()))
    lists = [place[name] for place in places for name in ("Groups", "SecurityGroupIds") if name in place]
    if any(len(set(groups)) > GROUPS_PER_INTERFACE for groups in lists):
        kind = "Interface" if "NetworkInterface" in call.action else "Instance"
        message = f"The maximum number of security groups per {kind.lower()} has been reached."
        raise ServiceError(f"SecurityGroupsPer{kind}LimitExceeded", message)


@guards("ec2", "AllocateAddress", state=True)
def addresses_left(call: Call, account: Account) -> None:
    if len(described(account, call.region, "Addresses")) >= ADDRESSES_PER_REGION:
        raise ServiceError("AddressLimitExceeded", "The maximum number of addresses has been reached.")


def _interfaces_fit(kind: Params, count: int) -> None:
    if count > kind["NetworkInfo"]["MaximumNetworkInterfaces"]:
        limit = f"the limit for {kind['InstanceType']}"
        raise ServiceError("AttachmentLimitExceeded", f"Interface count {count} exceeds {limit}")


@guards("ec2", "RunInstances", state=True)
def type_carries_them(call: Call, account: Account) -> None:
    asked = call.params.get("NetworkInterfaces", ())
    if not asked:
        return
    kind = images.instance_type(call, account)
    _interfaces_fit(kind, len(asked))
    most = kind["NetworkInfo"]["Ipv4AddressesPerInterface"]
    for interface in asked:
        named = len(interface.get("PrivateIpAddresses", ())) or 1
        if interface.get("SecondaryPrivateIpAddressCount", 0) + named > most:
            raise ServiceError(
                "InvalidInterface.IpAddressLimitExceeded", "Number of private addresses will exceed limit."
            )


@guards("ec2", "AttachNetworkInterface", state=True)
def one_more_fits(call: Call, account: Account) -> None:
    instance = described(account, call.region, "Instances", InstanceIds=[call.params["InstanceId"]])[0]
    kind = described(account, call.region, "InstanceTypes", InstanceTypes=[instance["InstanceType"]])[0]
    _interfaces_fit(kind, len(instance["NetworkInterfaces"]) + 1)
