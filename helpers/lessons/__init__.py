"""What the lessons say and ask beside plain boto3: exercises with their checks, errors that are meant to happen, and
the reason behind a record.

    check, hint, solution, progress = exercises(lab, globals())
    check("03.2")                            # looks at the account: not attempted, not yet, or done

    with expect_error("AccessDenied") as refusal:
        sts.assume_role(RoleArn=role, RoleSessionName="me")
    refusal                                  # what AWS answered

    explain(line, lab)                       # a line of the log -> the rule that decided
    disturb(lab, "08.1")                     # breaks one thing in your network, and complains of the symptom
    broken(lab, "14.07")                     # breaks one thing in your lab, with a hidden test
    broken_labs(lab)                         # the table of them
    drift(lab, "13.2")                       # changes settings that nobody notices, and says what a colleague says

    run_on(lab, "client-a", "uptime")        # built in lesson 05: what an instance answers to a shell line
    records(lab, since)                      # built in lesson 06: the records since a moment, as a table
    ask(lab, "stats count(*)", since)        # built in lesson 07: the rows of a Logs Insights query
    both_ends(lab, since, "web-b", "db-b")   # built in lesson 08: what two instances recorded, nothing missing
    in_your_own_words("05", "What does a missing record tell you?", answer="")    # keeps your answer in my/

    stage(lab)                               # lesson 15: the network as the attacker left it
    case = open_case(lab)                    # lesson 15: the records of its two nights
    score_sheet()                            # lesson 15: ten points for each milestone
    write_up(lab, network_figure)            # what your lab and your progress let you claim, with the evidence
    TextMask()(line)                         # a text without account ids, ids of resources and public addresses

    drill({1: None, 2: None})                # a record line, a question, and how your answer stands

>>> from botocore.exceptions import ClientError
>>> with expect_error("AccessDenied") as refusal:
...     raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "AssumeRole")
>>> refusal
AccessDenied: not you
"""

from helpers.lessons.case import BrokenLab, broken
from helpers.lessons.case import offered as broken_labs
from helpers.lessons.drills import drill
from helpers.lessons.errors import LessonError, expect_error
from helpers.lessons.explain_record import explain
from helpers.lessons.faults import Complaint, disturb, drift
from helpers.lessons.learner_report import TextMask, write_up
from helpers.lessons.lesson_functions import ask, both_ends, fresh_window, names_of, packet_between, records, run_on
from helpers.lessons.milestones import night_shift, open_case, score_sheet, stage
from helpers.lessons.own_words import in_your_own_words
from helpers.lessons.tools import exercises

__all__ = [
    "BrokenLab",
    "Complaint",
    "LessonError",
    "TextMask",
    "ask",
    "both_ends",
    "broken",
    "broken_labs",
    "disturb",
    "drift",
    "drill",
    "exercises",
    "expect_error",
    "explain",
    "fresh_window",
    "in_your_own_words",
    "names_of",
    "night_shift",
    "open_case",
    "packet_between",
    "records",
    "run_on",
    "score_sheet",
    "stage",
    "write_up",
]
