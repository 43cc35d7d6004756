"""Reading tokens one after the other: look-ahead, newlines that count or do not, and complaints with a hint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dstream_core.config.diagnostics import failure
from dstream_core.config.source import Source
from dstream_core.config.syntax.scanner import scan_leniently
from dstream_core.config.syntax.tokens import Kind, Token
from dstream_core.errors import Diagnostic, DiagnosticsError

_MAX_DEPTH = 100
_SMART_QUOTES = "“”„‟«»‘’‚‛"


class Reader:
    """The tokens of a file and where the parser is in them.

    Args:
        source: the file.
        actions: whether `{{ … }}` is a template action; not so in text that was put in by one.
    """

    def __init__(self, source: Source, *, actions: bool = True):
        self.source = source
        tokens, self._scan_error = scan_leniently(source, actions=actions)
        self._tokens = [token for token in tokens if token.kind is not Kind.COMMENT]
        self._index = 0
        self._newlines = True
        self._depth = 0
        self.problems: list[Diagnostic] = []  # errors of meaning, after which the parse goes on
        self.previous_end = 0

    def peek(self) -> Token:
        """The next token; newlines are passed over where they do not count.

        Raises:
            DiagnosticsError: the scanner could not go on here.
        """
        if not self._newlines:
            while self._tokens[self._index].kind is Kind.NEWLINE:
                self._index += 1
        token = self._tokens[self._index]
        if token.kind is Kind.END and self._scan_error is not None:
            raise self._scan_error
        return token

    def read(self) -> Token:
        """The next token, taken."""
        token = self.peek()
        if token.kind is not Kind.END:
            self._index += 1
        self.previous_end = token.end
        return token

    def take(self, kind: Kind) -> Token | None:
        """The next token, taken, if it is of this kind."""
        return self.read() if self.peek().kind is kind else None

    def second(self) -> Token:
        """The token behind the next one."""
        self.peek()
        return self._tokens[min(self._index + 1, len(self._tokens) - 1)]

    def is_word(self, word: str) -> bool:
        """Whether the next token is this name."""
        token = self.peek()
        return token.kind is Kind.IDENTIFIER and token.text == word

    @contextmanager
    def newlines(self, count: bool) -> Iterator[None]:
        """Within the block, newlines are tokens, or are passed over."""
        before, self._newlines = self._newlines, count
        try:
            yield
        finally:
            self._newlines = before

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Within the block the parse is one level deeper.

        Raises:
            DiagnosticsError: that is too deep for any sensible file.
        """
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            token = self.peek()
            raise self.fail("syntax/too-deep", f"This is nested more than {_MAX_DEPTH} levels deep.", token)
        try:
            yield
        finally:
            self._depth -= 1

    def fail(self, code: str, message: str, token: Token, hint: str | None = None) -> DiagnosticsError:
        """The error to raise about a token."""
        end = token.end if token.kind is not Kind.NEWLINE else token.start + 1
        return failure(self.source, code, message, token.start, max(end, token.start + 1), hint)

    def unexpected(self, token: Token, expected: str, hint: str | None = None) -> DiagnosticsError:
        """The error for a token that cannot stand where it stands; knows the slips that people make."""
        slip = self._slip(token)
        if slip is not None:
            return slip
        found = {
            Kind.NEWLINE: "the end of the line",
            Kind.END: "the end of the file",
            Kind.OPEN_QUOTE: "a string",
            Kind.OPEN_HEREDOC: "a heredoc",
            Kind.ACTION: "a template action",
            Kind.TEMPLATE_END: '"}"',
        }.get(token.kind, f'"{token.text}"')
        return self.fail("syntax/unexpected", f"Expected {expected}, but found {found}.", token, hint)

    def _slip(self, token: Token) -> DiagnosticsError | None:
        text = token.text
        if token.kind is not Kind.INVALID:
            return None
        if text == ";":
            return self.fail(
                "syntax/semicolon",
                "A semicolon separates nothing here.",
                token,
                "Put each item on a line of its own, or separate the items of an object or list with commas.",
            )
        if text in _SMART_QUOTES:
            return self.fail(
                "syntax/smart-quotes",
                f"{text} is a typographic quote, and does not begin a string.",
                token,
                'Use the plain double quote ("), also at the other end.',
            )
        if text in "'`":
            return self.fail(
                "syntax/single-quotes",
                f"A string does not begin with {text}.",
                token,
                'Strings stand in double quotes: "…".',
            )
        if text in "&|":
            return self.fail("syntax/operator", f'"{text}" is no operator.', token, f'Did you mean "{text * 2}"?')
        shown = text if text.isprintable() else f"U+{ord(text):04X}"
        return self.fail("syntax/invalid-character", f"The character {shown!r} means nothing here.", token)
