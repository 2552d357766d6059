"""The files of the broken labs: whole, in plain words, and with solutions that need nothing but the lab."""

import ast
import builtins
import re
from pathlib import Path

import pytest

from helpers.lessons.content import ContentError, broken_labs, common, lessons, read_broken_lab
from helpers.lessons.debrief import PICTURES
from helpers.lessons.faults import Fault
from helpers.lessons.steps import filled
from tests.glossary import private_words
from tests.notebooks import prose

LABS = broken_labs()
GIVEN = {"lab", "prefix", "region", "broken"}
MESSAGES = {"wider", "lost", "left", "no-record"}


def test_there_are_twelve_and_the_notebook_has_one_of_them() -> None:
    assert len(LABS) == 12
    assert {each.id for each in lessons()["14"].exercises} < set(LABS)


@pytest.mark.parametrize("number", list(LABS))
def test_a_file_has_what_the_engine_asks_for(number: str) -> None:
    lab = LABS[number]
    assert lab.fault["level"] in (1, 2, 3)
    assert lab.fault["minutes"] > 0
    assert lab.fault["picture"]["kind"] in PICTURES
    assert Fault.read(lab.fault).steps
    assert lab.fault["traffic"] and lab.fault["record"]
    assert {"complaint", "still"} <= lab.messages.keys()
    assert lab.wrong
    said = {
        question.get("says", "still")
        for part in ("state", "traffic", "afterwards")
        for question in lab.fault.get(part, ())
    }
    assert said <= lab.messages.keys()
    assert common().keys() >= MESSAGES


@pytest.mark.parametrize("number", list(LABS))
def test_a_solution_needs_the_lab_and_the_parameters_alone(number: str) -> None:
    tree = ast.parse(LABS[number].solution)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    bound = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    bound |= {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert {node.id for node in names} - bound - GIVEN - set(dir(builtins)) == set()


@pytest.mark.parametrize("number", list(LABS))
def test_a_lab_is_written_in_short_sentences_and_plain_words(number: str) -> None:
    told = prose.texts_of(LABS[number])
    assert [sentence for sentence in prose.sentences(told) if prose.words(sentence) > prose.MOST_WORDS] == []
    words = re.sub(r"`[^`]+`", "", told)
    found = [
        match[0]
        for table in ("private", "private_prose")
        for pattern in private_words(table)
        for match in pattern.finditer(words)
    ]
    assert found == []


def test_a_complaint_and_a_refusal_name_no_cause() -> None:
    """A refusal has no word for a cause that only the later hints and the solution have."""
    for lab in LABS.values():
        told = terms(lab.task, lab.title, lab.messages["complaint"])
        later = terms(" ".join(lab.hints[1:]), lab.solution) - told
        assert not terms(lab.messages["still"]) & later, lab.id
        cause = re.search(
            r"\b(entry 90|blackhole|trust policy|PassRole|INFREQUENT_ACCESS)\b", lab.messages["complaint"]
        )
        assert not cause, lab.id


CAUSES = r"class|trust|policy|document|route|peering|entry|ACL|outbound|ResourceId|PassRole|blackhole|subnet|program"


def terms(*texts: str) -> set[str]:
    """Words for a cause."""
    return {word.lower() for text in texts for word in re.findall(rf"\b({CAUSES})\w*", text)}


def test_a_refusal_that_names_a_cause_would_be_seen() -> None:
    assert terms("Which class has the log group?") & terms(LABS["14.19"].hints[1], "The class is fixed at birth.")
    assert terms("Which state has each route?") and not terms("How far does each of them get?")


def test_a_file_that_lacks_something_is_named(tmp_path: Path) -> None:
    path = tmp_path / "14.21_new.toml"
    path.write_text('id = "14.21"\ntitle = "New"\n', "utf-8")
    with pytest.raises(ContentError, match=r"14\.21_new\.toml, exercise 14\.21 lacks"):
        read_broken_lab(path)


class MadeLab:
    """What the names in a step mean, without an account."""

    prefix, region = "ann", "eu-west-1"

    def name(self, short: str) -> str:
        return f"ann-{short}"

    def find(self, kind: str, short: str) -> str | None:
        return f"{kind} {short}" if short != "nobody" else None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/{prefix}/x in {region}", "/ann/x in eu-west-1"),
        ("role/{name:flow-logs}", "role/ann-flow-logs"),
        ("{route-table:rt-public-a}", "route-table rt-public-a"),
        ("{acl}", ["kept"]),
        ("%{http_code}", "%{http_code}"),
        (["{prefix}", 7, True], ["ann", 7, True]),
        ({"PolicyDocument": {"Who": "{prefix}"}}, {"PolicyDocument": '{"Who": "ann"}'}),
    ],
)
def test_names_in_braces_are_filled_in(written: object, meant: object) -> None:
    assert filled(MadeLab(), written, {"acl": ["kept"]}) == meant  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["{vpc:nobody}", "{unkept}"])
def test_a_name_that_means_nothing_is_a_sentence(written: str) -> None:
    with pytest.raises(Exception, match="The lab has no"):
        filled(MadeLab(), written, {})  # type: ignore[arg-type]
