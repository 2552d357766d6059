"""What RunInstances is asked to start: the image, the instance type, and whether they fit; the key pair."""

from helpers.sandbox.calls import Account, Call, Params, ServiceError
from helpers.sandbox.ec2.common import described, invalid


def check(call: Call, account: Account) -> None:
    """Raises what EC2 answers to an image, a type or a key pair that it does not have."""
    image = _image(call, account)
    architectures = instance_type(call, account)["ProcessorInfo"]["SupportedArchitectures"]
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
    return described(account, call.region, "Images", ImageIds=[image_id])[0]


def instance_type(call: Call, account: Account) -> Params:
    """The type that RunInstances starts, as DescribeInstanceTypes shows it. Raises InvalidParameterValue."""
    kind = call.params.get("InstanceType", "m1.small")
    try:
        return described(account, call.region, "InstanceTypes", InstanceTypes=[kind])[0]
    except ServiceError:
        raise invalid(f"Invalid value '{kind}' for InstanceType.") from None


def _check_key(call: Call, account: Account) -> None:
    name = call.params.get("KeyName")
    if not name:
        return
    if name not in [pair["KeyName"] for pair in described(account, call.region, "KeyPairs")]:
        raise ServiceError("InvalidKeyPair.NotFound", f"The key pair '{name}' does not exist")
