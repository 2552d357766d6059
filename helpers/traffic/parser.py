"""From tokens to a script: `parse(text) -> Script`."""

import re
from dataclasses import dataclass

from helpers.traffic.lexer import Lexer, Token
from helpers.traffic.syntax import AndOr, For, Literal, Redirect, ShellSyntaxError, Simple, Word

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_UNKNOWN = frozenset(("if", "while", "until", "case", "function", "select", "{", "}", "[[", "!", "time", "coproc"))
_STRAY = frozenset(("do", "done", "then", "else", "elif", "fi", "esac", "in"))
_REDIRECTS = {
    ">": (1, False),
    ">>": (1, True),
    "1>": (1, False),
    "1>>": (1, True),
    "2>": (2, False),
    "2>>": (2, True),
}


@dataclass(frozen=True, slots=True)
class Script:
    """A script that was read: its statements and its text."""

    statements: tuple[AndOr, ...]
    text: str


def parse(text: str) -> Script:
    """Read a script.

    Raises:
        ShellSyntaxError: with bash-like text, and the line.

    >>> len(parse("echo hello; for p in 22 80; do nc -z 10.2.1.10 $p; done").statements)
    2
    >>> parse("for p in 22 80 do echo; done")
    Traceback (most recent call last):
    helpers.traffic.syntax.ShellSyntaxError: _script.sh: line 1: syntax error near unexpected token `done'
    _script.sh: line 1: `for p in 22 80 do echo; done'
    """
    return Script(_Parser(text).script(), text)


def readable_part(text: str, line: int) -> Script:
    """The script's lines before one that cannot be read, as far as they hold whole commands: what bash has run by
    then.

    >>> len(readable_part("echo 1; echo 2\\necho 'unclosed", 2).statements)
    2
    """
    lines = text.split("\n")
    for count in range(min(line - 1, len(lines)), 0, -1):
        try:
            return parse("\n".join(lines[:count]))
        except ShellSyntaxError:
            continue
    return Script((), "")


def _one_command(text: str, line: int) -> Simple:
    statements = _Parser(text, line).script()
    command = statements[0].items[0][1] if len(statements) == 1 and len(statements[0].items) == 1 else None
    if not isinstance(command, Simple) or command.background:
        raise ShellSyntaxError(line, "unexpected token `$('", remark="$(...) must hold exactly one simple command")
    return command


class _Parser:
    def __init__(self, text: str, line: int = 1) -> None:
        self._lines = text.split("\n")
        self._first = line
        self._tokens = Lexer(text, _one_command, line).tokens()
        self._at = 0

    def script(self) -> tuple[AndOr, ...]:
        statements = self._statements(())
        if (token := self._peek()) is not None:
            raise self._unexpected(token)
        return statements

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self) -> Token:
        token = self._peek()
        if token is None:
            last = self._first + len(self._lines)
            raise ShellSyntaxError(last, "syntax error: unexpected end of file")
        self._at += 1
        return token

    def _unexpected(self, token: Token, remark: str = "") -> ShellSyntaxError:
        shown = "newline" if token.text == "\n" else token.text
        index = token.line - self._first
        text = self._lines[index] if 0 <= index < len(self._lines) else ""
        return ShellSyntaxError(token.line, f"syntax error near unexpected token `{shown}'", text, remark)

    def _skip(self, *texts: str) -> None:
        while (token := self._peek()) is not None and token.word is None and token.text in texts:
            self._at += 1

    def _statements(self, closers: tuple[str, ...]) -> tuple[AndOr, ...]:
        found: list[AndOr] = []
        self._skip("\n")
        while (token := self._peek()) is not None and token.bare not in closers:
            found.append(self._and_or())
            token = self._peek()
            if token is None:
                break
            if token.word is None and token.text in (";", "\n"):
                self._at += 1
                self._skip("\n")
            elif not _in_background(found[-1]):
                break
        return tuple(found)

    def _and_or(self) -> AndOr:
        items: list[tuple[str, Simple | For]] = [("", self._command())]
        while (token := self._peek()) is not None and token.text in ("&&", "||"):
            self._at += 1
            self._skip("\n")
            items.append((token.text, self._command()))
        token = self._peek()
        if token is not None and token.word is None and token.text == "&":
            self._at += 1
            command = items[0][1]
            if len(items) > 1 or not isinstance(command, Simple):
                raise self._unexpected(token, "only one simple command can run in the background")
            background = Simple(command.words, command.line, command.redirects, command.assignments, background=True)
            items = [("", background)]
        return AndOr(tuple(items))

    def _command(self) -> Simple | For:
        token = self._take()
        if token.word is None:
            if token.text in ("(", "|", "<", "<<"):
                raise self._unexpected(token, "it has no pipes, subshells or input redirection")
            if token.text not in _REDIRECTS and token.text not in ("&>", "&>>"):
                raise self._unexpected(token)
        if token.bare == "for":
            return self._loop(token)
        if token.bare in _STRAY:
            raise self._unexpected(token)
        if token.bare in _UNKNOWN:
            raise self._unexpected(
                token, f"it does not know `{token.bare}'; its one loop is for ... in ...; do ...; done"
            )
        self._at -= 1
        return self._simple()

    def _loop(self, opening: Token) -> For:
        name = self._take()
        if not name.bare.isidentifier():
            raise ShellSyntaxError(name.line, f"`{name.text}': not a valid identifier")
        self._skip("\n")
        keyword = self._take()
        if keyword.bare != "in":
            raise self._unexpected(keyword)
        words: list[Word] = []
        while (token := self._take()).word is not None:
            words.append(token.word)
        if token.text not in (";", "\n"):
            raise self._unexpected(token)
        self._skip("\n")
        opener = self._take()
        if opener.bare != "do":
            raise self._unexpected(opener)
        body = self._statements(("done",))
        closer = self._take()
        if closer.bare != "done" or not body:
            raise self._unexpected(closer)
        return For(name.bare, tuple(words), body, opening.line)

    def _simple(self) -> Simple:
        words: list[Word] = []
        redirects: list[Redirect] = []
        assignments: list[tuple[str, Word]] = []
        line = self._tokens[self._at].line
        while (token := self._peek()) is not None:
            if token.word is not None:
                self._at += 1
                assigned = _assignment(token.word) if not words else None
                if assigned is not None:
                    assignments.append(assigned)
                else:
                    words.append(token.word)
            elif token.text in _REDIRECTS or token.text in ("&>", "&>>"):
                redirects.extend(self._redirect())
            elif token.text in ("|", "(", ")", "<", "<<", ";;"):
                remark = "" if token.text in (")", ";;") else "it has no pipes, subshells or input redirection"
                raise self._unexpected(token, remark)
            else:
                break
        if words and assignments:
            raise ShellSyntaxError(
                line, "syntax error near unexpected token `='", remark="set the variable on a line of its own"
            )
        return Simple(tuple(words), line, tuple(redirects), tuple(assignments))

    def _redirect(self) -> list[Redirect]:
        operator = self._take()
        target = self._take()
        if target.word is None and target.text == "&" and operator.text not in ("&>", "&>>"):
            number = self._take()
            if number.bare not in ("1", "2"):
                raise self._unexpected(number)
            return [Redirect(_REDIRECTS[operator.text][0], f"&{number.bare}")]
        if target.word is None:
            raise self._unexpected(target)
        if operator.text in ("&>", "&>>"):
            return [Redirect(1, target.word, operator.text == "&>>"), Redirect(2, "&1")]
        source, append = _REDIRECTS[operator.text]
        return [Redirect(source, target.word, append)]


def _in_background(statement: AndOr) -> bool:
    command = statement.items[-1][1]
    return isinstance(command, Simple) and command.background


def _assignment(word: Word) -> tuple[str, Word] | None:
    first = word[0] if word else None
    if not isinstance(first, Literal) or first.quoted:
        return None
    match = _ASSIGNMENT.match(first.text)
    if match is None:
        return None
    rest = Literal(first.text[match.end() :])
    return match.group(1), (rest, *word[1:])
