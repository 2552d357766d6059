"""The picture of a network shows what the describe calls tell, in shapes and in words."""

import doctest
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

import helpers.figures
from helpers.figures import Figure, network_figure
from helpers.figures.svg import Drawing
from helpers.network import Topology
from tests.figures.legible import illegible
from tests.support.topology import NAMES, pages, topology

SVG = "{http://www.w3.org/2000/svg}"


def drawn(figure: Figure) -> ElementTree.Element:
    return ElementTree.fromstring(figure.image)


def words(figure: Figure) -> list[str]:
    return [element.text or "" for element in drawn(figure).iter(f"{SVG}text")]


def test_it_is_a_drawing_on_an_opaque_light_ground() -> None:
    figure = network_figure(topology(), names=NAMES)
    root = drawn(figure)
    assert figure.media_type == "image/svg+xml"
    assert root.tag == f"{SVG}svg"
    ground = next(root.iter(f"{SVG}rect"))
    assert (ground.get("fill"), ground.get("width"), ground.get("height")) == (
        "#FFFFFF", root.get("width"), root.get("height"),
    )  # fmt: skip
    assert root.findtext(f"{SVG}desc") == figure.alt


@pytest.mark.parametrize(
    "fact",
    [
        *("VPC demo-vpc-a", "10.1.0.0/16", "demo-client-a", "10.1.0.10", "public 203.0.113.20", "running"),
        *("public subnet demo-public-a", "private subnet demo-private-b", "no public address", "demo-igw-a"),
        *("group demo-sg-a", "network ACL: acl-a, the VPC's default", "network ACL: demo-acl-private-b, its own"),
        *("10.2.0.0/16  → demo-a-b", "0.0.0.0/0    → demo-igw-a", "⇄ peering", "active", "no internet gateway"),
    ],
)
def test_it_says_so_in_words(fact: str) -> None:
    assert fact in words(network_figure(topology(), names=NAMES))


@pytest.mark.parametrize(
    "line",
    [
        "VPC demo-vpc-a (vpc-a) 10.1.0.0/16",
        "  internet gateway: demo-igw-a (igw-a)",
        "  internet gateway: none",
        "  public subnet demo-public-a (subnet-a) 10.1.0.0/24",
        "    network ACL: demo-acl-private-b, its own",
        "    route table: rtb-a",
        "      0.0.0.0/0 -> demo-igw-a",
        "    demo-client-a: 10.1.0.10, public 203.0.113.20, running, eni-client",
        "      security groups: demo-sg-b",
        "Peering demo-a-b (pcx-ab): demo-vpc-a - demo-vpc-b, active",
    ],
)
def test_the_text_holds_everything(line: str) -> None:
    assert line in network_figure(topology(), names=NAMES).text.splitlines()


def test_without_names_the_ids_stand() -> None:
    figure = network_figure(topology())
    assert "VPC vpc-a" in words(figure)
    assert "Peering pcx-ab: vpc-a - vpc-b, active" in figure.text


def test_what_is_broken_is_said_not_only_coloured() -> None:
    figure = network_figure(topology(peering="deleted", gateway=False), names=NAMES)
    assert "10.2.0.0/16  → demo-a-b ✗ blackhole" in words(figure)
    assert "10.2.0.0/16 -> demo-a-b (blackhole: its target is gone)" in figure.text
    assert not [text for text in words(figure) if "peering" in text]
    assert "private subnet demo-public-a" in words(figure)


def test_a_stopped_machine_and_a_pending_peering_are_told() -> None:
    content = pages(peering="pending-acceptance")
    content["Instances"][1]["State"] = {"Name": "stopped"}
    figure = network_figure(Topology.from_describe(None, **content), names=NAMES)
    assert "stopped" in words(figure)
    assert "pending-acceptance" in words(figure)


def test_only_the_vpcs_asked_for_are_drawn() -> None:
    figure = network_figure(topology(), names=NAMES, vpcs=["vpc-b"])
    assert "VPC demo-vpc-b" in words(figure)
    assert "demo-vpc-a" not in figure.text
    with pytest.raises(KeyError, match="vpc-none"):
        network_figure(topology(), vpcs=["vpc-none"])


def test_a_third_vpc_and_a_subnet_without_machines_fit() -> None:
    content = pages()
    content["Vpcs"].append({"VpcId": "vpc-c", "CidrBlock": "10.3.0.0/16"})
    content["Subnets"].append({"SubnetId": "subnet-c", "VpcId": "vpc-c", "CidrBlock": "10.3.0.0/24"})
    content["VpcPeeringConnections"].append(
        {
            "VpcPeeringConnectionId": "pcx-ac",
            "RequesterVpcInfo": {"VpcId": "vpc-a"},
            "AccepterVpcInfo": {"VpcId": "vpc-c"},
            "Status": {"Code": "active"},
        }
    )
    figure = network_figure(Topology.from_describe(None, **content))
    assert "no network interface" in words(figure)
    assert "peering pcx-ac, active: vpc-a - vpc-c" in words(figure)
    inside(figure)


def test_an_empty_account_gives_an_empty_picture() -> None:
    figure = network_figure(Topology())
    assert (figure.alt, figure.text) == ("No VPC.", "")
    inside(figure)


def test_nothing_leaves_the_drawing() -> None:
    inside(
        network_figure(topology(), names={key: f"{value}-with-a-very-long-name-indeed" for key, value in NAMES.items()})
    )


def inside(figure: Figure) -> None:
    """Every box and every word lies within the picture; words are measured generously."""
    root = drawn(figure)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for box in root.iter(f"{SVG}rect"):
        place = {key: float(box.get(key, 0)) for key in ("x", "y", "width", "height")}
        assert place["x"] + place["width"] <= width and place["y"] + place["height"] <= height
    for text in root.iter(f"{SVG}text"):
        long = len(text.text or "") * float(text.get("font-size", 0)) * 0.65
        start = float(text.get("x", 0)) - (long / 2 if text.get("text-anchor") == "middle" else 0)
        assert start >= 0 and start + long <= width + 20, text.text
        assert 0 < float(text.get("y", 0)) <= height


def test_names_cannot_break_out() -> None:
    figure = network_figure(topology(), names={"vpc-a": "<script>&", "i-client": '"><img>'})
    assert "VPC <script>&" in words(figure)
    assert "<script>" not in figure.html


def test_equal_networks_give_equal_pictures_in_any_order_and_process() -> None:
    content = pages()
    turned: dict[str, Any] = {key: items[::-1] for key, items in content.items()}
    one = network_figure(Topology.from_describe(None, **content), names=NAMES)
    other = network_figure(Topology.from_describe(None, **turned), names=dict(reversed(NAMES.items())))
    assert one == other
    command = (
        "import sys; from helpers.figures import network_figure; from tests.support.topology import NAMES, topology; "
        "sys.stdout.buffer.write(network_figure(topology(), names=NAMES).image)"
    )
    root = Path(__file__).resolve().parents[2]
    again = subprocess.run([sys.executable, "-c", command], cwd=root, capture_output=True, check=True, timeout=60)
    assert again.stdout == one.image


def test_a_figure_is_a_value() -> None:
    figure = network_figure(topology())
    with pytest.raises(FrozenInstanceError):
        figure.alt = "another"  # type: ignore[misc]


def test_the_examples_in_the_docstring_run() -> None:
    assert doctest.testmod(helpers.figures).failed == 0


def test_it_is_legible() -> None:
    assert illegible(network_figure(topology(peering="deleted", gateway=False), names=NAMES)) == []
    assert illegible(network_figure(topology(), names=NAMES)) == []


def test_what_is_not_legible_is_told() -> None:
    drawing = Drawing(100, 50, "t", "d")
    drawing.words(5, 20, "pale", fill="#AAAAAA")
    drawing.words(5, 40, "small", size=9)
    drawing.words(90, 20, "long", size=12)
    told = illegible(Figure(str(drawing).encode(), "image/svg+xml", "d"))
    assert told == ["'pale' is #AAAAAA on #FFFFFF", "'small' has 9 px", "'long' leaves the picture"]
