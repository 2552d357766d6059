"""Bulk reading agrees with reading line by line."""

import gzip
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.flowlogs import DEFAULT_FORMAT, BadLine, FlowRecord, LogFormat, RecordError, read_table
from tests.flowlogs.test_records import EVERYTHING, NODATA, SSH, records

PARTS = [
    "-",
    "1",
    "22",
    "007",
    "+5",
    "-5",
    "1e2",
    "1.5",
    "0x1f",
    "99999999999",
    "9" * 20,
    "ACCEPT",
    "é",
    "",
    "  ",
    "\t",
    "\r",
    "\n",
    "-1",
    '"',
    "\0",
    "\x1c",
    "\u3000",
]


def rows(frame: pd.DataFrame, fmt: LogFormat) -> list[FlowRecord]:
    """A table as records."""
    found = []
    for row in frame.itertuples(index=False):
        filled = {name: value for name, value in row._asdict().items() if not pd.isna(value)}
        found.append(FlowRecord.of({k: v if isinstance(v, str) else int(v) for k, v in filled.items()}))
    return found


def one_by_one(lines: list[str], fmt: LogFormat) -> tuple[list[FlowRecord], list[BadLine]]:
    good, bad = [], []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                good.append(fmt.read(line))
            except RecordError as error:
                bad.append(BadLine(number, line.rstrip("\r\n"), str(error)))
    return good, bad


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(PARTS), min_size=2, max_size=4).map(" ".join)
        | records(LogFormat(("srcport", "bytes", "action"))).map(LogFormat(("srcport", "bytes", "action")).render),
        max_size=8,
    )
)
def test_the_same_records_and_the_same_bad_lines_as_one_by_one(lines: list[str]) -> None:
    fmt = LogFormat(("srcport", "bytes", "action"))
    bad: list[BadLine] = []
    frame = read_table(lines, fmt, bad=bad)
    assert (rows(frame, fmt), bad) == one_by_one(lines, fmt)


@pytest.mark.parametrize(
    "lines",
    [
        ["- \r"],
        ["- - "],
        [" 1 2"],
        ["1 2 A "],
        ["1 2 -1"],
        ["-1 2 -"],
        ["1 -x A", "- - -"],
        ["- -", " "],
        [" ", "- - -"],
        ["1 2 A\n3 4 B"],
        ["1 2 A", "\n"],
        ["1  2 A"],
        ["1 2 ", "3 4 B"],
        ["\r"],
    ],
)
def test_lines_that_are_easily_read_wrong(lines: list[str]) -> None:
    fmt = LogFormat(("srcport", "bytes", "action"))
    bad: list[BadLine] = []
    frame = read_table(lines, fmt, bad=bad)
    assert (rows(frame, fmt), bad) == one_by_one(lines, fmt)


@settings(max_examples=10, deadline=None)
@given(st.lists(records(EVERYTHING), max_size=5))
def test_every_field_in_a_table(made: list[FlowRecord]) -> None:
    assert rows(read_table([EVERYTHING.render(one) for one in made], EVERYTHING), EVERYTHING) == made


def test_columns_have_one_type_whatever_the_content() -> None:
    for lines in ([], [SSH], [NODATA], [SSH, NODATA]):
        frame = read_table(lines)
        assert list(frame.columns) == [field.attribute for field in DEFAULT_FORMAT.fields]
        assert [str(frame[name].dtype) for name in ("dstport", "bytes", "srcaddr")] == [
            "Int32",
            "Int64",
            "str",
        ]
    pd.testing.assert_frame_equal(read_table([]), read_table([SSH])[:0])


def test_files_text_and_lines_read_alike(tmp_path: Path) -> None:
    header = " ".join(DEFAULT_FORMAT.names)
    text = f"{header}\n{SSH}\n{NODATA}\n"
    plain, packed, windows = tmp_path / "a.log", tmp_path / "b.log.gz", tmp_path / "c.log"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    windows.write_bytes(text.replace("\n", "\r\n").encode())
    expected = read_table([SSH, NODATA])
    with plain.open() as opened:
        for source in (plain, packed, windows, text, opened, iter([SSH, "", NODATA])):
            pd.testing.assert_frame_equal(read_table(source), expected)


def test_a_bad_line_raises_with_its_number_or_is_set_aside() -> None:
    lines = [SSH, "", "no record", NODATA]
    with pytest.raises(RecordError, match="line 3: 2 fields, 14 expected"):
        read_table(lines)
    bad: list[BadLine] = []
    assert len(read_table(lines, bad=bad)) == 2
    assert [(one.number, one.text) for one in bad] == [(3, "no record")]


@pytest.mark.parametrize("line", [SSH, NODATA, f"{SSH}\n{NODATA}", f"{NODATA}\n{SSH}\n"])
def test_good_lines_with_and_without_gaps_take_the_fast_way(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The strict way is some ten times slower: what a flow log delivers must not need it."""
    expected = [DEFAULT_FORMAT.read(one) for one in line.splitlines()]
    monkeypatch.setattr("duckdb.connect", lambda: pytest.fail("went the strict way"))
    assert rows(read_table(line), DEFAULT_FORMAT) == expected


def test_bytes_are_read_like_the_file_they_came_from() -> None:
    text = f"{SSH}\n{NODATA}\n".encode()
    expected = read_table([SSH, NODATA])
    for source in (text, bytearray(text), gzip.compress(text), gzip.compress(text[:40]) + gzip.compress(text[40:])):
        pd.testing.assert_frame_equal(read_table(source), expected)


def test_a_line_that_is_no_text_is_set_aside_and_the_rest_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_bytes(b"no record\n" + SSH.encode() + b"\n2 \xff\xfe rest\n" + NODATA.encode())
    bad: list[BadLine] = []
    assert len(read_table(file, bad=bad)) == 2
    assert [(one.number, one.text) for one in bad] == [(1, "no record"), (3, r"2 \xff\xfe rest")]
    assert bad[1].reason == "its bytes are not UTF-8"
    with pytest.raises(RecordError, match="line 1: 2 fields, 14 expected"):
        read_table(file)
    file.write_bytes(SSH.encode() + b"\n\xff")
    with pytest.raises(RecordError, match="line 2: its bytes are not UTF-8"):
        read_table(file)


@pytest.mark.parametrize("damage", ["cut", "flipped", "header"])
def test_damaged_gzip_is_said_with_its_place(tmp_path: Path, damage: str) -> None:
    packed = bytearray(gzip.compress(f"{SSH}\n".encode() * 50))
    if damage == "cut":
        packed = packed[:-12]
    elif damage == "flipped":
        packed[-6] ^= 0xFF
    else:
        packed = packed[:3]
    file = tmp_path / "b.log.gz"
    file.write_bytes(packed)
    with pytest.raises(RecordError, match=r"b\.log\.gz: the gzip data is damaged"):
        read_table(file)
