"""Record drills: every kind, one meaning each, words for wrong answers, and never an exception."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from helpers.commands.exercise_cells import solved
from helpers.lessons import drill, exercises
from helpers.lessons.drills import DRILLS, Drill, drill_number, notebook_cells
from helpers.lessons.drills.cases import KINDS
from helpers.lessons.outcome import CHECK_MIME
from helpers.lessons.progress import ProgressFile
from helpers.runner import _checks
from tests.notebooks.classroom import notebook_of

MANY = range(1, 101)


@pytest.fixture
def notes(tmp_path: Path) -> ProgressFile:
    return ProgressFile(tmp_path / "progress.json")


def words(one: Drill, place: int = 0) -> dict[str, str]:
    """A line by its field names, read by hand."""
    return dict(zip(one.case.format.names, one.lines[place].split(), strict=True))


def bits(number: str) -> set[str]:
    return {name for name, bit in {"SYN": 2, "ACK": 16, "FIN": 1, "RST": 4}.items() if int(number) & bit}


def behind_a_gateway(line: dict[str, str]) -> str | None:
    """Where a packet was going, by AWS's example of a NAT gateway's interface: on the way in from the machine behind
    it the sources agree, ``dstaddr`` is the gateway and ``pkt-dstaddr`` the host outside; nothing else differs."""
    going_out = line["srcaddr"] == line["pkt-srcaddr"] and line["srcaddr"].startswith("10.1.1.")
    met_the_gateway = line["dstaddr"].startswith("10.1.0.") and line["dstaddr"] != line["pkt-dstaddr"]
    outside = not line["pkt-dstaddr"].startswith("10.")
    return line["pkt-dstaddr"] if going_out and met_the_gateway and outside else None


def moment(text: str) -> str:
    return datetime.fromtimestamp(int(text), UTC).strftime("%H:%M")


Reading = Callable[[Drill], Any]
READINGS: dict[str, Reading] = {
    "port": lambda one: int(words(one)["dstport"]),
    "protocol": lambda one: {"1": "icmp", "6": "tcp", "17": "udp"}[words(one)["protocol"]],
    "rejected": lambda one: words(one)["srcaddr"] if words(one)["action"] == "REJECT" else None,
    "ping": lambda one: "ping" if words(one)["protocol"] == "1" and words(one)["srcport"] == "0" else None,
    "direction": lambda one: "out" if f"address {words(one)['srcaddr']}. " in one.question else "in",
    "reply": lambda one: (
        words(one)["dstaddr"] if int(words(one)["srcport"]) < 32768 <= int(words(one)["dstport"]) else 0
    ),
    "size": lambda one: int(words(one)["bytes"]) / int(words(one)["packets"]),
    "window": lambda one: int(words(one)["end"]) - int(words(one)["start"]),
    "clock": lambda one: moment(words(one)["start"]),
    "arrived": lambda one: "no" if f"interface of {words(one)['srcaddr']}" in one.question else "yes",
    "nodata": lambda one: 0 if words(one)["log-status"] == "NODATA" and words(one)["packets"] == "-" else None,
    "skipdata": lambda one: "lost" if words(one)["log-status"] == "SKIPDATA" else None,
    "ipv6": lambda one: "no" if ":" in words(one)["srcaddr"] else "yes",
    "stateless": lambda one: (
        "network ACL" if (words(one)["action"], words(one, 1)["action"]) == ("ACCEPT", "REJECT") else None
    ),
    "secondary": lambda one: words(one)["pkt-dstaddr"],
    "nat": lambda one: behind_a_gateway(words(one)),
    "flags": lambda one: bits(words(one)["tcp-flags"]),
    "role": lambda one: words(one)["dstaddr" if int(words(one)["tcp-flags"]) & 16 else "srcaddr"],
    "refused": lambda one: "instance" if words(one, 1)["tcp-flags"] == "4" else None,
    "path": lambda one: {"1": "same vpc", "4": "peering", "8": "internet"}[words(one)["traffic-path"]],
}


def outcome(number: int, answer: Any, notes: ProgressFile) -> tuple[str, str]:
    [(_, verdict)] = drill({number: answer}, notes=notes).asked
    return verdict.outcome, verdict.key


def test_every_kind_stands_in_the_notebook_once() -> None:
    assert sorted(drill_number(n).kind for n in range(1, DRILLS + 1)) == sorted(KINDS) == sorted(READINGS)


@pytest.mark.parametrize("number", MANY)
def test_reading_the_lines_by_hand_gives_the_one_right_answer(number: int, notes: ProgressFile) -> None:
    one = drill_number(number)
    assert outcome(number, READINGS[one.kind](one), notes) == ("done", "done"), one.shown
    for line in one.lines:
        assert one.case.format.render(one.case.format.read(line)) == line
    assert all(outcome(number, each, notes)[0] == "done" for each in one.accepted)


@pytest.mark.parametrize("number", MANY)
def test_a_likely_wrong_answer_gets_its_message(number: int, notes: ProgressFile) -> None:
    one = drill_number(number)
    assert one.case.traps
    for key, answers in one.case.traps.items():
        for answer in answers:
            assert outcome(number, answer, notes) == ("not yet", key), (answer, one.shown)
    assert outcome(number, "something else entirely", notes) == ("not yet", "look")


def test_the_sample_line_comes_first(notes: ProgressFile) -> None:
    line = words(drill_number(0))
    assert (line["dstport"], line["protocol"]) == ("22", "6")
    assert outcome(0, line["dstaddr"], notes) == ("done", "done")
    assert outcome(0, line["srcaddr"], notes) == ("not yet", "client")
    assert outcome(0, 22, notes) == ("not yet", "port")
    assert outcome(0, "eni-abc123", notes) == ("not yet", "look")


def test_messages_give_the_answer_only_to_who_has_it(notes: ProgressFile) -> None:
    for number in range(1, DRILLS + 1):
        one = drill_number(number)
        for answer in ("something else", *(each[0] for each in one.case.traps.values())):
            [(_, verdict)] = drill({number: answer}, notes=notes).asked
            told = verdict.message.split()
            right = str(one.case.answer)
            assert right not in told or right in ("in", "no", "out", str(answer)) or right in one.question, (
                right,
                told,
            )


def test_a_number_means_the_same_drill_for_everybody_and_higher_ones_are_new() -> None:
    lines = [drill_number(n).lines for n in MANY]
    drill_number.cache_clear()
    assert [drill_number(n).lines for n in MANY] == lines
    assert len(set(lines)) == len(lines)
    assert drill_number(21).kind == drill_number(1).kind
    assert drill_number(999_999_999).lines


@pytest.mark.parametrize("given", [5, "drill", [1, 2], {-1: 1}, {"one": 1}, {True: 1}, {-3: 1}, {10**30: 1}, {1.5: 2}])
def test_what_is_no_drill_gets_a_sentence(given: Any, notes: ProgressFile) -> None:
    shown = drill(given, notes=notes)
    assert shown.asked == ()
    assert "drill" in str(shown)


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no words")

    __str__ = __eq__ = __hash__ = __float__ = __repr__  # type: ignore[assignment]


@pytest.mark.parametrize(
    "answer", [Unspeakable(), object(), {1: 2}, b"abc", float("nan"), 1j, lambda: 1, [[1], {}], "٣"]
)
def test_no_answer_raises(answer: Any, notes: ProgressFile) -> None:
    for number in range(1, DRILLS + 1):
        assert outcome(number, answer, notes)[0] == "not yet"


@pytest.mark.parametrize("gap", [None, ..., "", " ", [], [None]])
def test_a_gap_is_not_attempted(gap: Any, notes: ProgressFile) -> None:
    assert outcome(1, gap, notes)[0] == "not attempted"


def test_spelling_does_not_matter(notes: ProgressFile) -> None:
    drawn = {drill_number(n).kind: n for n in range(1, DRILLS + 1)}
    for kind, answer in {"port": str(drill_number(1).case.answer), "arrived": False, "ping": " Ping. "}.items():
        assert outcome(drawn[kind], answer, notes)[0] == "done"
    right = drill_number(drawn["flags"]).case.answer
    assert isinstance(right, tuple)
    for spelling in ("-".join(right), ", ".join(right).lower(), list(reversed(right)), set(right), " + ".join(right)):
        assert outcome(drawn["flags"], spelling, notes)[0] == "done", spelling
    assert outcome(drawn["stateless"], "Network-ACL", notes)[0] == "done"
    early = next(n for n in range(9, 900, 20) if str(drill_number(n).case.answer).startswith("0"))
    assert outcome(early, str(drill_number(early).case.answer)[1:], notes)[0] == "done"


def test_progress_counts_the_drills(notes: ProgressFile) -> None:
    drill({n: drill_number(n).case.answer for n in (1, 2, 40)} | {3: None}, notes=notes)
    progress = exercises(None, {}, notes).progress  # type: ignore[arg-type]
    assert "drills 2 of 20" in str(progress())


def test_where_progress_cannot_be_noted_a_sentence_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "could not be noted" in str(drill({1: 1, 2: 2}, notes=ProgressFile(tmp_path / "file" / "progress.json")))


def test_each_drill_is_a_check_of_the_run(notes: ProgressFile) -> None:
    shown = drill({1: drill_number(1).case.answer, 2: "nonsense", 3: None}, notes=notes)._repr_mimebundle_()
    assert shown["text/markdown"] == shown["text/plain"]
    assert "```text" in shown["text/markdown"]

    class Cell:
        outputs = [{"data": {CHECK_MIME: json.loads(json.dumps(shown[CHECK_MIME]))}}]

    assert [(check.id, check.passed) for check in _checks([Cell()])] == [
        ("drill 1", True),
        ("drill 2", None),
        ("drill 3", None),
    ]


def test_the_notebook_holds_them_open_and_its_solved_edition_filled_in(notes: ProgressFile) -> None:
    document = json.loads(notebook_of("06").read_text(encoding="utf-8"))
    cells = {cell["id"]: cell for cell in document["cells"]}
    for name, source in notebook_cells().items():
        assert "".join(cells[name]["source"]) == source
        assert cells[name]["metadata"]["tags"] == ["exercise"]
    filled = {cell["id"]: "".join(cell["source"]) for cell in solved(document, {})["cells"]}
    for name in notebook_cells():
        shown = eval(filled[name], {"drill": lambda answers: drill(answers, notes=notes)})
        assert [verdict.outcome for _, verdict in shown.asked] == ["done"] * len(shown.asked)
        assert len(shown.asked) == (1 if name == "drill-0" else 5)
