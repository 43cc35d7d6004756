"""The parser of expressions: HCL's operators by precedence, and everything that can stand between them."""

from __future__ import annotations

from dstream_core.config.syntax.nodes import (
    Action,
    Attribute,
    Binary,
    Call,
    Conditional,
    Element,
    Expression,
    For,
    Index,
    Literal,
    ObjectItem,
    ObjectMaker,
    Parentheses,
    Splat,
    TupleMaker,
    Unary,
    Variable,
)
from dstream_core.config.syntax.reader import Reader
from dstream_core.config.syntax.strings import action_of, loop_names, parse_string
from dstream_core.config.syntax.tokens import Kind, Token
from dstream_core.config.values.conversion import ConversionError, normalised, parse_number
from dstream_core.errors import DiagnosticsError

_PRECEDENCE = {
    Kind.OR: 1,
    Kind.AND: 2,
    Kind.EQUAL_OP: 3,
    Kind.NOT_EQUAL: 3,
    Kind.GREATER: 4,
    Kind.GREATER_EQUAL: 4,
    Kind.LESS: 4,
    Kind.LESS_EQUAL: 4,
    Kind.PLUS: 5,
    Kind.MINUS: 5,
    Kind.STAR: 6,
    Kind.SLASH: 6,
    Kind.PERCENT: 6,
}
_KEYWORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


class ExpressionParser(Reader):
    """Parses one expression at a time from where the reader stands."""

    def expression(self) -> Expression:
        """A whole expression.

        Raises:
            DiagnosticsError: no valid expression stands here.
        """
        with self.deeper():
            condition = self._operation(1)
            if not self.take(Kind.QUESTION):
                return condition
            yes = self.expression()
            if not self.take(Kind.COLON):
                raise self.unexpected(
                    self.peek(), '":" and the value for false', "A conditional is: condition ? value : other value."
                )
            no = self.expression()
            return Conditional(condition.start, no.end, condition, yes, no)

    def _operation(self, level: int) -> Expression:
        """Operators of a precedence of at least `level`; those of one level group to the left."""
        left = self._with_traversals()
        while (rank := _PRECEDENCE.get(self.peek().kind, 0)) >= level:
            operator = self.read()
            right = self._operation(rank + 1)
            left = Binary(left.start, right.end, operator.text, left, right)
        return left

    def _with_traversals(self) -> Expression:
        return self._traversals(self._term())

    def _term(self) -> Expression:
        token = self.peek()
        kind = token.kind
        if kind in (Kind.OPEN_QUOTE, Kind.OPEN_HEREDOC):
            return parse_string(self, self.expression)
        if kind is Kind.IDENTIFIER:
            return self._name(self.read())
        if kind is Kind.NUMBER:
            return self._number(self.read())
        if kind is Kind.OPEN_BRACKET:
            return self._tuple(self.read())
        if kind is Kind.OPEN_BRACE:
            return self._object(self.read())
        if kind in (Kind.MINUS, Kind.BANG):
            self.read()
            with self.deeper():
                operand = self._with_traversals()
            return Unary(token.start, operand.end, token.text, operand)
        if kind is Kind.OPEN_PAREN:
            return self._parentheses(self.read())
        if kind is Kind.ACTION:
            return self._action(self.read())
        raise self._no_expression(token)

    def _no_expression(self, token: Token) -> DiagnosticsError:
        if token.kind is Kind.EQUAL:
            return self.fail(
                "syntax/double-equals", "One equals sign too many.", token, "An argument is: name = value."
            )
        if token.kind is Kind.NEWLINE:
            return self.unexpected(token, "a value", 'The value begins on the line of its "=".')
        return self.unexpected(token, "a value")

    def _action(self, token: Token) -> Expression:
        following = self._tokens[self._index]
        if following.start == token.end and following.kind in (
            Kind.IDENTIFIER,
            Kind.NUMBER,
            Kind.ACTION,
            Kind.OPEN_QUOTE,
        ):
            raise self.fail(
                "template/not-alone",
                "Outside quotes a template action is a whole value; nothing may touch it.",
                following,
                'Put the value in quotes: "{{ … }}'
                + (following.text if following.kind is not Kind.OPEN_QUOTE else "…")
                + '".',
            )
        return Action(token.start, token.end, action_of(self, token, quoted=False), bare=True)

    def _number(self, token: Token) -> Expression:
        try:
            return Literal(token.start, token.end, parse_number(token.text))
        except ConversionError as error:
            message = f'"{token.text}" is not a number.' if "digits" not in str(error) else f"{error}."
            hint = "An address or a version is a string: put it in double quotes."
            raise self.fail("syntax/invalid-number", message[0].upper() + message[1:], token, hint) from None

    def _name(self, token: Token) -> Expression:
        if self.peek().kind in (Kind.OPEN_PAREN, Kind.DOUBLE_COLON):
            return self._call(token)
        if token.text in _KEYWORDS:
            return Literal(token.start, token.end, _KEYWORDS[token.text])
        return Variable(token.start, token.end, normalised(token.text))

    def _parentheses(self, opening: Token) -> Expression:
        with self.newlines(False):
            inner = self.expression()
            if not self.take(Kind.CLOSE_PAREN):
                raise self._unclosed(opening, '")"')
            end = self.previous_end
        return Parentheses(opening.start, end, inner)

    def _unclosed(self, opening: Token, expected: str) -> DiagnosticsError:
        """The error for what stands where a bracket should close; at the end of the file, about the bracket."""
        token = self.peek()
        if token.kind is Kind.END:
            return self.fail(
                "syntax/unclosed", f'This "{opening.text}" is not closed.', opening, f"Expected {expected}."
            )
        return self.unexpected(token, expected)

    def _call(self, name: Token) -> Expression:
        text, name_end = name.text, name.end
        while self.take(Kind.DOUBLE_COLON):
            part = self.read()
            if part.kind is not Kind.IDENTIFIER:
                raise self.unexpected(part, 'a function\'s name behind "::"')
            text, name_end = f"{text}::{part.text}", part.end
        opening = self.read()
        if opening.kind is not Kind.OPEN_PAREN:
            raise self.unexpected(opening, '"(" behind the function\'s name')
        arguments: list[Expression] = []
        expand = False
        with self.newlines(False):
            while not self.take(Kind.CLOSE_PAREN):
                arguments.append(self.expression())
                if self.take(Kind.COMMA):
                    continue
                expand = self.take(Kind.ELLIPSIS) is not None
                if not self.take(Kind.CLOSE_PAREN):
                    raise self._unclosed(opening, '")" behind "..."' if expand else '"," or ")"')
                break
            end = self.previous_end
        return Call(name.start, end, text, name_end, tuple(arguments), expand)

    def _tuple(self, opening: Token) -> Expression:
        items: list[Expression] = []
        with self.newlines(False):
            if self.is_word("for"):
                return self._for(opening)
            while not self.take(Kind.CLOSE_BRACKET):
                items.append(self.expression())
                if not self.take(Kind.COMMA):
                    if not self.take(Kind.CLOSE_BRACKET):
                        raise self._unclosed(opening, '"," or "]"')
                    break
            end = self.previous_end
        return TupleMaker(opening.start, end, tuple(items))

    def _object(self, opening: Token) -> Expression:
        with self.newlines(False):
            if self.is_word("for"):
                return self._for(opening)
        items: list[ObjectItem] = []
        with self.newlines(True):
            while True:
                while self.take(Kind.NEWLINE):
                    pass
                if self.take(Kind.CLOSE_BRACE):
                    break
                items.append(self._object_item(opening))
                if self.take(Kind.COMMA) or self.take(Kind.NEWLINE):
                    continue
                if not self.take(Kind.CLOSE_BRACE):
                    raise self._unclosed(opening, 'a new line, "," or "}"')
                break
            end = self.previous_end
        return ObjectMaker(opening.start, end, tuple(items))

    def _object_item(self, opening: Token) -> ObjectItem:
        if self.peek().kind is Kind.END:
            raise self._unclosed(opening, '"}"')
        key = self.expression()
        if not self.take(Kind.EQUAL) and not self.take(Kind.COLON):
            token = self.peek()
            if token.kind is Kind.END:
                raise self._unclosed(opening, '"}"')
            hint = "Each item of an object is: name = value."
            if token.kind in (Kind.NEWLINE, Kind.COMMA, Kind.CLOSE_BRACE):
                raise self.unexpected(token, 'the value of this item, introduced by "="', hint)
            if token.kind is Kind.OPEN_BRACE:
                raise self.fail(
                    "syntax/block-in-object",
                    "A block cannot stand inside an object.",
                    token,
                    'Inside { … } behind a "=", write: name = { … }.',
                )
            raise self.unexpected(token, '"=" and the value of this item', hint)
        value = self.expression()
        return ObjectItem(key.start, value.end, key, value)

    def _for(self, opening: Token) -> Expression:
        makes_object = opening.kind is Kind.OPEN_BRACE
        closer = Kind.CLOSE_BRACE if makes_object else Kind.CLOSE_BRACKET
        with self.newlines(False):
            self.read()
            key_name, value_name = loop_names(self)
            collection = self.expression()
            if not self.take(Kind.COLON):
                raise self.unexpected(self.peek(), '":" behind the collection')
            key, value = None, self.expression()
            if arrow := self.take(Kind.FAT_ARROW):
                key, value = value, self.expression()
                if not makes_object:
                    raise self.fail("syntax/for", 'A list has no keys: "=>" stands in { for … } only.', arrow)
            elif makes_object:
                raise self.unexpected(self.peek(), '"=>" and a value', "Write {for value in list : key => value}.")
            group = self.take(Kind.ELLIPSIS)
            if group and not makes_object:
                raise self.fail("syntax/for", '"..." groups by key, and a list has no keys.', group)
            condition = None
            if self.is_word("if"):
                self.read()
                condition = self.expression()
            if not self.take(closer):
                raise self._unclosed(opening, f'"{closer.value}"')
            end = self.previous_end
        return For(opening.start, end, key_name, value_name, collection, key, value, condition, group is not None)

    def _traversals(self, source: Expression) -> Expression:
        while True:
            token = self.peek()
            if token.kind is Kind.DOT:
                source = self._dot(source, self.read())
            elif token.kind is Kind.OPEN_BRACKET:
                source = self._bracket(source, self.read())
            else:
                return source

    def _dot(self, source: Expression, dot: Token) -> Expression:
        token = self.peek()
        if token.kind is Kind.STAR:
            self.read()
            element: Expression = Element(dot.start, token.end)
            while self.peek().kind is Kind.DOT:
                following = self.read()
                element = self._step(element, following)
            return Splat(source.start, element.end, source, element, dot.start)
        return self._step(source, dot)

    def _step(self, source: Expression, dot: Token) -> Expression:
        token = self.read()
        if token.kind is Kind.IDENTIFIER:
            return Attribute(source.start, token.end, source, normalised(token.text), token.start)
        if token.kind is Kind.NUMBER:
            if "." in token.text:
                first, second = token.text.split(".")[:2]
                raise self.fail(
                    "syntax/legacy-index",
                    f'".{token.text}" reads as a number, not as two indexes.',
                    token,
                    f"Write [{first}][{second}].",
                )
            return Index(source.start, token.end, source, self._number(token), dot.start)
        if token.kind is Kind.STAR:
            raise self.fail(
                "syntax/nested-splat",
                'A "*" cannot stand inside another ".*".',
                token,
                'Write "[*]" for the inner one.',
            )
        raise self.unexpected(token, 'a name behind "."')

    def _bracket(self, source: Expression, opening: Token) -> Expression:
        if self.peek().kind is Kind.STAR:
            self.read()
            if not self.take(Kind.CLOSE_BRACKET):
                raise self.unexpected(self.peek(), '"]" behind "[*"')
            with self.deeper():
                each = self._traversals(Element(opening.start, self.previous_end))
            return Splat(source.start, each.end, source, each, opening.start)
        with self.newlines(False):
            key = self.expression()
            if not self.take(Kind.CLOSE_BRACKET):
                raise self._unclosed(opening, '"]"')
            end = self.previous_end
        return Index(source.start, end, source, key, opening.start)
