"""The learner's session: one object that knows who you are, where, and what is yours.

    from helpers.lab import open_lab

    lab = open_lab(mode="sandbox", region="us-east-1", prefix="demo")
    ec2 = lab.client("ec2")
    vpc_a = lab.find("vpc", "vpc-a") or ec2.create_vpc(
        CidrBlock="10.1.0.0/16", TagSpecifications=lab.tag_spec("vpc", "vpc-a")
    )["Vpc"]["VpcId"]

The same lines run in the sandbox and, with ``mode="aws"``, in a real account.
"""

from helpers.lab.errors import LabError
from helpers.lab.lab import Lab, open_lab

__all__ = ["Lab", "LabError", "open_lab"]
