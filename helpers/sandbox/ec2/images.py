"""What RunInstances is asked to start: the image, the instance type, and whether they fit; the key pair."""

import re

from helpers.sandbox.calls import Account, Call, Params, ServiceError
from helpers.sandbox.ec2.common import invalid

_IMAGE_ID = re.compile(r"ami-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_DEFAULT_TYPE = "m1.small"


def check(call: Call, account: Account) -> None:
    """Raises what EC2 answers to an image, a type or a key pair that it does not have."""
    params = call.params
    if params.get("LaunchTemplate"):
        return  # the template may name them
    image = _image(call, account)
    kind = params.get("InstanceType", _DEFAULT_TYPE)
    architectures = _architectures(call, account, kind)
    if image.get("Architecture") and image["Architecture"] not in architectures:
        raise invalid(
            f"The architecture '{','.join(architectures)}' of the specified instance type does not match the "
            f"architecture '{image['Architecture']}' of the specified AMI. Specify an instance type and an AMI that "
            f"have matching architectures, and try again. You can use 'describe-instance-types' or 'describe-images' "
            f"to discover the architecture of the instance type or AMI."
        )
    _check_key(call, account)


def _image(call: Call, account: Account) -> Params:
    image_id = call.params.get("ImageId")
    if not image_id:
        raise ServiceError("MissingParameter", "The request must contain the parameter ImageId")
    if not _IMAGE_ID.fullmatch(image_id):
        raise ServiceError("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')
    found: list[Params] = account.aws("ec2", "DescribeImages", call.region, ImageIds=[image_id])["Images"]
    return found[0]


def _architectures(call: Call, account: Account, kind: str) -> list[str]:
    try:
        found = account.aws("ec2", "DescribeInstanceTypes", call.region, InstanceTypes=[kind])["InstanceTypes"]
    except ServiceError:
        raise invalid(f"Invalid value '{kind}' for InstanceType.") from None
    return list(found[0]["ProcessorInfo"]["SupportedArchitectures"])


def _check_key(call: Call, account: Account) -> None:
    name = call.params.get("KeyName")
    if not name:
        return
    wanted = [{"Name": "key-name", "Values": [name]}]
    found = account.aws("ec2", "DescribeKeyPairs", call.region, Filters=wanted)["KeyPairs"]
    if name not in [each["KeyName"] for each in found]:
        raise ServiceError("InvalidKeyPair.NotFound", f"The key pair '{name}' does not exist")
