"""Elastic IP addresses: released when nothing uses them, associated where the VPC has a way out.

Source: ReleaseAddress and AssociateAddress in the EC2 API Reference, and its error table.
"""

from helpers.sandbox.calls import Account, Call, Params, ServiceError, guards, replaces
from helpers.sandbox.ec2.common import described


@guards("ec2", "ReleaseAddress", state=True)
def may_release(call: Call, account: Account) -> None:
    """In a default VPC a release disassociates first; elsewhere the caller has to."""
    named = {f"{name}s": [call.params[name]] for name in ("AllocationId", "PublicIp") if call.params.get(name)}
    for address in described(account, call.region, "Addresses", **named):
        held = {"network-interface-id": address.get("NetworkInterfaceId", "")}
        for interface in described(account, call.region, "NetworkInterfaces", held):
            if not described(account, call.region, "Vpcs", VpcIds=[interface["VpcId"]])[0]["IsDefault"]:
                raise ServiceError("InvalidIPAddress.InUse", f"Address {address['PublicIp']} is in use.")


@guards("ec2", "AssociateAddress", state=True)
def may_associate(call: Call, account: Account) -> None:
    for interface in _targets(call, account):
        if not described(account, call.region, "InternetGateways", {"attachment.vpc-id": interface["VpcId"]}):
            raise ServiceError(
                "Gateway.NotAttached", f"Network {interface['VpcId']} is not attached to any internet gateway"
            )


def _targets(call: Call, account: Account) -> list[Params]:
    place = {"network-interface-id": call.params.get("NetworkInterfaceId", "")}
    if call.params.get("InstanceId"):
        place = {"attachment.instance-id": call.params["InstanceId"]}
    return described(account, call.region, "NetworkInterfaces", place)


@replaces("ec2", "AssociateAddress")
def associate(call: Call, account: Account) -> Params:
    """Reassociation is automatic unless it is forbidden, and an address that the target had before is let go."""
    named = {call.params.get("AllocationId"), call.params.get("PublicIp")}
    targets = {interface["NetworkInterfaceId"] for interface in _targets(call, account)}
    addresses = described(account, call.region, "Addresses")
    used = [address for address in addresses if address.get("AssociationId")]
    asked = [address for address in used if named & {address["AllocationId"], address["PublicIp"]}]
    moving = [address for address in asked if address["NetworkInterfaceId"] not in targets]
    displaced = [address for address in used if address["NetworkInterfaceId"] in targets and address not in asked]
    if not moving or call.params.get("AllowReassociation", True):
        for address in (*moving, *displaced):
            account.aws("ec2", "DisassociateAddress", call.region, AssociationId=address["AssociationId"])
    return account.aws("ec2", "AssociateAddress", call.region, **call.params)
