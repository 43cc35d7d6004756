"""The place in the tokens, and how one moves on."""

from __future__ import annotations

from typing import NoReturn

from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.messages import keyword_error, syntax_error
from dstream_sandbox.sqlserver.language.parser.words import RESERVED
from dstream_sandbox.sqlserver.language.scanner import Token, line_of, scan


class Cursor:
    """Looks at the next token and takes it.

    Args:
        text: The batch.
        quoted_identifier: SET QUOTED_IDENTIFIER.
    """

    def __init__(self, text: str, quoted_identifier: bool = True) -> None:
        self.text = text
        self.quoted_identifier = quoted_identifier
        self.tokens = scan(text, quoted_identifier)
        self.index = 0

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.index]

    def ahead(self, steps: int = 1) -> Token:
        """The token some steps behind the next one."""
        return self.tokens[min(self.index + steps, len(self.tokens) - 1)]

    def take(self) -> Token:
        """The next token; goes on."""
        token = self.tokens[self.index]
        if token.kind != "end":
            self.index += 1
        return token

    def at_word(self, *words: str) -> bool:
        """Whether the next token is one of these words."""
        token = self.tokens[self.index]
        return token.kind == "word" and token.text in words

    def at_words(self, *words: str) -> bool:
        """Whether these words follow one another here."""
        return all(self.ahead(i).kind == "word" and self.ahead(i).text == word for i, word in enumerate(words))

    def at_op(self, *operators: str) -> bool:
        """Whether the next token is one of these operators."""
        token = self.tokens[self.index]
        return token.kind == "op" and token.text in operators

    def accept(self, *words: str) -> str:
        """Takes the next token if it is one of these words; "" if not."""
        token = self.tokens[self.index]
        if token.kind == "word" and token.text in words:
            self.index += 1
            return token.text
        return ""

    def accept_words(self, *words: str) -> bool:
        """Takes these words if all of them follow here."""
        if not self.at_words(*words):
            return False
        self.index += len(words)
        return True

    def accept_op(self, *operators: str) -> str:
        """Takes the next token if it is one of these operators; "" if not."""
        token = self.tokens[self.index]
        if token.kind == "op" and token.text in operators:
            self.index += 1
            return token.text
        return ""

    def expect(self, *words: str) -> str:
        """Takes one of these words.

        Raises:
            SqlError: 102 or 156, something else stands here.
        """
        return self.accept(*words) or self.fail()

    def expect_words(self, *words: str) -> None:
        """Takes these words one after another."""
        for word in words:
            self.expect(word)

    def expect_op(self, operator: str) -> str:
        """Takes this operator."""
        return self.accept_op(operator) or self.fail()

    def fail(self) -> NoReturn:
        """102 or 156 at the next token."""
        raise self.error()

    def error(self) -> SqlError:
        """102 or 156 at the next token."""
        token = self.token
        if token.kind == "end":
            token = self.tokens[max(self.index - 1, 0)]
        if token.kind == "word" and token.text in RESERVED:
            error = keyword_error(token.value)
        else:
            error = syntax_error(str(token.value if token.kind in ("word", "quoted", "string") else token.text))
        error.line = line_of(self.text, token.start)
        return error

    def refuse(self, what: str) -> NoReturn:
        """50001: T-SQL that the sandbox does not do."""
        error = not_supported(what)
        error.line = line_of(self.text, self.token.start)
        raise error

    def name(self) -> str:
        """An identifier: quoted, or a word that is not reserved."""
        token = self.token
        if token.kind == "quoted" or (token.kind == "word" and token.text not in RESERVED):
            self.index += 1
            return str(token.value)
        return self.fail()

    def at_name(self) -> bool:
        """Whether an identifier is next."""
        token = self.token
        return token.kind == "quoted" or (token.kind == "word" and token.text not in RESERVED)

    def names(self) -> tuple[str, ...]:
        """A name of several parts; parts left out between dots are empty."""
        parts = [self.name()]
        while self.accept_op("."):
            while self.accept_op("."):
                parts.append("")
            parts.append(self._part())
        return tuple(parts)

    def _part(self) -> str:
        """Behind a dot any word is a name."""
        token = self.token
        if token.kind in ("quoted", "word"):
            self.index += 1
            return str(token.value)
        return self.fail()

    def name_list(self) -> tuple[str, ...]:
        """`(a, b, c)`."""
        self.expect_op("(")
        names = [self.name()]
        while self.accept_op(","):
            names.append(self.name())
        self.expect_op(")")
        return tuple(names)

    def integer(self) -> int:
        """A whole number, perhaps with a sign."""
        sign = -1 if self.accept_op("-") else 1
        self.accept_op("+")
        token = self.token
        if token.kind != "literal" or token.value != int(token.value):
            self.fail()
        self.index += 1
        return sign * int(token.value)

    def string(self) -> str:
        """A text in quotes."""
        if self.token.kind != "string":
            self.fail()
        return str(self.take().value)

    def span(self, start: int) -> str:
        """The text from a place to the end of the last token taken."""
        return self.text[start : self.tokens[self.index - 1].stop]
