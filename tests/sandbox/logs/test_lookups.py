import pytest

from helpers.sandbox.calls import ServiceError
from tests.sandbox.logs.conftest import FakeAccount, put
from tests.sandbox.logs.test_queries import finished, refused, start

ARN = "arn:aws:logs:us-east-1:123456789012:lookup-table:ports"
RECORD = "2 123456789012 eni-1 10.1.1.1 10.2.1.10 51000 {} 6 10 840 1700000000 1700000060 ACCEPT OK"
QUERY = "fields dstPort | lookup ports port as dstPort OUTPUT service | sort dstPort"


@pytest.fixture
def ports(group: FakeAccount) -> FakeAccount:
    put(group, *[(0, RECORD.format(port)) for port in (22, 80, 999)])
    reply = group.call(
        "CreateLookupTable", lookupTableName="ports", tableBody="port,service\n22,ssh\n80,http\n", description="d"
    )
    assert reply["lookupTableArn"] == ARN
    return group


def test_a_query_needs_its_table(ports: FakeAccount) -> None:
    ports.call("DeleteLookupTable", lookupTableArn=ARN)
    error = refused(ports, "MalformedQueryException", QUERY)
    place = error.members["queryCompileError"]["location"]
    assert QUERY[place["startCharOffset"] : place["endCharOffset"]] == "ports"


def test_tables_are_described_and_made_from_a_query(ports: FakeAccount) -> None:
    query_id = start(ports, "stats count(*) as n by dstPort | sort dstPort")
    with pytest.raises(ServiceError, match="no complete query"):
        ports.call("CreateLookupTable", lookupTableName="counts", queryId=query_id)
    finished(ports, query_id)
    ports.call("CreateLookupTable", lookupTableName="counts", queryId=query_id)
    [counts, described] = ports.call("DescribeLookupTables")["lookupTables"]
    assert (counts["tableFields"], counts["recordsCount"]) == (["dstPort", "n"], 3)
    assert (described["tableFields"], described["recordsCount"]) == (["port", "service"], 2)
    assert described["description"] == "d" and described["sizeBytes"] == len("port,service\n22,ssh\n80,http\n")
    body = ports.call("GetLookupTable", lookupTableArn=counts["lookupTableArn"])["tableBody"]
    assert body == "dstPort,n\n22,1\n80,1\n999,1\n"
    page = ports.call("DescribeLookupTables", maxResults=1)
    rest = ports.call("DescribeLookupTables", nextToken=page["nextToken"])["lookupTables"]
    assert [table["lookupTableName"] for table in rest] == ["ports"]
    assert ports.restarted().call("GetLookupTable", lookupTableArn=counts["lookupTableArn"])["tableBody"] == body


def test_tables_that_are_refused(ports: FakeAccount) -> None:
    for params, text in (
        ({"lookupTableName": "ports", "tableBody": "a\n1"}, "already exists"),
        ({"lookupTableName": "x"}, "either tableBody or queryId"),
        ({"lookupTableName": "x", "tableBody": "a\n1", "queryId": "q"}, "either tableBody or queryId"),
        ({"lookupTableName": "x", "tableBody": "a\n1", "kmsKeyId": "k"}, "kmsKeyId"),
        ({"lookupTableName": "x", "tableBody": "\n\n"}, "no header"),
    ):
        with pytest.raises(ServiceError, match=text):
            ports.call("CreateLookupTable", **params)
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        ports.call("GetLookupTable", lookupTableArn="arn:aws:logs:us-east-1:123456789012:lookup-table:none")
