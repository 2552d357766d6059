"""Errors that a lesson wants to see."""

from dataclasses import dataclass
from html import escape
from types import TracebackType
from typing import Self

from botocore.exceptions import ClientError


class LessonError(AssertionError):
    """A cell of a lesson did not do what the lesson is about; the text says what it did instead."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows below the cell: the sentence alone. Our own lines would not tell a learner more."""
        return [f"{type(self).__name__}: {self}"]


@dataclass
class ExpectedError:
    """What AWS answered. ``code`` and ``message`` are empty until the block has ended."""

    codes: tuple[str, ...]
    code: str = ""
    message: str = ""

    def __enter__(self) -> Self:
        self.code = self.message = ""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> bool:
        if error is None:
            raise LessonError(f"AWS should answer this call with {self._wanted}, but the call succeeded.")
        if not isinstance(error, Exception):
            return False  # the learner interrupted the kernel
        if not isinstance(error, ClientError):
            raise LessonError(
                f"AWS should answer this call with {self._wanted}, but the cell itself failed: "
                f"{type(error).__name__}: {error}"
            ) from error
        answer = error.response.get("Error", {})
        self.code, self.message = answer.get("Code", ""), answer.get("Message", "")
        if self.code not in self.codes:
            raise LessonError(
                f"AWS should answer this call with {self._wanted}, but it answered {self.code}: {self.message}"
            ) from error
        return True

    @property
    def _wanted(self) -> str:
        return " or ".join(self.codes)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.code else f"waiting for {self._wanted}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self.code:
            return f"<p>{escape(str(self))}</p>"
        return (
            '<div style="border-left:6px solid #E69F00;padding:2px 10px">'
            f"<b>Expected error: {escape(self.code)}</b><br>{escape(self.message)}</div>"
        )


def expect_error(*codes: str) -> ExpectedError:
    """Run a block that AWS must answer with one of these error codes, and keep the answer.

        with expect_error("AccessDenied") as refusal:
            sts.assume_role(...)
        refusal

    Afterwards ``refusal.code`` and ``refusal.message`` hold what AWS said. Raises :class:`LessonError` where AWS
    did it after all, answered another code, or where the block failed by itself. ``ValueError`` without a code.
    """
    if not codes:
        raise ValueError('Name the error code that AWS must answer, for example expect_error("AccessDenied").')
    return ExpectedError(codes)
