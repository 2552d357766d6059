"""From tokens to a script's statements."""

import re
from dataclasses import replace

from helpers.traffic.shell.lexer import Lexer, Token
from helpers.traffic.shell.syntax import (
    AndOr,
    Background,
    Command,
    For,
    Group,
    If,
    Literal,
    NotSimulatedError,
    Pipeline,
    Redirect,
    ShellSyntaxError,
    Simple,
    Word,
)

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?=|\[)")
_UNKNOWN = frozenset(("while", "until", "case", "function", "select", "[[", "time", "coproc"))
_STRAY = frozenset(("do", "done", "then", "else", "elif", "fi", "esac", "in", "}"))
_REDIRECTS = {
    "<": (0, False),
    "<<<": (0, False),
    "0<": (0, False),
    ">": (1, False),
    ">>": (1, True),
    "1>": (1, False),
    "1>>": (1, True),
    "2>": (2, False),
    "2>>": (2, True),
    "&>": (1, False),
    "&>>": (1, True),
}
_BASH_ONLY = frozenset(("<<", "<(", ">(", "<>", ">|", "|&", "(("))


def parse(text: str) -> tuple[AndOr, ...]:
    """Read a script's statements. Raises ShellSyntaxError with text like bash's, and the line; NotSimulatedError.

    >>> len(parse("echo hello; for p in 22 80; do nc -z 10.2.1.10 $p; done"))
    2
    >>> parse("for p in 22 80 do echo; done")
    Traceback (most recent call last):
    helpers.traffic.shell.syntax.ShellSyntaxError: _script.sh: line 1: syntax error near unexpected token `done'
    _script.sh: line 1: `for p in 22 80 do echo; done'
    """
    return _read_tokens(Lexer(text, _read_tokens).tokens(), text)


def parse_readable(text: str) -> tuple[tuple[AndOr, ...], ShellSyntaxError | NotSimulatedError | None]:
    """The statements before the first line that cannot be read, which bash has run by then, and what is wrong there.

    >>> len(parse_readable("echo 1; echo 2\\necho 'unclosed")[0])
    2
    """
    try:
        return parse(text), None
    except (ShellSyntaxError, NotSimulatedError) as error:
        problem = error
    lines = text.split("\n")
    for count in range(min(problem.line - 1, len(lines)), 0, -1):
        try:
            return parse("\n".join(lines[:count])), problem
        except (ShellSyntaxError, NotSimulatedError):
            continue
    return (), problem


def _read_tokens(tokens: list[Token], text: str) -> tuple[AndOr, ...]:
    return _TokenReader(tokens, text).script()


class _TokenReader:
    def __init__(self, tokens: list[Token], text: str) -> None:
        self._lines = text.split("\n")
        self._tokens = tokens
        self._at = 0

    def script(self) -> tuple[AndOr, ...]:
        statements = self._statements(())
        if (token := self._peek()) is not None:
            raise self._unexpected(token)
        return statements

    # --- tokens -------------------------------------------------------------------------------------------------

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _ahead(self, *texts: str) -> bool:
        token = self._peek()
        return token is not None and token.word is None and token.text in texts

    def _take(self) -> Token:
        token = self._peek()
        if token is None:
            raise ShellSyntaxError(len(self._lines) + 1, "syntax error: unexpected end of file")
        self._at += 1
        return token

    def _expect(self, keyword: str) -> None:
        token = self._take()
        if (token.bare or token.text) != keyword:
            raise self._unexpected(token)

    def _skip(self, *texts: str) -> None:
        while self._ahead(*texts):
            self._at += 1

    def _unexpected(self, token: Token) -> ShellSyntaxError | NotSimulatedError:
        if token.word is None and (token.text in _BASH_ONLY or (token.text[0].isdigit() and token.text[-1] in "<>")):
            return NotSimulatedError.syntax(token.line, token.text)
        shown = "newline" if token.text == "\n" else token.text
        text = self._lines[token.line - 1] if token.line <= len(self._lines) else ""
        return ShellSyntaxError(token.line, f"syntax error near unexpected token `{shown}'", text)

    # --- lists and pipes ----------------------------------------------------------------------------------------

    def _statements(self, closers: tuple[str, ...]) -> tuple[AndOr, ...]:
        statements: list[AndOr] = []
        self._skip("\n")
        while (token := self._peek()) is not None and (token.bare or token.text) not in closers:
            statements.append(self._and_or())
            if self._ahead(";", "\n", "&"):
                if self._take().text == "&":
                    background = Background(statements[-1], token.line)
                    statements[-1] = AndOr((("", Pipeline((background,))),))
                self._skip("\n")
            else:
                break
        return tuple(statements)

    def _and_or(self) -> AndOr:
        items = [("", self._pipeline())]
        while self._ahead("&&", "||"):
            operator = self._take().text
            self._skip("\n")
            items.append((operator, self._pipeline()))
        return AndOr(tuple(items))

    def _pipeline(self) -> Pipeline:
        negated = False
        while (token := self._peek()) is not None and token.bare == "!":
            self._at += 1
            negated = not negated
        commands = [self._command()]
        while self._ahead("|"):
            self._at += 1
            self._skip("\n")
            commands.append(self._command())
        return Pipeline(tuple(commands), negated)

    # --- commands -----------------------------------------------------------------------------------------------

    def _command(self) -> Command:
        token = self._take()
        if token.bare in _COMPOUND or (token.word is None and token.text == "("):
            command: Command = _COMPOUND[token.bare or "("](self, token)
            redirects: list[Redirect] = []
            while self._ahead(*_REDIRECTS):
                redirects.extend(self._redirect())
            return replace(command, redirects=tuple(redirects))
        if token.bare in _UNKNOWN:
            raise NotSimulatedError.syntax(token.line, token.bare)
        if token.bare in _STRAY or (token.word is None and token.text not in _REDIRECTS):
            raise self._unexpected(token)
        self._at -= 1
        return self._simple()

    def _body(self, *closers: str) -> tuple[AndOr, ...]:
        """Statements up to a closing word, which is left; at least one."""
        body = self._statements(closers)
        if not body:
            raise self._unexpected(self._take())
        return body

    def _loop(self, opening: Token) -> Command:
        name = self._take()
        if name.text == "((":
            raise NotSimulatedError.syntax(name.line, "arithmetic")
        if not name.bare.isidentifier():
            raise ShellSyntaxError(name.line, f"`{name.text}': not a valid identifier")
        self._skip("\n")
        self._expect("in")
        words: list[Word] = []
        while (token := self._take()).word is not None:
            words.append(token.word)
        if token.text not in (";", "\n"):
            raise self._unexpected(token)
        self._skip("\n")
        self._expect("do")
        body = self._body("done")
        self._expect("done")
        return For(name.bare, tuple(words), body, opening.line)

    def _if(self, opening: Token) -> Command:
        branches = []
        keyword = opening.bare
        while keyword in ("if", "elif"):
            condition = self._body("then")
            self._expect("then")
            branches.append((condition, self._body("elif", "else", "fi")))
            keyword = self._take().bare
        otherwise: tuple[AndOr, ...] = ()
        if keyword == "else":
            otherwise = self._body("fi")
            self._expect("fi")
        elif keyword != "fi":
            raise self._unexpected(self._tokens[self._at - 1])
        return If(tuple(branches), otherwise, opening.line)

    def _group(self, opening: Token) -> Command:
        subshell = opening.text == "("
        closer = ")" if subshell else "}"
        body = self._body(closer)
        self._expect(closer)
        return Group(body, subshell, opening.line)

    def _simple(self) -> Simple:
        words: list[Word] = []
        redirects: list[Redirect] = []
        assignments: list[tuple[str, Word]] = []
        line = self._tokens[self._at].line
        while (token := self._peek()) is not None:
            if token.word is not None:
                self._at += 1
                assigned = _assignment(token) if not words else None
                if assigned is not None:
                    assignments.append(assigned)
                else:
                    words.append(token.word)
            elif self._ahead(*_REDIRECTS):
                redirects.extend(self._redirect())
            elif token.text == "(" and assignments and not words:
                raise NotSimulatedError.syntax(line, "arrays")
            elif token.text == "(" and len(words) == 1:
                self._at += 1
                if self._ahead(")"):
                    raise NotSimulatedError.syntax(line, "functions")
                raise self._unexpected(self._take())
            elif token.text not in (";", "&", "&&", "||", "|", "\n", ")"):
                raise self._unexpected(token)
            else:
                break
        if words and assignments:
            raise NotSimulatedError.syntax(line, "a variable set for one command: set it on a line of its own")
        return Simple(tuple(words), line, tuple(redirects), tuple(assignments))

    def _redirect(self) -> list[Redirect]:
        operator = self._take()
        source, append = _REDIRECTS[operator.text]
        if self._ahead("&"):
            self._at += 1
            number = self._take()
            if number.bare not in ("1", "2") or source == 0:
                raise NotSimulatedError.syntax(number.line, f"{operator.text}&{number.text}")
            return [Redirect(source, f"&{number.bare}")]
        target = self._take()
        if target.word is None:
            raise self._unexpected(target)
        redirect = Redirect(source, target.word, append, operator.text == "<<<")
        return [redirect, Redirect(2, "&1")] if operator.text.startswith("&") else [redirect]


_COMPOUND = {"for": _TokenReader._loop, "if": _TokenReader._if, "(": _TokenReader._group, "{": _TokenReader._group}


def _assignment(token: Token) -> tuple[str, Word] | None:
    word = token.word or ()
    first = word[0] if word else None
    match = _ASSIGNMENT.match(first.text) if isinstance(first, Literal) and not first.quoted else None
    if match is None:
        return None
    if match.group(2) != "=":
        raise NotSimulatedError.syntax(token.line, token.text)
    assert isinstance(first, Literal)
    return match.group(1), (Literal(first.text[match.end() :]), *word[1:])
