"""The learner's report: what their lab and their progress show, each claim with the evidence that it came from."""

from helpers.lessons.learner_report.account_claims import write_up
from helpers.lessons.learner_report.text_mask import TextMask
from helpers.lessons.learner_report.written_report import WriteUp

__all__ = ["TextMask", "WriteUp", "write_up"]
