"""A table of functions: for each name its number of arguments, and what makes the SQL that it becomes.

Names are matched without regard to case and underscores (the pages write ``isPresent`` and ``ispresent``,
``countDistinct`` and ``count_distinct``). Argument rules: CloudWatch Logs User Guide, "Boolean, comparison, numeric,
datetime, and other functions".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from helpers.insights.sql.patterns import regex_error, to_re2
from helpers.insights.sql.typed import E, Kind, Typed, call
from helpers.insights.syntax import nodes


class Context(Protocol):
    """What a function may ask of the compiler."""

    def fail(self, message: str, node: nodes.Node) -> Exception:
        """A ``MalformedQuery`` at the node."""
        ...

    def timestamp(self) -> E:
        """The @timestamp of a row, in epoch milliseconds."""
        ...

    def order(self) -> E:
        """What orders rows in time: @timestamp, then order of arrival."""
        ...

    def parameter(self, name: str) -> E:
        """One of the run's own values: ``now``, ``start`` or ``end`` (epoch milliseconds)."""
        ...


Build = Callable[[Context, nodes.FunctionCall, list[Typed]], Typed]


@dataclass(frozen=True, slots=True)
class Function:
    """A scalar function or an aggregate.

    ``most`` is None when there is no upper limit to the number of arguments. A ``timed`` one looks at @timestamp and is
    only possible while it is there.
    """

    least: int
    most: int | None
    build: Build
    timed: bool = False


def key(name: str) -> str:
    """The form under which a function name is looked up."""
    return name.replace("_", "").lower()


class FunctionTable(dict[str, Function]):
    """Functions by the key of their name."""

    def on(self, names: str, least: int, most: int | None = -1, timed: bool = False) -> Callable[[Build], Build]:
        """Enters the builder below under its names; ``most`` defaults to ``least``."""

        def enter(build: Build) -> Build:
            self.update(
                (key(name), Function(least, least if most == -1 else most, build, timed)) for name in names.split()
            )
            return build

        return enter

    def sql(
        self, names: str, sql: str, least: int, read: Callable[[Typed], E], kind: Kind, most: int | None = -1
    ) -> None:
        """Enters a function that is one SQL function over coerced arguments."""
        self.on(names, least, most)(lambda context, node, args: Typed(call(sql, *map(read, args)), kind))


def literal_text(context: Context, node: nodes.FunctionCall, position: int, what: str) -> str:
    """The text of an argument that must be written as a quoted string."""
    argument = node.args[position]
    if not isinstance(argument, nodes.String):
        raise context.fail(f"{node.name} expects {what} as a quoted string", argument)
    return argument.value


def optional(args: list[Typed], position: int) -> Typed | None:
    """The argument at a position, or None when it was not given."""
    return args[position] if len(args) > position else None


def checked_regex(context: Context, node: nodes.Node, pattern: str) -> str:
    """The pattern in RE2's form; refused with its place when RE2 cannot read it."""
    translated = to_re2(pattern)
    wrong = regex_error(translated)
    if wrong:
        raise context.fail(f"not a regular expression: {wrong}", node)
    return translated
