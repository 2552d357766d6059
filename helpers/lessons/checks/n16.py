"""Notebook 16: a claim of the learner's own, with a line that is in the log group."""

import re

from helpers.flowlogs import DEFAULT_FORMAT, RecordError
from helpers.lessons.account_view import AccountView, CheckResult, done, not_yet
from helpers.lessons.learner_report import WriteUp
from helpers.lessons.learner_report.written_report import ADDED


def check_16_2(account: AccountView) -> CheckResult:
    """The last claim that was added has rejected records of this lab as evidence, and names their destination port."""
    report = account.answer
    if not isinstance(report, WriteUp):
        return not_yet("shape", given=type(report).__name__)
    there = set(account.lines()) if account.log_group in account.groups(account.log_group) else set()
    if not there:
        return not_yet("no-records")
    own = [(claim, each) for claim in report.claims for each in claim.evidence if each.source == ADDED]
    if not own:
        return not_yet("no-claim")
    claim, evidence = own[-1]
    if claim.section != "Security":
        return not_yet("section", section=claim.section)
    for line in filter(None, map(str.strip, evidence.text.splitlines())):
        try:
            record = DEFAULT_FORMAT.read(line)
        except RecordError:
            return not_yet("not-there", group=account.log_group, line=line)
        if line not in there:
            return not_yet("not-there", group=account.log_group, line=line)
        if record.action != "REJECT":
            return not_yet("accepted")
        if not re.search(rf"(?<![\d.]){record.dstport}(?![.:]?\d)", claim.text):
            return not_yet("vague", port=record.dstport)
    return done()
