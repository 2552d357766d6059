"""flowlogs-reader, a program of other people, finds an AWS behind AWS_ENDPOINT_URL and reads what was delivered."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sandbox.dataplane.conftest import GROUP, Lab
from tests.support import network

Reader = Callable[..., list[str]]
FIELDS = 14
DAY = ("--start-time", "2026-01-05 00:00:00", "--end-time", "2026-01-06 00:00:00")


@pytest.fixture(scope="module")
def traffic(lab: Lab) -> list[list[str]]:
    """Some traffic of every kind, accepted and rejected; the records in the default format."""
    there = network.SERVER_ADDRESS
    lab.run(f"ping -c 2 {there}", f"curl -s -o /dev/null http://{there}/", f"curl -s -m 2 {there}:3389", "sleep 100")
    lab.run(f"curl -s -o /dev/null http://{there}/")
    lab.box.advance(1200)
    found = [line for side in (lab.net.client, lab.net.server) for line in network.records(lab, side.interface)]
    assert {line[12] for line in found} == {"ACCEPT", "REJECT"} and len(found) >= 12
    return found


@pytest.fixture(scope="module")
def read(lab: Lab, traffic: list[list[str]], tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Run flowlogs_reader in surroundings that hold nothing but endpoint, key and Region; its lines."""
    info = lab.box.info
    home = tmp_path_factory.mktemp("nobody")
    surroundings = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AWS_ENDPOINT_URL": info.endpoint,
        "AWS_ACCESS_KEY_ID": info.access_key_id,
        "AWS_SECRET_ACCESS_KEY": info.secret_access_key,
        "AWS_DEFAULT_REGION": info.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "TZ": "UTC",
    }

    def run(*words: str) -> list[str]:
        command = [str(Path(sys.executable).with_name("flowlogs_reader")), *words]
        done = subprocess.run(command, env=surroundings, cwd=home, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


def shown(lines: list[list[str]]) -> list[list[str]]:
    """Records as it prints them: all the fields it knows, version 2 first; a dash also where the number is zero."""
    return sorted(["-" if word == "0" else word for word in line[:FIELDS]] for line in lines)


def printed(lines: list[str], status: str = "OK") -> list[list[str]]:
    """The records among printed lines, in the default format's fields."""
    return shown([words for words in (line.split() for line in lines) if words[FIELDS - 1] == status])


def test_it_prints_every_record(read: Reader, traffic: list[list[str]]) -> None:
    """It asks DescribeFlowLogs for the format, and pages through FilterLogEvents."""
    lines = read(*DAY, network.GROUP)
    assert printed(lines) == shown(traffic)
    assert printed(lines, "NODATA") and len(lines) == len(traffic) + len(printed(lines, "NODATA"))


def test_it_sees_nothing_where_it_asks_by_the_machines_clock(read: Reader) -> None:
    """It then asks for the last hour, and the sandbox's time is another one."""
    assert read(network.GROUP) == []


def test_it_reads_stream_by_stream_with_threads(read: Reader, traffic: list[list[str]]) -> None:
    assert printed(read(*DAY, "--thread-count", "2", network.GROUP)) == shown(traffic)


def test_it_filters_by_pattern(read: Reader, traffic: list[list[str]]) -> None:
    rejected = [line for line in traffic if line[12] == "REJECT"]
    assert rejected and printed(read(*DAY, "--filter-pattern", "REJECT", network.GROUP)) == shown(rejected)


def test_it_aggregates(read: Reader, traffic: list[list[str]]) -> None:
    head, *rows = (line.split("\t") for line in read(*DAY, network.GROUP, "aggregate"))
    assert head == ["bytes", "dstaddr", "dstport", "end", "packets", "protocol", "srcaddr", "srcport", "start"]
    expected: Counter[tuple[str, ...]] = Counter()
    for line in traffic:
        expected[line[3], line[4], line[5], line[6], line[7]] += int(line[9])
    got = {
        (row["srcaddr"], row["dstaddr"], row["srcport"], row["dstport"], row["protocol"]): int(row["bytes"])
        for row in (dict(zip(head, row, strict=True)) for row in rows)
    }
    assert got == expected


def test_it_finds_addresses(read: Reader, traffic: list[list[str]]) -> None:
    assert set(read(*DAY, network.GROUP, "ipset")) == {network.CLIENT_ADDRESS, network.SERVER_ADDRESS}
    assert printed(read(*DAY, network.GROUP, "findip", network.SERVER_ADDRESS)) == shown(traffic)


def test_it_understands_a_custom_format(read: Reader, lab: Lab, traffic: list[list[str]]) -> None:
    """The format, which begins with other fields, comes from DescribeFlowLogs."""
    records = lab.delivered(0)
    expected = Counter((one.interface_id, one.flow_direction, one.action, str(one.bytes)) for one in records)
    lines = [line.split() for line in read(*DAY, GROUP)]
    ways = {word: place for line in lines for place, word in enumerate(line) if word in ("ingress", "egress")}
    assert len(set(ways.values())) == 1, "all in one column"
    way = ways["egress"]
    assert Counter((line[2], line[way], line[12], line[9]) for line in lines if line[13] == "OK") == expected


def test_a_wrong_key_gets_it_nowhere(read: Reader, lab: Lab, tmp_path: Path) -> None:
    surroundings = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": lab.box.info.endpoint,
        "AWS_ACCESS_KEY_ID": lab.box.info.access_key_id,
        "AWS_SECRET_ACCESS_KEY": "wrong",
        "AWS_DEFAULT_REGION": lab.box.info.region,
    }
    command = [str(Path(sys.executable).with_name("flowlogs_reader")), *DAY, network.GROUP]
    done = subprocess.run(command, env=surroundings, cwd=tmp_path, capture_output=True, text=True, timeout=180)
    assert done.returncode != 0 and "Error" in done.stderr and not done.stdout
