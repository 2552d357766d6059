"""The picture of CloudWatch holds the learner's own log groups, as the reply tells them."""

from typing import Any

import pytest

from helpers.figures import cloudwatch_figure
from tests.figures.legible import illegible, shapes, words

GROUP: dict[str, Any] = {
    "logGroupName": "/demo/vpc-flow-logs", "logGroupClass": "STANDARD", "retentionInDays": 30, "storedBytes": 13044,
    "metricFilterCount": 0,
}  # fmt: skip


def test_it_shows_the_four_parts_and_the_group_with_its_facts() -> None:
    figure = cloudwatch_figure([GROUP])
    said = words(figure)
    for fact in ("Metrics", "Logs", "Alarms", "Dashboards", "/demo/vpc-flow-logs", "class Standard"):
        assert fact in said
    for fact in ("retention 30 days", "12.7 KB stored", "none"):
        assert fact in said
    for line in ("  /demo/vpc-flow-logs", "    class Standard"):
        assert line in figure.text.splitlines()
    assert figure.alt.endswith("Logs holds 1 log group, and no metric filters make metrics of them.")


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"retentionInDays": 90}, "retention 90 days"),
        ({"retentionInDays": None}, "never expires"),
        ({"logGroupClass": "INFREQUENT_ACCESS"}, "class Infrequent Access"),
        ({"storedBytes": 5 * 2**30}, "5.0 GB stored"),
        ({"storedBytes": 0}, "0 bytes stored"),
    ],
)
def test_one_changed_setting_changes_the_words(changes: dict[str, Any], fact: str) -> None:
    before, after = cloudwatch_figure([GROUP]), cloudwatch_figure([GROUP | changes])
    assert fact in words(after)
    assert fact not in words(before)
    assert f"    {fact}" in after.text.splitlines()


def test_metric_filters_close_the_arrow_to_metrics() -> None:
    def broken(**changes: Any) -> int:
        return sum("stroke-dasharray" in attributes for _, attributes in shapes(cloudwatch_figure([GROUP | changes])))

    assert (broken(), broken(metricFilterCount=2)) == (1, 0)
    assert "2 metric filters make metrics of them" in cloudwatch_figure([GROUP | {"metricFilterCount": 2}]).alt


def test_each_group_has_a_box_and_the_order_is_that_of_names() -> None:
    two = [GROUP | {"logGroupName": "/demo/z"}, GROUP]
    figure = cloudwatch_figure(two)
    boxes = [
        len([kind for kind, _ in shapes(picture) if kind == "rect"]) for picture in (cloudwatch_figure([]), figure)
    ]
    assert boxes[1] - boxes[0] == 2
    assert figure == cloudwatch_figure(two[::-1])


def test_an_account_without_groups() -> None:
    assert "no log group yet" in words(cloudwatch_figure([]))


def test_many_groups_are_counted_and_all_are_in_the_text() -> None:
    many = [GROUP | {"logGroupName": f"/demo/{number:02}"} for number in range(12)]
    figure = cloudwatch_figure(many)
    assert "and 4 more log groups" in words(figure)
    assert "  /demo/11" in figure.text.splitlines()


@pytest.mark.parametrize("name", ["/demo/vpc-flow-logs", "/a/very/long/name/of/a/log/group/that/does/not/fit/its/box"])
def test_it_is_legible(name: str) -> None:
    for groups in ([], [GROUP | {"logGroupName": name}], [GROUP | {"logGroupName": f"{name}{n}"} for n in range(9)]):
        assert illegible(cloudwatch_figure(groups)) == []
