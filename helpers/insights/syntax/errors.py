"""How a query goes wrong: it is refused (``MalformedQuery``), or it fails while it runs (``QueryFailed``)."""


class MalformedQuery(ValueError):
    """The text is not a query that can be run; says where and what was expected.

    ``start`` and ``end`` are character offsets into ``query`` (``end`` exclusive), as in the
    ``queryCompileError`` of CloudWatch's MalformedQueryException. ``str(error)`` is the message with the
    line and a caret below the place.
    """

    def __init__(self, message: str, query: str = "", start: int = 0, end: int | None = None) -> None:
        self.message = message
        self.query = query
        self.start = max(0, min(start, len(query)))
        self.end = max(self.start, min(len(query), self.start + 1 if end is None else end))
        super().__init__(message)

    @property
    def caret(self) -> str:
        """The line of the query that holds the place, and a line of carets below it."""
        first = self.query.rfind("\n", 0, self.start) + 1
        last = self.query.find("\n", first)
        line = self.query[first:] if last < 0 else self.query[first:last]
        column = self.start - first
        width = max(1, min(self.end - self.start, len(line) - column))
        pad = "".join("\t" if character == "\t" else " " for character in line[:column])
        return f"{line}\n{pad}{'^' * width}"

    @property
    def line(self) -> int:
        """The number of the line that holds the place, from 1."""
        return self.query.count("\n", 0, self.start) + 1

    def __str__(self) -> str:
        if not self.query.strip():
            return self.message
        return f"{self.message} (line {self.line}, characters {self.start} to {self.end})\n{self.caret}"

    def __reduce__(self) -> tuple[type["MalformedQuery"], tuple[str, str, int, int]]:
        return MalformedQuery, (self.message, self.query, self.start, self.end)


class QueryFailed(RuntimeError):
    """A well-formed query could not be finished, for example because it needs more memory than allowed."""
