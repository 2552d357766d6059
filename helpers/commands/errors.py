"""The exit codes of the command line, and the one exception that carries them."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command line tells the shell."""

    DONE = 0
    CHECK_FAILED = 1
    USAGE = 2
    SETUP = 3


class CommandError(Exception):
    """An expected mistake: one sentence for the reader, and the exit code for the shell."""

    def __init__(self, sentence: str, code: ExitCode) -> None:
        super().__init__(sentence)
        self.code = code


def usage(sentence: str) -> CommandError:
    """The command was used wrongly."""
    return CommandError(sentence, ExitCode.USAGE)


def broken(sentence: str) -> CommandError:
    """The set-up is broken: not the reader's command but what it needs."""
    return CommandError(sentence, ExitCode.SETUP)
