"""From a script's text to tokens: words in parts, operators, line numbers."""

from collections.abc import Callable
from dataclasses import dataclass

from helpers.traffic.syntax import Literal, Part, ShellSyntaxError, Simple, Substitution, Variable, Word

_OPERATORS = ("&&", "||", ";;", "&>>", "&>", "<<", "<", ">>", ">", ";", "&", "|", "(", ")", "\n")
_BLANK = " \t\r"
_GLOB = "*["


@dataclass(frozen=True, slots=True)
class Token:
    """A word (`word` set) or an operator (`text`); `text` is as written."""

    text: str
    line: int
    word: Word | None = None

    @property
    def bare(self) -> str:
        """The text of a word without any quoting, "" otherwise: keywords are only recognised bare."""
        if self.word is not None and len(self.word) == 1:
            part = self.word[0]
            if isinstance(part, Literal) and not part.quoted:
                return part.text
        return ""


class Lexer:
    """Cuts a script into tokens. `read_command` turns the text inside `$(...)` into one simple command."""

    def __init__(self, text: str, read_command: Callable[[str, int], Simple], line: int = 1) -> None:
        self._text = text
        self._at = 0
        self._line = line
        self._read_command = read_command

    def tokens(self) -> list[Token]:
        """All tokens.

        Raises:
            ShellSyntaxError: a quote is not closed, or the text uses what this shell does not know.
        """
        found: list[Token] = []
        while (token := self._next(found)) is not None:
            found.append(token)
        return found

    def _next(self, found: list[Token]) -> Token | None:
        self._skip_blanks()
        if self._at >= len(self._text):
            return None
        line, start = self._line, self._at
        for operator in _OPERATORS:
            if self._text.startswith(operator, start):
                self._at += len(operator)
                self._line += operator == "\n"
                return Token(operator, line)
        fd = self._descriptor()
        if fd is not None:
            return Token(fd, line)
        word = self._word()
        return Token(self._text[start : self._at], line, word)

    def _skip_blanks(self) -> None:
        text = self._text
        while self._at < len(text):
            if text[self._at] in _BLANK:
                self._at += 1
            elif text.startswith("\\\n", self._at):
                self._at += 2
                self._line += 1
            elif text[self._at] == "#":
                end = text.find("\n", self._at)
                self._at = len(text) if end < 0 else end
            else:
                return

    def _descriptor(self) -> str | None:
        """`2>` and `2>>`, `1>`: a digit that stands directly before a redirection."""
        text, at = self._text, self._at
        if text[at] in "012" and text[at + 1 : at + 2] == ">":
            operator = text[at : at + 3] if text[at + 2 : at + 3] == ">" else text[at : at + 2]
            self._at += len(operator)
            return operator
        return None

    def _word(self) -> Word:
        parts: list[Part] = []
        plain: list[str] = []

        def flush() -> None:
            if plain:
                parts.append(Literal("".join(plain)))
                plain.clear()

        while self._at < len(self._text):
            char = self._text[self._at]
            if char in _BLANK or char in ";&|()<>\n":
                break
            if char in "'\"$\\":
                flush()
                parts.extend(self._special(char))
                continue
            self._refuse(char, "".join(plain))
            plain.append(char)
            self._at += 1
        flush()
        return tuple(parts)

    def _refuse(self, char: str, before: str = "") -> None:
        if char == "`":
            raise ShellSyntaxError(self._line, "unexpected token ``'", remark="write $(...) instead of backquotes")
        if char in _GLOB and "://" not in before:
            raise ShellSyntaxError(
                self._line,
                f"unexpected token `{char}'",
                remark="it expands no file names; put the text in quotes",
            )

    def _special(self, char: str) -> list[Part]:
        if char == "'":
            return [Literal(self._until("'"), quoted=True)]
        if char == "\\":
            escaped = self._text[self._at + 1 : self._at + 2]
            self._at += 2
            if escaped == "\n":
                self._line += 1
                return []
            return [Literal(escaped, quoted=True)]
        if char == "$":
            return [self._dollar(quoted=False)]
        return self._double_quoted()

    def _until(self, quote: str) -> str:
        end = self._text.find(quote, self._at + 1)
        if end < 0:
            raise ShellSyntaxError(self._line, f"unexpected EOF while looking for matching `{quote}'")
        inside = self._text[self._at + 1 : end]
        self._line += inside.count("\n")
        self._at = end + 1
        return inside

    def _double_quoted(self) -> list[Part]:
        opened = self._line
        self._at += 1
        parts: list[Part] = [Literal("", quoted=True)]
        plain: list[str] = []
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == '"':
                self._at += 1
                return [*parts, Literal("".join(plain), quoted=True)]
            if char == "$":
                parts.append(Literal("".join(plain), quoted=True))
                plain.clear()
                parts.append(self._dollar(quoted=True))
                continue
            if char == "\\" and self._text[self._at + 1 : self._at + 2] in ('"', "\\", "$", "`"):
                self._at += 1
                char = self._text[self._at]
            elif char == "`":
                self._refuse(char)
            self._line += char == "\n"
            plain.append(char)
            self._at += 1
        raise ShellSyntaxError(opened, "unexpected EOF while looking for matching `\"'")

    def _dollar(self, quoted: bool) -> Part:
        text, at = self._text, self._at + 1
        following = text[at : at + 1]
        if text.startswith("((", at):
            raise ShellSyntaxError(self._line, "unexpected token `$(('", remark="it does no arithmetic")
        if following == "(":
            return self._substitution(at, quoted)
        if following == "{":
            end = text.find("}", at)
            name = text[at + 1 : end] if end > 0 else ""
            if not name.isidentifier():
                raise ShellSyntaxError(self._line, f"${{{name}}}: bad substitution")
            self._at = end + 1
            return Variable(name, quoted)
        if following and following in "?$#@*!-":
            if following != "?":
                raise ShellSyntaxError(
                    self._line, f"unexpected token `${following}'", remark="it knows only $name and $?"
                )
            self._at = at + 1
            return Variable("?", quoted)
        end = at
        while end < len(text) and (text[end].isalnum() or text[end] == "_") and text[end].isascii():
            end += 1
        self._at = end
        name = text[at:end]
        if not name:
            return Literal("$", quoted=True)
        return Variable(name, quoted)

    def _substitution(self, opening: int, quoted: bool) -> Part:
        end = self._text.find(")", opening)
        inside = self._text[opening + 1 : end]
        if end < 0:
            raise ShellSyntaxError(self._line, "unexpected EOF while looking for matching `)'")
        if "$(" in inside:
            raise ShellSyntaxError(self._line, "unexpected token `$('", remark="$(...) cannot hold another $(...)")
        command = self._read_command(inside, self._line)
        self._at = end + 1
        return Substitution(command, quoted)
