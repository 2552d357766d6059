"""The health check's reports as JSON and as JUnit XML."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from helpers.health import CheckOutcome, HealthFinding, HealthReport

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_json(reports: Sequence[HealthReport]) -> dict[str, Any]:
    """Everything, for programs; a row of evidence is an object."""
    documents = []
    for report in reports:
        document = dataclasses.asdict(report)
        document["unread"] = dict(report.unread)
        for outcome in document["outcomes"]:
            for finding in outcome["findings"]:
                finding["evidence"] = [dict(row) for row in finding["evidence"]]
        documents.append(document)
    return {"reports": documents}


def as_junit(reports: Sequence[HealthReport], fail_on: str) -> str:
    """A suite for each Region, a case for each check; what was not evaluated or is not used counts as skipped."""
    root = ElementTree.Element("testsuites", name="health")
    for report in reports:
        failing = set(report.at_least(fail_on))
        suite = ElementTree.SubElement(root, "testsuite", name=f"health {report.region}", errors="0")
        for outcome in report.outcomes:
            suite.append(_case(report, outcome, [item for item in outcome.findings if item in failing]))
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
        suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(report: HealthReport, outcome: CheckOutcome, failing: Sequence[HealthFinding]) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=f"health.{report.region}", name=f"{outcome.id} {outcome.title}")
    if failing:
        message = _NOT_XML.sub("?", f"{len(failing)} at or above the limit: {failing[0]}")
        failure = ElementTree.SubElement(case, "failure", message=message)
        failure.text = _NOT_XML.sub("?", "\n".join(line for finding in failing for line in finding.lines()))
    elif outcome.status in ("not evaluated", "not used here"):
        ElementTree.SubElement(case, "skipped", message=_NOT_XML.sub("?", f"{outcome.status}: {outcome.reason}"))
    return case
