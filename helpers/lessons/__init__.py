"""What the lessons say and ask beside plain boto3: exercises with their checks, errors that are meant to happen, and
the reason behind a record.

    check, hint, solution, progress = exercises(lab, globals())
    check("03.2")                            # looks at the account: not attempted, not yet, or done

    with expect_error("AccessDenied") as refusal:
        sts.assume_role(RoleArn=role, RoleSessionName="me")
    refusal                                  # what AWS answered

    explain(line, lab)                       # a line of the log -> the rule that decided
    disturb(lab, "08.1")                     # breaks one thing in your network, and complains of the symptom

    drill({1: None, 2: None})                # a record line, a question, and how your answer stands

>>> from botocore.exceptions import ClientError
>>> with expect_error("AccessDenied") as refusal:
...     raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "AssumeRole")
>>> refusal
AccessDenied: not you
"""

from helpers.lessons.desk import Tools, exercises
from helpers.lessons.disturbances import Complaint, disturb
from helpers.lessons.drills import drill
from helpers.lessons.errors import ExpectedError, LessonError, expect_error
from helpers.lessons.explain import explain

__all__ = [
    "Complaint",
    "ExpectedError",
    "LessonError",
    "Tools",
    "disturb",
    "drill",
    "exercises",
    "expect_error",
    "explain",
]
