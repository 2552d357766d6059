"""The parameters that every notebook shares: which values of them make sense, and a sentence where one does not."""

import re
from functools import cache

from botocore.loaders import Loader

from helpers.lab.errors import LabError

MODES = ("sandbox", "aws")
_PREFIX = re.compile(r"[a-z][a-z0-9-]{0,19}")


def check(mode: str, region: str, prefix: str, confirm_account: object = None) -> None:
    """Raise :class:`LabError` where a lab cannot be opened with these; nothing is started and nobody is asked."""
    if mode not in MODES:
        raise LabError(f'mode={mode!r} does not exist: use "sandbox" or "aws".')
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise LabError(
            f"prefix={prefix!r} cannot be used in names: take up to 20 lower-case letters, digits and hyphens, "
            f"beginning with a letter."
        )
    if prefix.endswith("-"):
        raise LabError(f"prefix={prefix!r} makes names such as {prefix}-vpc-a: take {prefix.rstrip('-')!r}.")
    if mode == "aws":
        _check_confirmed(confirm_account)
    # An account may know a Region that is newer than the installed botocore; the sandbox knows what botocore knows.
    if mode == "sandbox" and region not in _regions():
        raise LabError(f'region={region!r} is no AWS Region that the sandbox knows: take "us-east-1", for example.')


def _check_confirmed(account: object) -> None:
    """What is no account id at all is another mistake than the id of another account."""
    if not isinstance(account, str | None):
        raise LabError('confirm_account takes the account id as text: put it in quotes, confirm_account="...".')
    if account and not account.isalnum():
        raise LabError("confirm_account holds more than an account id: take away blanks, hyphens and line ends.")


@cache
def _regions() -> frozenset[str]:
    """The Regions of AWS's ordinary partition, as botocore's own files list them."""
    (ordinary,) = (part for part in Loader().load_data("partitions")["partitions"] if part["id"] == "aws")
    return frozenset(name for name in ordinary["regions"] if not name.endswith("-global"))
