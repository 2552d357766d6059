import pytest

from helpers.sandbox.calls import ServiceError
from helpers.sandbox.logs.patterns import FilterPattern, PatternError
from tests.sandbox.logs.conftest import FakeAccount

ACCEPT = "2 123456789012 eni-1 10.0.2.9 10.1.1.10 51000 443 6 9 2000 1700000000 1700000060 ACCEPT OK"
REJECT = "2 123456789012 eni-1 192.0.2.9 10.1.1.10 51000 22 6 1 40 1700000000 1700000060 REJECT OK"
NODATA = "2 123456789012 eni-1 - - - - - - - 1700000000 1700000060 - NODATA"
APACHE = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
ALARM = (
    '[version, account, eni, source, destination, srcport, destport="22", protocol="6", packets, bytes, '
    'windowstart, windowend, action="REJECT", flowlogstatus]'
)
DOCUMENT = """{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another"],
 "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": null, "ThisFlag": true, "latency": 55.5,
 "errorCode": 400, "text": "400", "coordinates": [[0, 1], [4, 5]], "a.b": 1, "user": {"id": 1, "email": "x@y.z"}}"""


@pytest.mark.parametrize(
    ("pattern", "message", "matches"),
    [
        ("", "anything", True),
        ("  ", "anything", True),
        ("ERROR", "Exiting with ERRORCODE: -1", True),
        ("ERROR", "error", False),
        ("ERROR Exception", "[ERROR] Caught IllegalArgumentException", True),
        ("ERROR Exception", "[ERROR] fine", False),
        ("ERROR -Exiting", "Exiting with ERRORCODE: -1", False),
        ("ERROR -Exiting", "[ERROR] A fatal exception has occurred", True),
        ("-ERROR", "fine", True),
        ("-ERROR", "ERROR", False),
        ("?ERROR ?WARN", "WARN message", True),
        ("?ERROR ?WARN", "INFO message", False),
        ("INFO ?ERROR", "INFO message", True),  # optional terms are ignored beside others
        ('"REJECT OK"', REJECT, True),
        ('"REJECT  OK"', REJECT, False),
        ('-"REJECT OK"', REJECT, False),
        (r'"say \"hi\""', 'they say "hi"', True),
        ("%192\\.0\\.2\\.[0-9]+%", REJECT, True),
        ("%^2 .*REJECT OK$%", REJECT, True),
        ("%^2 .*REJECT OK$%", ACCEPT, False),
        ("%\\sOK$% REJECT", REJECT, True),
        ("?%ACC[A-Z]+% ?NODATA", NODATA, True),
        ("日本", "日本語", True),
    ],
)
def test_terms(pattern: str, message: str, matches: bool) -> None:
    if " " in pattern and pattern.startswith("%^"):
        pattern = pattern.replace(" ", "\\s")  # a blank is not among the characters AWS lists
    assert FilterPattern.parse(pattern).matches(message) is matches


@pytest.mark.parametrize(
    ("pattern", "matching"),
    [
        (ALARM, [REJECT]),
        ('[..., action="REJECT", status]', [REJECT]),
        ("[v, account, eni, srcaddr = 10.0.2.*, ...]", [ACCEPT]),
        ("[v, account, eni, src, dst, sport, dstport = 80 || dstport = 443, ...]", [ACCEPT]),
        ("[v, a, e, s, d, sp, dp, pr, packets, bytes >= 400, ...]", [ACCEPT]),
        ("[v, a, e, s, d, sp, dp, pr, packets, bytes < 400, ...]", [REJECT]),
        ("[v, a, e, s, d, sp, dp != 22, ...]", [ACCEPT, NODATA]),
        ("[v, a, e, s, d, sp, dp = 4* && dp != 444, ...]", [ACCEPT]),
        ("[v, a, e, s = %^(10)%, ...]", None),
        ("[v, a, e, s = %^10\\.%, ...]", [ACCEPT]),
        ("[v, a, e, s != %^10\\.%, ...]", [REJECT, NODATA]),
        ("[..., status = NO*]", [NODATA]),
        ("[..., status != OK]", [NODATA]),
        ("[a, b]", []),
        ("[...]", [ACCEPT, REJECT, NODATA]),
        ("[v = 2.0, ...]", [ACCEPT, REJECT, NODATA]),
        ('[v = "2.0", ...]', []),
        ("[v, a, e, (s = 10.* || s = 192.*) && s != 10.0.2.9, ...]", [REJECT]),
        ("[,,, s = *, ...]", [ACCEPT, REJECT, NODATA]),
    ],
)
def test_space_delimited(pattern: str, matching: list[str] | None) -> None:
    if matching is None:
        with pytest.raises(PatternError, match="Invalid character"):
            FilterPattern.parse(pattern)
        return
    compiled = FilterPattern.parse(pattern)
    assert [line for line in (ACCEPT, REJECT, NODATA) if compiled.matches(line)] == matching


def test_the_number_of_fields_must_fit_without_an_ellipsis() -> None:
    events = ["ERROR WARN message", "ERROR message", "WARN message"]
    for pattern, expected in (
        ("[w1=ERROR, w2]", events[1:2]),
        ("[w1=ERROR || w1=WARN, w2]", events[1:]),
        ("[w1=ERROR, ...]", events[:2]),
    ):
        assert [event for event in events if FilterPattern.parse(pattern).matches(event)] == expected


def test_brackets_and_quotes_hold_one_field_and_values_are_extracted() -> None:
    pattern = FilterPattern.parse("[..., request=*.html*, status_code=4*,]")
    assert pattern.matches(APACHE)
    assert pattern.extract(APACHE) == {
        "$1": "127.0.0.1",
        "$2": "-",
        "$3": "frank",
        "$4": "10/Oct/2000:13:25:15 -0700",
        "$request": "GET /index.html HTTP/1.0",
        "$status_code": "404",
        "$7": "1534",
    }


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ("{ $.eventType = UpdateTrail }", True),
        ('{ $.eventType = "*Trail" }', True),
        ('{ $.eventType = "Update*" }', True),
        ('{ $.eventType = "Up*Trail" }', False),  # a star inside a word is an ordinary character
        ("{ $.eventType = %^Up[a-z]+% }", True),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ("{ $.sourceIPAddress = 111.111.* }", True),
        ('{ $.arrayKey[0] = "value" }', True),
        ("{ $.arrayKey[7] = * }", False),
        ("{ $.arrayKey[*] = another }", True),
        ("{ $.objectList[1].id = 2 }", True),
        ("{ $.objectList[*].id > 2 }", False),
        ("{ $.coordinates[1][0] = 4 }", True),
        ("{ $.arrayKey = value }", False),
        ("{ $.arrayKey != value }", False),  # a selector must point to a value
        ("{ $.missing != value }", False),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.eventType IS NULL }", False),
        ("{ $.Other NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.ThisFlag IS TRUE }", True),
        ("{ $.ThisFlag IS FALSE }", False),
        ("{ $.latency >= 500 }", False),
        ("{ $.latency <= 55.5 }", True),
        ("{ $.latency < +10e3 }", True),
        ("{ $.latency < 10e-3 }", False),
        ("{ $.errorCode = 400 }", True),
        ('{ $.errorCode = "400" }', True),
        ("{ $.errorCode != 500 }", True),
        ("{ $.text = 400 }", True),
        ("{ $.['a.b'] = 1 }", True),
        ('{ ($.user.id = 1) && ($.user.email = "x@y.z") }', True),
        ('{ ($.user.id = 2 && $.text = "400") || $.arrayKey[1] = "value" }', False),
        ("{ $.user.id = 1 || $.latency = no && $.errorCode = no }", True),
        ("{ ($.user.id = 1 || $.latency = no) && $.errorCode = no }", False),
    ],
)
def test_json(pattern: str, matches: bool) -> None:
    compiled = FilterPattern.parse(pattern)
    assert compiled.matches(DOCUMENT) is matches
    assert not compiled.matches("no JSON") and not compiled.matches('{"half": ') and not compiled.matches("[1]")


@pytest.mark.parametrize(
    "pattern",
    [
        "10.0.0.1",
        "err:",
        '""',
        '"open',
        "a b?",
        "?",
        "%a(b)%",
        "%a!%",
        "%[%",
        "%\\q%",
        "%a% %b% %c%",
        "[broken",
        "[a, b",
        "[a = ]",
        "[a = 1 b]",
        "[a == 1]",
        "[a, ..., b, ...]",
        "[a = 1 && b = 2]",
        "[a > x]",
        '[a = "x]',
        "[a > %x%]",
        "[(a = 1]",
        "{ $.a",
        "{ }",
        "{ a = 1 }",
        "{ $ = 1 }",
        "{ $.a IS MAYBE }",
        "{ $.a EXISTS 1 }",
        "{ $.a = }",
        "{ $.a[x] = 1 }",
        "{ $.*.b[*] = 1 }",
        "{ $.a = b@c }",
        "{ $.a = 1 && }",
        "{ $.a > abc }",
        "{" + "(" * 400 + "$.a = 1" + ")" * 400 + "}",
    ],
)
def test_patterns_that_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        FilterPattern.parse(pattern)


METRIC = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}


def test_metric_filters_are_stored_tested_and_found(group: FakeAccount) -> None:
    group.call("CreateLogGroup", logGroupName="/vpc/b")
    for name, where in (("ssh", "/vpc/a"), ("a", "/vpc/a"), ("ssh", "/vpc/b")):
        group.call(
            "PutMetricFilter",
            logGroupName=where,
            filterName=name,
            filterPattern=ALARM,
            metricTransformations=[{**METRIC, "metricName": name}],
        )
    assert group.call("DescribeLogGroups")["logGroups"][0]["metricFilterCount"] == 2

    def names(**params: object) -> list[tuple[str, str]]:
        found = group.call("DescribeMetricFilters", **params)["metricFilters"]
        return [(entry["filterName"], entry["logGroupName"]) for entry in found]

    assert names() == [("a", "/vpc/a"), ("ssh", "/vpc/a"), ("ssh", "/vpc/b")]
    assert names(logGroupName="/vpc/a", filterNamePrefix="s") == [("ssh", "/vpc/a")]
    assert names(metricName="a", metricNamespace="n") == [("a", "/vpc/a")]
    first = group.call("DescribeMetricFilters", limit=2)
    assert names(nextToken=first["nextToken"]) == [("ssh", "/vpc/b")]
    group.call("DeleteMetricFilter", logGroupName="/vpc/a", filterName="a")
    with pytest.raises(ServiceError, match="metric filter does not exist"):
        group.call("DeleteMetricFilter", logGroupName="/vpc/a", filterName="a")
    reply = group.call("TestMetricFilter", filterPattern=ALARM, logEventMessages=[ACCEPT, REJECT, "x"])
    [match] = reply["matches"]
    assert (match["eventNumber"], match["eventMessage"]) == (2, REJECT)
    assert match["extractedValues"]["$destport"] == "22" and len(match["extractedValues"]) == 14


@pytest.mark.parametrize(
    ("pattern", "transformation", "text"),
    [
        ("ERROR", {"dimensions": {"a": "$a"}}, "does not support dimensions"),
        ("ERROR", {"metricValue": "$bytes"}, "no field"),
        ("[a]", {"metricValue": "many"}, "neither a number nor a field"),
        ("[a]", {"dimensions": dict.fromkeys("abcd", "$a")}, "at most 3"),
        ("[a]", {"dimensions": {"a": "$a"}, "defaultValue": 0.0}, "mutually exclusive"),
        ("[a", {}, "must end with"),
    ],
)
def test_metric_filters_that_are_refused(
    group: FakeAccount, pattern: str, transformation: dict[str, object], text: str
) -> None:
    with pytest.raises(ServiceError, match=text):
        group.call(
            "PutMetricFilter",
            logGroupName="/vpc/a",
            filterName="f",
            filterPattern=pattern,
            metricTransformations=[{**METRIC, **transformation}],
        )


def test_a_group_holds_a_hundred_filters_five_of_them_with_regex(group: FakeAccount) -> None:
    def make(name: str, pattern: str) -> None:
        group.call(
            "PutMetricFilter",
            logGroupName="/vpc/a",
            filterName=name,
            filterPattern=pattern,
            metricTransformations=[METRIC],
        )

    for number in range(5):
        make(f"r{number}", "%a%")
    with pytest.raises(ServiceError, match="regular expressions"):
        make("r5", "%a%")
    make("r4", "%b%")
    for number in range(95):
        make(f"t{number}", "a")
    with pytest.raises(ServiceError, match="LimitExceededException"):
        make("one more", "a")
