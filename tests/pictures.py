"""The pictures of README.md, made by the course: ``python -m tests.pictures`` writes them into ``docs/pictures``."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from helpers.figures import network_figure, packet_path_figure
from helpers.lab import Lab
from helpers.network import Packet
from tests.modules import ROOT
from tests.support.homes import lab_after

FOLDER = ROOT / "docs" / "pictures"
COMMAND = "python -m tests.pictures"
NAMED = [{"Name": "key", "Values": ["Name"]}]
SYN, TCP, SSH, EPHEMERAL = 2, 6, 22, 40000


def pictures(lab: Lab) -> Mapping[str, str]:
    """File name -> SVG: the network that lesson 01 builds, and the path of ssh from ``client-a`` to ``db-b`` in it."""
    ec2 = lab.client("ec2")
    names = {tag["ResourceId"]: tag["Value"] for tag in ec2.describe_tags(Filters=NAMED)["Tags"]}
    topology, vpcs = lab.topology(), [str(lab.find("vpc", name)) for name in ("vpc-a", "vpc-b")]
    client = ec2.describe_instances(InstanceIds=[lab.find("instance", "client-a")])["Reservations"][0]["Instances"][0]
    sender = client["NetworkInterfaces"][0]["NetworkInterfaceId"]
    packet = Packet("10.1.0.10", "10.2.1.10", TCP, EPHEMERAL, SSH, tcp_flags=SYN, source_interface=sender)
    drawn = {
        "network.svg": network_figure(topology, names=names, vpcs=vpcs),
        "rejected.svg": packet_path_figure(topology, packet, names),
    }
    return {name: figure.image.decode() for name, figure in drawn.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, lab_after("01", Path(folder) / "home") as lab:
        for name, drawing in pictures(lab).items():
            (FOLDER / name).write_text(drawing, "utf-8")
