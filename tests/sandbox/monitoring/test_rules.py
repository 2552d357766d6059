"""M of N and missing data: every row that AWS published, and the sentences that were recorded."""

import pytest

from helpers.lessons.checks import n11
from helpers.sandbox.monitoring.evaluation import evaluation_range, judge
from helpers.sandbox.monitoring.reasons import AlarmPoint, Seen, data, sentence

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
ROWS = [  # "Configuring how CloudWatch alarms treat missing data", User Guide; the last three: edition of 2019
    (3, "0-X-X", "OK", "OK", "OK", "OK"),
    (3, "0----", "OK", "OK", "OK", "OK"),
    (3, "-----", "INSUFFICIENT_DATA", None, "ALARM", "OK"),
    (3, "0XX-X", "ALARM", "ALARM", "ALARM", "ALARM"),
    (3, "--X--", "ALARM", None, "ALARM", "OK"),
    (2, "0-X-X", "ALARM", "ALARM", "ALARM", "ALARM"),
    (2, "00X0X", "ALARM", "ALARM", "ALARM", "ALARM"),
    (2, "0-X--", "OK", "OK", "ALARM", "OK"),
    (2, "----0", "OK", "OK", "ALARM", "OK"),
    (2, "---X-", "ALARM", None, "ALARM", "OK"),
    (3, "----X", "INSUFFICIENT_DATA", None, "ALARM", "OK"),
    (2, "----X", "INSUFFICIENT_DATA", None, "ALARM", "OK"),
    (3, "X----", "ALARM", None, "ALARM", "OK"),
]
POINTS = {"0": False, "X": True, "-": None}


@pytest.mark.parametrize(("m", "points", "expected"), [(m, points, states) for m, points, *states in ROWS])
def test_a_published_row(m: int, points: str, expected: list[str | None]) -> None:
    breaches = [POINTS[point] for point in points]
    assert [judge(breaches, m, 3, missing).state for missing in TREATMENTS] == expected


def test_the_range_is_five_for_three_and_grows_with_the_periods() -> None:
    assert [evaluation_range(n) for n in (1, 3, 15)] == [3, 5, 20]
    assert all(n11.looked_at(n) == evaluation_range(n) for n in range(1, 1441))  # the exercise judges by the same range


ONE = (AlarmPoint(1698338520, 21.5, 1.0),)
ABOVE = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 21.0, "EvaluationPeriods": 1, "Statistic": "Sum"}
TWO_OF_THREE = ABOVE | {"Threshold": 1.0, "EvaluationPeriods": 3, "DatapointsToAlarm": 2}
AT_LEAST = ABOVE | {"ComparisonOperator": "GreaterThanOrEqualToThreshold", "Threshold": 1.0}


def _points(*values: float) -> tuple[AlarmPoint, ...]:
    """One each minute, oldest first."""
    return tuple(AlarmPoint(60 * place, value, 1.0) for place, value in enumerate(values, 1))


@pytest.mark.parametrize(
    ("settings", "seen", "expected"),
    [
        (
            ABOVE,
            Seen("ALARM", ONE, 0, (1698338520,), 0),
            "Threshold Crossed: 1 datapoint [21.5 (26/10/23 16:42:00)] was greater than the threshold (21.0).",
        ),
        (
            AT_LEAST,
            Seen("OK", (AlarmPoint(1698338520, 0.0, 1.0),), 0, (1698338520,), 0),
            "Threshold Crossed: 1 datapoint [0.0 (26/10/23 16:42:00)] was not greater than or equal to the threshold "
            "(1.0).",
        ),
        (
            AT_LEAST | {"DatapointsToAlarm": 1},
            Seen("OK", (AlarmPoint(1698338520, 0.0, 1.0),), 0, (1698338520,), 0),
            "Threshold Crossed: 1 out of the last 1 datapoints [0.0 (26/10/23 16:42:00)] was not greater than or equal "
            "to the threshold (1.0) (minimum 1 datapoint for ALARM -> OK transition).",
        ),
        (
            AT_LEAST | {"DatapointsToAlarm": 20, "EvaluationPeriods": 20, "TreatMissingData": "notBreaching"},
            Seen("OK", (AlarmPoint(1698338520, 0.0, 1.0),), 19, (1698338520,), 0),
            "Threshold Crossed: 1 out of the last 20 datapoints [0.0 (26/10/23 16:42:00)] was not greater than or "
            "equal to the threshold (1.0) and 19 missing datapoints were treated as [NonBreaching] "
            "(minimum 1 datapoint for ALARM -> OK transition).",
        ),
        (
            ABOVE | {"EvaluationPeriods": 2, "TreatMissingData": "breaching"},
            Seen("ALARM", (), 2, (1, 2), 0),
            "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as "
            "[Breaching].",
        ),
        (
            ABOVE | {"EvaluationPeriods": 5},
            Seen("INSUFFICIENT_DATA", (), 0, (1, 2, 3, 4, 5), 0),
            "Insufficient Data: 5 datapoints were unknown.",
        ),
        (
            TWO_OF_THREE,
            Seen("ALARM", _points(5.0, 0.0, 5.0), 0, (60, 120, 180), 0),
            "Threshold Crossed: 2 out of the last 3 datapoints [5.0 (01/01/70 00:03:00), 5.0 (01/01/70 00:01:00)] were "
            "greater than the threshold (1.0) (minimum 2 datapoints for OK -> ALARM transition).",
        ),
        (
            TWO_OF_THREE,
            Seen("OK", _points(5.0, 0.0, 0.0), 0, (60, 120, 180), 0),
            "Threshold Crossed: 2 out of the last 3 datapoints [0.0 (01/01/70 00:03:00), 0.0 (01/01/70 00:02:00)] were "
            "not greater than the threshold (1.0) (minimum 2 datapoints for ALARM -> OK transition).",
        ),
        (
            ABOVE | {"Threshold": 1.0, "EvaluationPeriods": 3},
            Seen("OK", _points(5.0, 0.0, 5.0), 0, (60, 120, 180), 0),
            "Threshold Crossed: 1 datapoint [0.0 (01/01/70 00:02:00)] was not greater than the threshold (1.0).",
        ),
        (
            TWO_OF_THREE | {"TreatMissingData": "breaching"},
            Seen("ALARM", _points(0.0), 2, (60, 120, 180), 0),
            "Threshold Crossed: 2 missing datapoints were treated as [Breaching] "
            "(minimum 2 datapoints for OK -> ALARM transition).",
        ),
    ],
)
def test_a_recorded_reason(settings: dict[str, object], seen: Seen, expected: str) -> None:
    assert sentence(settings, seen) == expected


def test_the_reason_data_has_the_recorded_members() -> None:
    seen = Seen("ALARM", ONE, 0, (1698338520,), 1698338580)
    assert data(ABOVE, seen, 60) == (
        '{"version":"1.0","queryDate":"2023-10-26T16:43:00.000+0000","startDate":"2023-10-26T16:42:00.000+0000",'
        '"statistic":"Sum","period":60,"recentDatapoints":[21.5],"threshold":21.0,"evaluatedDatapoints":'
        '[{"timestamp":"2023-10-26T16:42:00.000+0000","sampleCount":1.0,"value":21.5}]}'
    )
    missing = data(ABOVE | {"TreatMissingData": "breaching"}, Seen("ALARM", (), 1, (1698338520,), 1698338580), 60)
    assert '"startDate"' not in missing
    assert '"evaluatedDatapoints":[{"timestamp":"2023-10-26T16:42:00.000+0000"}]' in missing
