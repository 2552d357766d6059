"""Whatever is typed: it compiles and runs, or is refused with a MalformedQuery and its place. Nothing else."""

import pickle
import random
import threading

import pytest

from helpers.insights import Database, Event, LogTable, MalformedQuery, Query, QueryFailed, compile, prepare, run  # noqa: A004
from tests.insights.corpus import END, QUERIES, START, sample_table
from tests.support.cases import sampled

WORDS = """
    fields display filter stats sort limit dedup parse by as and or not in like =~ | , ( ) [ ] . * / + - ^ % = != <
    > ' " ` # @ @message @timestamp srcAddr bytes count( sum( bin( 5m 300s 1mo 0 1 1e9 9999999999999999999
    /a+/ /(?<x>b)/ 'x' "y" `q` true false desc asc multi logfmt csv json unnest into expand lookup OUTPUT
    cidrlookup accum addtotals fillmissing with for countFrequent estimate SOURCE any offset \\ ; -- $1 $until
    events_0 e.src k1 x1 é ✓ \u202e {} {x} $run_now
""".split()  # noqa: SIM905  (a list of these would be a page long)


def mutate(text: str, draw: random.Random) -> str:
    """One to four small changes: letters and words dropped, doubled, moved, put in."""
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(text) + 1)
        to = min(len(text), at + draw.randint(1, 6))
        kind = draw.randrange(6)
        if kind == 0:
            text = text[:at] + text[to:]
        elif kind == 1:
            text = text[:at] + text[at:to] * 2 + text[to:]
        elif kind == 2:
            text = text[:at] + " " + draw.choice(WORDS) + " " + text[at:]
        elif kind == 3:
            text = text[:at] + draw.choice(WORDS) + text[to:]
        elif kind == 4:
            parts = text.split(" ")
            draw.shuffle(parts[:2])
            i, j = draw.randrange(len(parts)), draw.randrange(len(parts))
            parts[i], parts[j] = parts[j], parts[i]
            text = " ".join(parts)
        else:
            other = draw.choice(QUERIES)
            text = text[:at] + other[draw.randrange(len(other) + 1) :]
    return text


def try_query(text: str, table: LogTable) -> bool:
    """Whether it compiles; then it must also run. A refusal must have a place in the text."""
    try:
        query = compile(text)
    except MalformedQuery as error:
        assert error.message
        assert 0 <= error.start <= error.end <= len(text)
        assert str(error)
        return False
    try:
        result = run(query, table, START, END, groups={table.name: table})
        assert len(result.rows) == len(result)
    except MalformedQuery as error:
        assert "lookup table" in error.message or "no log group" in error.message
    except QueryFailed as error:
        raise AssertionError(f"{text!r} failed: {error}") from error
    return True


@pytest.fixture(scope="module")
def table() -> LogTable:
    return sample_table(Database())


@pytest.mark.parametrize("text", QUERIES)
def test_corpus_compiles_and_runs(text: str, table: LogTable) -> None:
    assert try_query(text, table)


def mutations(count: int, seed: int, table: LogTable) -> None:
    draw = random.Random(seed)
    compiled = 0
    for _ in range(count):
        compiled += try_query(mutate(draw.choice(QUERIES), draw), table)
    assert 0.02 < compiled / count < 0.9  # the mutations are neither all harmless nor all nonsense


def test_mutations(table: LogTable) -> None:
    mutations(600, 1, table)


@pytest.mark.long
def test_ten_thousand_mutations(table: LogTable) -> None:
    for seed in sampled(range(100, 120), 5):
        mutations(500, seed, table)


@pytest.mark.parametrize(
    "text",
    [
        "filter " + "(" * 3000 + "a" + ")" * 3000,
        "filter " + "not " * 2400 + "a",
        "fields " + "-" * 5000 + "1",
        "fields " + "2^" * 4000 + "2",
        "fields " + "1+" * 4000 + "1",
        "fields " + "abs(" * 1500 + "1" + ")" * 1500,
        "filter " + " or ".join(f"dstPort = {i}" for i in range(600)),
        "filter dstPort in [" + ",".join(map(str, range(1500))) + "]",
        "fields a+a as b" + "".join(f" | fields {'b' if i == 0 else f'b{i}'}+{'b' if i == 0 else f'b{i}'} as b{i + 1}"
                                     for i in range(60)),
        "filter " + "jsonParse(" * 90 + "@message" + ")" * 90 + ".a = 1",
        "x" * 10_001,
        "\0",
        "fields '\ud800'",
        "fields " + "(" * 99 + "1" + ")" * 99,
        "filter " + "not (" * 45 + "a = 1 or b in [1, 'x']" + ")" * 45,
        "fields " + "if(a = 1, " * 40 + "1" + ", 2)" * 40 + " as x",
        "fields " + "concat(" * 90 + "'a'" + ")" * 90 + " as x",
    ],
    ids=range(17),
)  # fmt: skip
def test_large_and_deep(text: str, table: LogTable) -> None:
    try_query(text, table)


HOSTILE = [
    "x'); DROP TABLE secrets; --",
    'x"); DROP TABLE secrets; --',
    "'' OR 1=1 --",
    "'; ATTACH '/tmp/x.db'; --",
    "$until",
    "events_0",
    "/* */",
    "\\'; DROP TABLE secrets; --",
    "%s {0} ${x}",
    "';COPY secrets TO '/tmp/stolen.csv';--",
    "read_text('/etc/passwd')",
]


@pytest.mark.parametrize("evil", HOSTILE)
def test_no_sql_injection(evil: str) -> None:
    database = Database()
    database.connection.execute("CREATE TABLE secrets AS SELECT 'hidden' AS word")
    table = LogTable(f"/group {evil}", account_id=evil, database=database)
    table.append([Event(START * 1000, START * 1000, evil, evil), Event(START * 1000, START * 1000, "s", '{"k": 1}')])
    quoted = '"' + evil.replace("\\", "\\\\").replace('"', '\\"') + '"'
    name = "`" + evil.replace("`", "") + "`"
    texts = [
        f"filter @message = {quoted} | fields @logStream",
        f"fields {quoted} as {name} | filter {name} = {quoted} | display {name}, @log",
        f"fields {name} | sort {name} | dedup {name}",
        f"stats count(*) as {name} by @message as `{evil.replace('`', '')} 2` | sort {name}",
        f'parse @message {quoted.replace("*", "")[:-1]}*" as {name} | display {name}',
        f"filter @message like {quoted} | stats count(*) by @logStream, {name}",
        f"fields regexReplace(@message, 'DROP', {quoted}) as a, replace(@message, 'x', {quoted}) as b",
        f"json field=@message {quoted} as {name} | filter ispresent({name}) | fields {name}",
        f"fields jsonParse(@message).{name} as v",
        f"unnest {name} into {name} | accum {name} | addtotals fieldname={name} {name}",
        f"stats count(*) as n by bin(1h) as t | fillmissing with {quoted} for n",
    ]
    for text in texts:
        try:
            result = run(text, table, START, END)
        except MalformedQuery:
            continue
        assert "hidden" not in str(result.rows)
        assert "root:" not in str(result.rows)
    assert database.connection.execute("SELECT word FROM secrets").fetchall() == [("hidden",)]
    first = run(texts[0], table, START, END)
    assert first.rows == [[("@logStream", evil)]]
    lookups = {evil: f"{evil.replace(',', '').replace(chr(34), '')},v\n1,2\n"}
    try:
        prepare(f"lookup {name} v as k OUTPUT v as {name}", table, START, END, lookups=lookups).result()
    except MalformedQuery as error:
        assert "lookup table" in error.message


def test_offsets_and_caret() -> None:
    text = "fields @timestamp\n| filter dstPort = = 22"
    with pytest.raises(MalformedQuery) as caught:
        compile(text)
    error = caught.value
    assert text[error.start : error.end] == "="
    assert error.start == text.index("= 22")
    assert error.line == 2
    assert error.caret.splitlines() == ["| filter dstPort = = 22", "                   ^"]
    assert "expected" in error.message
    again = pickle.loads(pickle.dumps(error))
    assert (again.message, again.start, again.end, again.query) == (
        error.message,
        error.start,
        error.end,
        text,
    )


@pytest.mark.parametrize(
    ("text", "said", "place"),
    [
        ("pattern @message | diff", "the sandbox does not simulate the command diff yet", "diff"),
        ("pattern @message | anomaly", "the sandbox does not simulate the command anomaly yet", "anomaly"),
        ("fields sum(bytes)", "sum is an aggregation", "sum(bytes)"),
        ("filter srcaddr == 1", "equality is written with one =", "="),
        ("fields @message -- | limit 1", "unexpected symbol found", "|"),
        (
            "stats count() by srcAddr | sort count desc",
            "Unknown symbols found in or after stats: count",
            "count",
        ),
        ("stats count(*) as n by dstPort | filter interfaceId = 'e'", "Unknown symbols", "interfaceId"),
        ("stats sum(bytes) as total by srcAddr | sort Total", "Did you mean total?", "Total"),
        ("fields strlenn(a)", "Did you mean strlen?", "strlenn(a)"),
        ("fields strlen()", "strlen expects 1 argument, but 0 are given", "strlen()"),
        ("filter a like /(?=b)/", "look-ahead", "/(?=b)/"),
        ("filter a like /(b)\\1/", "backreferences", "/(b)\\1/"),
        ("limit 0", "between 1 and 100000", "0"),
        ("limit 100001", "between 1 and 100000", "100001"),
        ("fields bin(5)", "expects a period", "5"),
        ("stats count(*) | fillmissing", "must follow stats", "fillmissing"),
        ("estimate | limit 1", "must be the last command", "estimate"),
        ("fields a | dedup a | sort a", "only limit may follow dedup", "sort a"),
        ("stats median(bytes)", "unknown function median", "median(bytes)"),
        ("parse @message '* *' as a", "2 wildcards", "parse @message '* *' as a"),
        (
            "fields bytes as x | fields packets as x | stats sum(x)",
            "Unknown symbols found in or after stats: x",
            "x",
        ),
        ("unnest split(a, ',') into b", "not the output of split", "split(a, ',')"),
        ("fields jsonParse(@message) as j | sort j", "maps and lists cannot be used in sort", "j"),
        ("stats " + " | stats ".join(f"count(*) as c{i}" for i in range(11)), "at most 10 stats", "stats"),
        ("isIpv4InSubnet(a, 'b')", "unexpected symbol found isIpv4InSubnet", "isIpv4InSubnet"),
        ("filter isIpv4InSubnet(a, '10.0.0.0/33')", "CIDR", "'10.0.0.0/33'"),
        ("stats topk(3, a), count(*)", "topk stands alone", "topk(3, a)"),
        ("stats bytes by srcAddr", "neither aggregated nor named after by", "bytes"),
        ("fields 'abc", "the quotation mark is not closed", "'"),
    ],
)
def test_messages_say_what_and_where(text: str, said: str, place: str) -> None:
    with pytest.raises(MalformedQuery) as caught:
        compile(text)
    assert said in caught.value.message
    assert text[caught.value.start : caught.value.end].startswith(place)


def test_one_query_in_many_threads(table: LogTable) -> None:
    query = Query(QUERIES[11])
    wanted = run(query, table, START, END).rows
    found: list[object] = []

    def work() -> None:
        found.extend(run(query, table, START, END).rows == wanted for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 30


@pytest.mark.parametrize("count", [100, 200])
def test_a_chain_of_many_commands_over_records_and_json_runs(count: int) -> None:
    table = sample_table(Database())
    fields = " | ".join(f"fields bytes+{i} as b_{i}" for i in range(count))
    assert run(f"{fields} | filter b_1 = 101 | limit 1", table, START, END).columns[-1] == f"b_{count - 1}"


def test_a_list_in_parentheses_is_told_how_it_is_written() -> None:
    for text in ("filter dstPort in (22, 443)", "filter action in ( 'REJECT')"):
        with pytest.raises(MalformedQuery, match=r"a list is written \[22, 443\]"):
            compile(text)


def test_a_named_group_is_quoted_as_it_was_written() -> None:
    with pytest.raises(MalformedQuery, match=r"\(\?<a-b>"):
        compile("parse @message /(?<a-b>x)/")


@pytest.mark.parametrize("pattern", ["%й\u1d61", "%\u00e9", "%\U0001f600"])
def test_a_date_pattern_that_cuts_a_letter_in_two_is_refused(pattern: str) -> None:
    with pytest.raises(MalformedQuery, match="not a date format"):
        compile(f"fields formatDate(@timestamp, '{pattern}', 'UTC')")


def test_what_the_compiler_itself_cannot_do_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    for trouble in (RecursionError(), UnicodeDecodeError("utf-8", b"", 0, 1, "x"), OverflowError("too large")):

        def fails(*args: object, trouble: Exception = trouble) -> None:
            raise trouble

        monkeypatch.setattr("helpers.insights.engine.compile_program", fails)
        with pytest.raises(MalformedQuery, match=r"nested too deeply|cannot be compiled"):
            compile("fields @message")
