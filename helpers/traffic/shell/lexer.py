"""From a script's text to tokens: words in parts, operators, line numbers."""

from collections.abc import Callable
from dataclasses import dataclass

from helpers.traffic.shell.syntax import (
    AndOr,
    Literal,
    NotSimulatedError,
    Part,
    ShellSyntaxError,
    Substitution,
    Variable,
    Word,
)

_OPERATORS = (
    *("&&", "||", ";;", "&>>", "&>", "<<<", "<<", "<(", "<>", "<", ">>", ">(", ">|", ">", ";", "&"),
    *("|&", "|", "((", "(", ")", "\n"),
)
_BLANK = " \t\r"
_GLOB = "*?["


@dataclass(frozen=True, slots=True)
class Token:
    """A word (``word`` set) or an operator (``text``); ``text`` is as written."""

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
    """Cuts a script into tokens. ``read_tokens`` turns the tokens inside ``$(...)`` into statements."""

    def __init__(
        self, text: str, read_tokens: Callable[[list[Token], str], tuple[AndOr, ...]], at: int = 0, line: int = 1
    ) -> None:
        self._text = text
        self._at = at
        self._line = line
        self._read_tokens = read_tokens

    def tokens(self, inside: bool = False) -> list[Token]:
        """All tokens; ``inside`` parentheses, those up to the one that closes them.

        Raises ShellSyntaxError where a quote is not closed, NotSimulatedError for what this shell does not know.
        """
        tokens: list[Token] = []
        depth = 0
        while (token := self._next()) is not None:
            depth += (token.text == "(") - (token.text == ")") if token.word is None else 0
            if inside and depth < 0:
                return tokens
            tokens.append(token)
        if inside:
            raise ShellSyntaxError(self._line, "unexpected EOF while looking for matching `)'")
        return tokens

    def _next(self) -> Token | None:
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
        """``2>`` and ``2>>``, ``1>``: a digit that stands directly before a redirection."""
        text, at = self._text, self._at
        if text[at] in "0123456789" and text[at + 1 : at + 2] in ("<", ">"):
            operator = text[at : at + 3] if text[at + 2 : at + 3] in ("<", ">") else text[at : at + 2]
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
            self._refuse(char, "".join(plain), parts)
            plain.append(char)
            self._at += 1
        flush()
        return tuple(parts)

    def _refuse(self, char: str, before: str = "", parts: list[Part] | None = None) -> None:
        if char == "`":
            raise NotSimulatedError.syntax(self._line, "backquotes: write $(...)")
        if char == "~" and not before and not parts:
            raise NotSimulatedError.syntax(self._line, "~: write /root")
        alone = not parts and self._text[self._at + 1 : self._at + 2] in ("", *_BLANK, "[")
        test = alone and before + char in ("[", "[[")
        if char in _GLOB and "://" not in before and not test:
            raise NotSimulatedError.syntax(self._line, f"`{char}', which stands for file names: put the text in quotes")

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
            raise NotSimulatedError.syntax(self._line, "arithmetic")
        if following == "(":
            return self._substitution(at, quoted)
        if following == "{":
            end = text.find("}", at)
            name = text[at + 1 : end] if end > 0 else ""
            if not name.isidentifier():
                raise NotSimulatedError.syntax(self._line, f"${{{name}}}")
            self._at = end + 1
            return Variable(name, quoted)
        if following and following in "?$#@*!-0123456789'\"":
            if following != "?":
                raise NotSimulatedError.syntax(self._line, f"${following}: only $name and $?")
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
        inside = Lexer(self._text, self._read_tokens, opening + 1, self._line)
        body = self._read_tokens(inside.tokens(inside=True), self._text)
        self._at, self._line = inside._at, inside._line
        return Substitution(body, quoted)
