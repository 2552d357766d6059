"""SQL over one log group: AWS's documented examples, types, what is refused and how it is named."""

import pytest

from helpers.insights import Database, Event, LogTable, MalformedQuery, QueryFailed, SqlQuery, run

START = 1_700_002_800
END = START + 3600
LINE = "2 123456789012 eni-1 10.0.0.{} 10.0.1.5 51000 {} 6 1 {} 1700002800 1700002860 {} OK"


COUNT = "SELECT `@logStream`, COUNT(*) as log_count FROM `LogGroupA` GROUP BY `@logStream`"


@pytest.fixture(scope="module")
def groups() -> dict[str, LogTable]:
    database = Database()
    flow, app = LogTable("/vpc/flow", database=database), LogTable("LogGroupA", database=database)
    flow.append(
        Event((START + at) * 1000 + 7, START * 1000, "eni-1-all",
              LINE.format(at % 3, 22 if at % 2 else 443, 10 * at, "ACCEPT" if at % 3 else "REJECT"))
        for at in range(6)
    )  # fmt: skip
    lines = ['{"Operation":"x","Error":3,"o":{"p":"deep"}}', '{"Operation":"Y","Error":0}',
             '{"Operation":"x","Error":"none"}', "plain"]  # fmt: skip
    app.append(Event((START + at) * 1000, START * 1000, f"s{at % 2}", text) for at, text in enumerate(lines))
    return {"/vpc/flow": flow, "LogGroupA": app}


def rows(groups: dict[str, LogTable], text: str) -> list[dict[str, str]]:
    query = SqlQuery(text)
    assert query.source is not None and query.source.group
    return [dict(row) for row in run(query, groups[query.source.group], START, END).rows]


def values(groups: dict[str, LogTable], text: str) -> list[list[str]]:
    return [list(row.values()) for row in rows(groups, text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SELECT `@message`, Operation FROM `LogGroupA` WHERE Operation = 'Y'", [['{"Operation":"Y","Error":0}', "Y"]]),
        (COUNT, [["s0", "2"], ["s1", "2"]]),
        (f"{COUNT} HAVING log_count > 100", []),
        ("SELECT upper(Operation) , lower(Operation), Operation FROM `LogGroupA` LIMIT 2",
         [["X", "x", "x"], ["Y", "y", "Y"]]),
        ("SELECT Operation, IF(Error > 0, 'High', 'Low') as error_category FROM `LogGroupA`;",
         [["x", "High"], ["Y", "Low"], ["x", "Low"], ["Low"]]),
        ("SELECT AVG(bytes) as bytesWritten FROM `/vpc/flow`", [["25.0"]]),
        ("SELECT get_json_object(`@message`, '$.o.p') as name FROM `LogGroupA`", [["deep"], [], [], []]),
        ("SELECT CAST('123' AS INT) as converted_number, CAST(123 AS STRING) as converted_string FROM `LogGroupA` "
         "LIMIT 1", [["123", "123"]]),
        ("SELECT T.srcAddr FROM `/vpc/flow` as t WHERE t.bytes = 50", [["10.0.0.2"]]),
    ],
)  # fmt: skip
def test_the_documented_examples(groups: dict[str, LogTable], text: str, wanted: list[list[str]]) -> None:
    assert values(groups, text) == wanted


def test_everything_and_its_order(groups: dict[str, LogTable]) -> None:
    found = rows(groups, "SELECT * FROM `/vpc/flow` WHERE action = 'REJECT' ORDER BY `@timestamp` DESC")
    assert [row["@timestamp"] for row in found] == ["2023-11-14 23:00:03.007", "2023-11-14 23:00:00.007"]
    assert list(found[0])[:5] == ["@timestamp", "@message", "@ingestionTime", "@logStream", "@log"]
    assert (found[0]["srcAddr"], found[0]["dstPort"], found[0]["accountId"]) == ("10.0.0.0", "22", "123456789012")
    assert list(rows(groups, "SELECT * FROM `LogGroupA` LIMIT 1")[0])[-1] == "@log"
    text = "SELECT srcaddr, sum(bytes), count(*) AS n FROM `/vpc/flow` GROUP BY srcAddr HAVING sum(bytes) > 30"
    assert rows(groups, f"{text} ORDER BY 2 DESC") == [
        {"srcaddr": "10.0.0.2", "sum(bytes)": "70", "n": "2"},
        {"srcaddr": "10.0.0.1", "sum(bytes)": "50", "n": "2"},
    ]
    assert values(groups, "SELECT DISTINCT action FROM `/vpc/flow`") == [["ACCEPT"], ["REJECT"]]
    assert values(groups, "SELECT max(bytes) AS bytes FROM `/vpc/flow` WHERE bytes < 50") == [["40"]]


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("bytes / 4", "12.5"),
        ("bytes > 10", "true"),
        ("bytes + packets", "51"),
        ("`@timestamp`", "2023-11-14 23:00:05.007"),
        ("date_trunc('minute', `@timestamp`)", "2023-11-14 23:00:00.000"),
        ("date_format(`@timestamp`, 'HH:mm')", "23:00"),
        ("hour(`@timestamp`)", "23"),
        ("substring(srcAddr, 1, 4)", "10.0"),
        ("srcAddr rlike '^10[.]0'", "true"),
        ("srcAddr like '10.%' and not dstPort between 23 and 500", "true"),
        ("CASE WHEN dstPort = 22 THEN 'ssh' ELSE 'other' END", "ssh"),
        ("coalesce(nosuch, action, 'x')", "ACCEPT"),
        ("cast(19 / 10 AS INT)", "1"),
        ("cast('-1.9' AS BIGINT)", "-1"),
        ("cast('9007199254740993' AS BIGINT)", "9007199254740993"),
        ("cast('x' AS INT)", None),
        ("cast(`@timestamp` AS BIGINT)", "1700002805"),
        ("concat(srcAddr, ':', bytes)", "10.0.0.2:50"),
        ("concat(srcAddr, nosuch)", None),
        ("'5%_' like '5\\%\\_'", "true"),
        ("'5a_' like '5\\%\\_'", "false"),
        ("seq", None),
        ("year(`@timestamp`) + month(`@timestamp`) + dayofmonth(`@timestamp`)", str(2023 + 11 + 14)),
        ("date_format(`@timestamp`, \"yyyy-MM-dd'T'HH:mm:ss.SSS\")", "2023-11-14T23:00:05.007"),
        ("cast(startTime AS TIMESTAMP)", "2023-11-14 23:00:00.000"),
        ("ceil(bytes / 7)", "8"),
        ("floor(bytes / 7)", "7"),
        ("coalesce(nosuch, 0)", "0"),
        ("nvl(nosuch, bytes)", "50"),
        ("sum(coalesce(nosuch, bytes))", "50.0"),
        ("CASE WHEN bytes > 90 THEN 'much' ELSE bytes END", "50"),
        ("IF(bytes > 9, bytes, 'little')", "50"),
        ("'$rows events_0 it\\'s'", "$rows events_0 it's"),
        ("bytes / 0", None),
        ("nosuch", None),
    ],
)
def test_expressions(groups: dict[str, LogTable], expression: str, wanted: str | None) -> None:
    [row] = rows(groups, f"SELECT {expression} AS v FROM `/vpc/flow` WHERE bytes = 50")
    assert row.get("v") == wanted


def test_a_field_or_a_heading_named_as_a_column_of_ours() -> None:
    table = LogTable("/seq", database=Database())
    table.append(Event((START + at) * 1000, START * 1000, "s", f'{{"seq": {9 - at}, "Op": "{op}"}}')
                 for at, op in enumerate("bac"))  # fmt: skip
    assert values({"/seq": table}, "SELECT seq FROM `/seq`") == [["9"], ["8"], ["7"]]
    assert values({"/seq": table}, "SELECT Op AS seq FROM `/seq`") == [["b"], ["a"], ["c"]]


def test_text_beside_a_number_is_a_number(groups: dict[str, LogTable]) -> None:
    assert values(groups, "SELECT Operation FROM `LogGroupA` WHERE Error >= 0") == [["x"], ["Y"]]
    assert values(groups, "SELECT abs(-Error), round(Error) FROM `LogGroupA` LIMIT 1") == [["3.0", "3.0"]]
    assert values(groups, "SELECT sum(Error), avg(`o.p`), sum(Error * 2) FROM `LogGroupA`") == [["3.0", "6.0"]]
    assert values(groups, "SELECT `o.p` FROM `LogGroupA` WHERE Error in (3, 4)") == [["deep"]]
    with pytest.raises(QueryFailed, match="could not be finished"):  # a pattern that is known when it runs
        rows(groups, "SELECT 'x' rlike replace(Operation, 'x', '(') FROM `LogGroupA`")


def test_statistics_limits_and_remarks(groups: dict[str, LogTable]) -> None:
    query = SqlQuery("SELECT srcAdr FROM `/vpc/flow` WHERE action = 'REJECT'")
    result = run(query, groups["/vpc/flow"], START, END, limit=1)
    assert len(result) == 1 and result.pointers == []
    assert (result.statistics["recordsMatched"], result.statistics["recordsScanned"]) == (2.0, 6.0)
    assert result.remarks == ("No event has a field srcAdr. Did you mean srcAddr?",)
    assert len(run(query, groups["/vpc/flow"], START + 3, END)) == 1
    assert len(run(SqlQuery("SELECT * FROM `x` LIMIT 3"), groups["/vpc/flow"], START, END, limit=1)) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is a SELECT"),
        ("fields @message", "is a SELECT"),
        ("DROP TABLE x", "is a SELECT"),
        ("SELECT a FROM `x` UNION SELECT b FROM `y`", "is a SELECT"),
        ("SELECT a FROM `x`; SELECT b FROM `y`", "one statement, without ;"),
        ("SELECT 1", "names one log group in FROM, in backticks"),
        ("SELECT * FROM `a` INNER JOIN `b` ON a.x = b.x", "does not simulate JOIN in SQL"),
        ("SELECT * FROM `a`, `b`", "does not simulate JOIN in SQL"),
        ("WITH q AS (SELECT 1) SELECT * FROM q", "does not simulate WITH in SQL"),
        ("SELECT a FROM `x` LIMIT 5 OFFSET 2", "does not simulate OFFSET in SQL"),
        ("SELECT * FROM `a` WHERE x IN (SELECT y FROM `b`)", "does not simulate a subquery in SQL"),
        ("SELECT * FROM (SELECT y FROM `b`)", "does not simulate a subquery in SQL"),
        ("SELECT rank() OVER (ORDER BY a) FROM `x`", "does not simulate WINDOW in SQL"),
        ("SELECT window(`@timestamp`, '1 minute') FROM `x`", "does not simulate WINDOW in SQL"),
        ("SELECT explode(a) FROM `x`", "does not simulate EXPLODE in SQL"),
        ("SELECT percentile(a, 0.5) FROM `x`", "does not simulate PERCENTILE in SQL"),
        ("SELECT read_text('/etc/passwd') FROM `x`", "does not simulate READ_TEXT in SQL"),
        ("SELECT a FROM read_csv('/etc/passwd')", "does not simulate READ_CSV in SQL"),
        ("SELECT a FROM x LATERAL VIEW explode(b) t AS c", "does not simulate LATERAL in SQL"),
        ("SELECT * FROM `logGroups(logGroupIdentifier: ['a', 'b'])`", "does not simulate logGroups in FROM"),
        ("SELECT * FROM `dataSource(['a'])`", "does not simulate dataSource in FROM"),
        ("SELECT * FROM `filterIndex('region' = 'us-east-1')` WHERE status = 200 LIMIT 10;", "filterIndex in FROM"),
        ("SELECT a FROM `x` LIMIT 10001", "between 1 and 10000"),
        ("SELECT a FROM `x` LIMIT 0", "between 1 and 10000"),
        ("SELECT a FROM `x` LIMIT n", "between 1 and 10000"),
        ("SELECT date_format(a, 'QQQ') FROM `x`", "does not simulate the pattern 'QQQ' of date_format in SQL"),
        ("SELECT date_format(a, b) FROM `x`", "does not simulate the pattern `b` of date_format in SQL"),
        ("SELECT a FROM `x` ORDER BY 2", "ORDER BY 2: the SELECT has no such column"),
        ("SELECT a.b FROM `x`", "a.b: write a field with dots in its name in backticks"),
        ("SELECT srcAddr, count(*) FROM `x`", "must appear in the GROUP BY clause"),
        ("SELECT sum(`@timestamp`) FROM `x`", "Query cannot be compiled"),
        ("SELECT `it's` FROM `x`", "the name it's cannot be used"),
        ("SELECT a AS `$rows` FROM `x`", "the name $rows cannot be used"),
        ("SELECT a AS events_0 FROM `x`", "the name events_0 cannot be used"),
    ],
)
def test_what_is_refused_is_named(text: str, said: str) -> None:
    with pytest.raises(MalformedQuery) as caught:
        SqlQuery(text)
    assert said in caught.value.message and "\n" not in caught.value.message
    assert (caught.value.start, caught.value.end) == (0, len(text))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("SELECT a FROM `x`\nWHERE WHERE b = 1", "WHERE b"),
        ("SELECT (a FROM `x`", "FROM"),
        ("SELECT FROM WHERE", "WHERE"),
    ],
)
def test_what_is_no_sql_has_its_place(text: str, place: str) -> None:
    with pytest.raises(MalformedQuery, match="this is no SQL") as caught:
        SqlQuery(text)
    assert text[caught.value.start :].startswith(place) and caught.value.end > caught.value.start


@pytest.mark.parametrize("text", ["SELECT `a FROM `x`", "SELECT 'a FROM `x`", "SELECT a /* FROM `x`"])
def test_what_has_no_end_is_told(text: str) -> None:
    with pytest.raises(MalformedQuery, match="has no end; this is no SQL"):
        SqlQuery(text)
