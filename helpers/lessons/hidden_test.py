"""The hidden test of a broken lab: is it repaired, does new traffic show it, and is nothing more open than it was?

It first holds the lab against the readings around the break, then asks what the lab's file asks, and at last sends
traffic of its own and reads its records. What it says names no cause that the learner has not touched.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import jmespath

from helpers.lab import Lab
from helpers.lessons.account_view import AccountView, CheckResult, done, not_attempted, not_yet
from helpers.lessons.answers import plain
from helpers.lessons.broken_lab import Broken
from helpers.lessons.content import broken_labs
from helpers.lessons.lesson_functions import fresh_window, names_of, records, run_on
from helpers.lessons.openness import Item, beyond, let_through, named, permitted, read_lab
from helpers.lessons.steps import ask, filled

_RECORD_SECONDS = 1800
_RECORD = {"at": "instance", "source": "srcaddr", "target": "dstaddr", "action": "action", "port": "dstport"}


def judged(account: AccountView, number: str) -> CheckResult:
    """How the broken lab of this number stands; it sends traffic, and changes nothing."""
    found = Broken.now(account.lab)
    if found is None or found.id != number:
        return not_attempted("not-broken", number=number)
    fault = broken_labs()[number].fault
    wrong, rest = _changed(account.lab, found, fault)
    return (
        wrong
        or _state(account.lab, fault.get("state", ()), found)
        or _traffic(account.lab, fault)
        or _afterwards(account.lab, fault.get("afterwards", ()), found)
        or rest
        or done()
    )


def _changed(lab: Lab, found: Broken, fault: Mapping[str, Any]) -> tuple[CheckResult | None, CheckResult | None]:
    """What is wrong at once: taken away by the learner, wider than allowed, or all of it still missing.

    And for the end: what is missing beside the packets that the test sends, and what the fault opened.
    """
    skipped = fault.get("skip", ())

    def items(reading: Mapping[str, Any]) -> list[Item]:
        return [item for item in let_through(reading) if item[0] not in skipped]

    before, after, now = items(found.before), items(found.after), items(read_lab(lab))
    wanted = after if fault.get("wanted") == "after" else before
    allowed = wanted + [item for each in fault.get("may", ()) for item in permitted(filled(lab, each, {}), lab)]
    names, wider, missing = names_of(lab), beyond(now, allowed), beyond(wanted, now)
    for item in missing:
        if not beyond([item], after):
            return not_yet("lost", **named(item, names)), None
    for item in beyond(wider, after):
        return not_yet("wider", **named(item, names)), None
    if missing and missing == beyond(wanted, after):
        return not_yet("still"), None
    kinds = (("part", missing), ("left", wider))
    return None, next((not_yet(key, **named(which[0], names)) for key, which in kinds if which), None)


def _state(lab: Lab, questions: Iterable[Mapping[str, Any]], found: Broken) -> CheckResult | None:
    """The first question about the account whose answer differs."""
    for question in questions:
        search = filled(lab, question["search"], found.kept)
        answer = jmespath.search(search, ask(lab, question, found.kept))
        if plain(answer) != plain(filled(lab, question["equals"], found.kept)):
            return not_yet(question.get("says", "still"))
    return None


def _afterwards(lab: Lab, questions: Iterable[Mapping[str, Any]], found: Broken) -> CheckResult | None:
    """The same once the account had time: each flow log delivers at a moment of its own."""
    try:
        lab.wait_until(lambda: _state(lab, questions, found) is None, _RECORD_SECONDS, "answer")
    except TimeoutError:
        return _state(lab, questions, found)
    return None


def _traffic(lab: Lab, fault: Mapping[str, Any]) -> CheckResult | None:
    """Each line has to show its words on its instance, and each record has to come."""
    since = fresh_window(lab)
    for line in fault["traffic"]:
        if line.get("shows", "") not in run_on(lab, line["on"], line["run"]):
            return not_yet(line.get("says", "still"))
    for wanted in fault.get("record", ()):

        def there(wanted: Mapping[str, Any] = wanted) -> bool:
            table = records(lab, since)
            for key, value in wanted.items():
                table = table[table[_RECORD[key]] == value]
            return not table.empty

        try:
            lab.wait_until(there, _RECORD_SECONDS, "record")
        except TimeoutError:
            return not_yet("no-record", at=wanted["at"], source=wanted["source"], target=wanted["target"])
    return None
