"""Fields, formats, single lines."""

import copy
import dataclasses
import doctest
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import helpers.flowlogs
from helpers.flowlogs import DEFAULT_FORMAT, FIELDS, FlowRecord, FormatError, LogFormat, RecordError

EVERYTHING = LogFormat(tuple(FIELDS))
SSH = (
    "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK"
)
NODATA = "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA"
TEXT = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=1).filter(lambda t: t != "-")


def values(field: helpers.flowlogs.Field) -> st.SearchStrategy[object]:
    if not field.is_integer:
        return st.none() | TEXT
    return st.none() | st.integers(0, 2**31 - 1 if field.type == "int32" else 2**63 - 1)


def records(fmt: LogFormat) -> st.SearchStrategy[FlowRecord]:
    return st.builds(FlowRecord, **{field.attribute: values(field) for field in fmt.fields})


@given(st.lists(st.sampled_from(list(FIELDS)), min_size=1, unique=True).map(tuple).map(LogFormat), st.data())
def test_record_to_line_to_record(fmt: LogFormat, data: st.DataObject) -> None:
    record = data.draw(records(fmt))
    line = fmt.render(record)
    assert fmt.read(line) == record
    assert fmt.render(fmt.read(line.replace(" ", "  \t"))) == line


@given(st.lists(st.sampled_from(list(FIELDS)), min_size=1, unique=True).map(tuple).map(LogFormat))
def test_format_to_text_to_format(fmt: LogFormat) -> None:
    assert LogFormat.parse(str(fmt)) == fmt
    assert LogFormat.from_header(" ".join(fmt.names)) == fmt
    assert pickle.loads(pickle.dumps(fmt)) == fmt


def test_every_field_has_its_attribute_and_back() -> None:
    attributes = [item.name for item in dataclasses.fields(FlowRecord)]
    assert [field.attribute for field in FIELDS.values()] == attributes
    assert len(FIELDS) == 54 and [f.version for f in FIELDS.values()] == sorted(f.version for f in FIELDS.values())


def test_the_default_format_is_version_2_and_every_field_of_it_has_an_insights_name() -> None:
    assert " ".join(DEFAULT_FORMAT.names) == (
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end "
        "action log-status"
    )
    named = [field.insights_name for field in FIELDS.values() if field.insights_name]
    assert " ".join(named) == (
        "version accountId interfaceId srcAddr dstAddr srcPort dstPort protocol packets bytes startTime "
        "endTime action logStatus pktSrcAddr pktDstAddr"
    )
    assert [field.name for field in FIELDS.values() if field.insights_name][:14] == list(DEFAULT_FORMAT.names)


def test_the_version_of_a_format_is_its_highest_field() -> None:
    assert DEFAULT_FORMAT.version == 2
    assert LogFormat.parse("${srcaddr} ${traffic-path} ${vpc-id}").version == 5
    assert EVERYTHING.version == 11


def test_published_lines() -> None:
    assert DEFAULT_FORMAT.read(SSH).dstport == 22
    record = DEFAULT_FORMAT.read(NODATA)
    assert (record.srcaddr, record.bytes, record.action, record.log_status) == (None, None, None, "NODATA")
    assert DEFAULT_FORMAT.render(record) == NODATA


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no field"),
        ("   ", "no field"),
        ("${srcaddr} ${source}", "field 2, at character 12: 'source'"),
        ("${srcaddr} ${tcp_flag}", "did you mean tcp-flags?"),
        ("${srcaddr} dstaddr", "at character 11: 'dstaddr' is not a field"),
        ("${srcaddr}${dstaddr}", "at character 11: a blank is missing"),
        ("${srcaddr} ${srcaddr}", "field 2: srcaddr is there twice"),
        ("${srcaddr", "at character 1: '${srcaddr' is not a field"),
    ],
)
def test_bad_formats_name_the_place(text: str, says: str) -> None:
    with pytest.raises(FormatError, match=r".*") as caught:
        LogFormat.parse(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "0 fields, 14 expected: nothing for field 1 (version)"),
        (SSH.removesuffix(" OK"), "13 fields, 14 expected: nothing for field 14 (log-status)"),
        (SSH + " OK", "15 fields, 14 expected: 'OK' after the last one (log-status)"),
        (SSH.replace(" 22 ", " ssh "), "field 7 (dstport): 'ssh' is not a whole number (int32)"),
        (SSH.replace(" 22 ", " 2_2 "), "field 7 (dstport): '2_2'"),
        (SSH.replace(" 22 ", " +22 "), "field 7 (dstport): '+22'"),
        (SSH.replace(" 22 ", " 2147483648 "), "field 7 (dstport): '2147483648'"),
        (SSH.replace(" 4249 ", " 1e3 "), "field 10 (bytes): '1e3'"),
        (SSH.replace(" 4249 ", " ٣ "), "field 10 (bytes): '٣'"),
    ],
)
def test_bad_lines_name_the_place(line: str, says: str) -> None:
    with pytest.raises(RecordError) as caught:
        DEFAULT_FORMAT.read(line)
    assert says in str(caught.value)


@pytest.mark.parametrize("value", ["", "a b", " "])
def test_a_value_that_no_line_can_hold_is_refused(value: str) -> None:
    with pytest.raises(RecordError, match=r"field 13 \(action\)"):
        DEFAULT_FORMAT.render(FlowRecord(action=value))


def test_a_read_record_behaves_like_a_made_one() -> None:
    read = DEFAULT_FORMAT.read(NODATA)
    made = FlowRecord(
        version=2,
        account_id="123456789010",
        interface_id="eni-1235b8ca123456789",
        start=1431280876,
        end=1431280934,
        log_status="NODATA",
    )
    assert read == made and hash(read) == hash(made) and repr(read) == repr(made)
    assert pickle.loads(pickle.dumps(read)) == made and copy.copy(read) == made
    assert dataclasses.replace(read, end=1) == dataclasses.replace(made, end=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        read.end = 1  # type: ignore[misc]
    with pytest.raises(AttributeError):
        FlowRecord.of({"source": "10.0.0.1"})


def test_the_examples_in_the_docstrings_run() -> None:
    for module in (
        helpers.flowlogs,
        helpers.flowlogs.format,
        helpers.flowlogs.record,
        helpers.flowlogs.table,
    ):
        result = doctest.testmod(module)
        assert result.attempted and not result.failed


@pytest.mark.parametrize(
    "line", ["account-id srcaddr start", "account_id,srcaddr,start", "accountId\tsrcAddr\tstartTime"]
)
def test_a_header_may_spell_its_names_in_three_ways(line: str) -> None:
    assert LogFormat.from_header(line).names == ("account-id", "srcaddr", "start")


@pytest.mark.parametrize("name", ["resource-type", "tgw-id", "packets-lost-no-route"])
def test_a_field_of_a_transit_gateway_is_named_as_such(name: str) -> None:
    with pytest.raises(FormatError, match=f"'{name}' is a field of transit gateway flow logs"):
        LogFormat.parse(f"${{version}} ${{{name}}}")
