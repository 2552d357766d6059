"""A small network to break: one VPC, one subnet, an image."""

from dataclasses import dataclass
from typing import Any

import pytest

IMAGE_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"


@dataclass(frozen=True)
class Network:
    """Ids of what a test plays with; ``launch`` starts an instance in the subnet."""

    ec2: Any
    vpc: str
    subnet: str
    image: str

    def launch(self, **params: Any) -> dict[str, Any]:
        wanted = {
            "ImageId": self.image,
            "InstanceType": "t3.micro",
            "MinCount": 1,
            "MaxCount": 1,
            "SubnetId": self.subnet,
            **params,
        }
        reply = self.ec2.run_instances(**{key: value for key, value in wanted.items() if value is not None})
        instance: dict[str, Any] = reply["Instances"][0]
        return instance

    def state(self, instance_id: str) -> str:
        return str(self.show(instance_id)["State"]["Name"])

    def show(self, instance_id: str) -> dict[str, Any]:
        found = self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
        instance: dict[str, Any] = found
        return instance


def build(sandbox: Any, block: str = "10.1.0.0/16") -> Network:
    ec2 = sandbox.client("ec2")
    image = sandbox.client("ssm").get_parameter(Name=IMAGE_PARAMETER)["Parameter"]["Value"]
    vpc = ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=block.replace(".0.0/16", ".1.0/24"))["Subnet"]["SubnetId"]
    return Network(ec2, vpc, subnet, image)


@pytest.fixture(scope="module")
def network(sandbox: Any) -> Network:
    return build(sandbox)
