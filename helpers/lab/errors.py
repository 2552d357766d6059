"""The one exception of a lab, and the ways out of what AWS refuses or does not answer."""

import re
from collections.abc import Mapping

ROOM = (
    "Another lab that is not needed makes room when it goes: `python -m helpers teardown --prefix NAME`, in a real "
    "account with `--mode aws --confirm-account ID`."
)
# AWS's error codes, or the names of botocore's own errors -> what to do. The first that matches counts.
_WAYS: Mapping[str, str] = {
    "Throttl|RequestLimitExceeded|TooManyRequests": (
        "AWS asks for a pause. Run this again in a minute: what is there is found again."
    ),
    "LimitExceeded$": ROOM,
    "Expired|InvalidClientTokenId|AuthFailure|InvalidToken|TokenRetrieval|SSOToken|Credential": (
        "Sign in again as you do for the AWS CLI, restart the kernel and run this again: what is there is found again."
    ),
    "AccessDenied|UnauthorizedOperation": (
        "The caller's policies do not allow this. In an account of your own, `python -m helpers preflight` names what "
        "else they do not allow."
    ),
    r"^botocore\..*\.(ParamValidation|MissingParameters|UnknownParameter|RangeError)": (
        "Nothing was sent: boto3 looks at the names and types of the parameters first. Change the line, and run the "
        "cell again."
    ),
    r"^botocore\.|InternalError|InternalFailure|Unavailable|^5\d\d$": (
        "No answer came, so nobody knows whether it was done. Run this again: what is there is found again."
    ),
}


class LabError(Exception):
    """The lab cannot do what was asked; the text says what to do next."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows below the cell: the sentence alone. Our own lines would not tell a learner more."""
        return [f"{type(self).__name__}: {self}"]


def way_out(problem: object) -> str:
    """What to do after an error of AWS or of the way to it, where that is known; else nothing.

    Errors are known by what they carry, so that nothing heavy is imported here: a botocore ``ClientError`` by its
    ``response``, any other error of botocore by the module of its class.
    """
    code = str((getattr(problem, "response", None) or {}).get("Error", {}).get("Code", ""))
    for pattern, sentence in _WAYS.items():
        if re.search(pattern, code or f"{type(problem).__module__}.{type(problem).__name__}"):
            return sentence
    return ""
