"""The parser of bodies: arguments and blocks, with HCL's rules for newlines."""

from __future__ import annotations

from dstream_core.config.diagnostics import diagnostic, failure
from dstream_core.config.source import Source
from dstream_core.config.syntax.expressions import ExpressionParser
from dstream_core.config.syntax.nodes import Argument, Block, Body, Expression, Label
from dstream_core.config.syntax.strings import parse_plain_string
from dstream_core.config.syntax.tokens import Kind, Token
from dstream_core.config.values.conversion import normalised
from dstream_core.errors import Diagnostic, DiagnosticsError

_VALUE_STARTS = (Kind.NUMBER, Kind.OPEN_BRACKET, Kind.ACTION, Kind.OPEN_HEREDOC, Kind.MINUS, Kind.BANG, Kind.OPEN_PAREN)
_WHAT_STANDS_HERE = "Here stands an argument (name = value) or a block (name { … })."


class _Parser(ExpressionParser):
    def __init__(self, source: Source, *, actions: bool = True):
        super().__init__(source, actions=actions)
        self._open: list[Token] = []  # the brace of each block around
        self._misplaced: Token | None = None  # a block whose closing brace is indented like an outer one's

    def body(self, closer: Kind) -> Body:
        """Arguments and blocks up to `closer`, which is taken."""
        start = self.previous_end
        items: list[Argument | Block] = []
        while True:
            token = self.peek()
            if token.kind is Kind.NEWLINE:
                self.read()
            elif token.kind is closer:
                self.read()
                return Body(start, token.start, self._unique(items))
            elif token.kind is Kind.IDENTIFIER:
                items.append(self._item())
            else:
                raise self._no_item(token)

    def _unique(self, items: list[Argument | Block]) -> tuple[Argument | Block, ...]:
        seen: dict[str, Argument] = {}
        kept: list[Argument | Block] = []
        for item in items:
            if isinstance(item, Argument) and item.name in seen:
                line, _ = self.source.position(seen[item.name].start)
                self.problems.append(
                    diagnostic(
                        self.source,
                        "config/duplicate-argument",
                        f'"{item.name}" is already set in line {line}.',
                        item.start,
                        item.name_end,
                        "An argument is set once.",
                    )
                )
                continue
            if isinstance(item, Argument):
                seen[item.name] = item
            kept.append(item)
        return tuple(kept)

    def _item(self, *, single: bool = False) -> Argument | Block:
        name = self.read()
        token = self.peek()
        if token.kind is Kind.EQUAL:
            return self._argument(name, single=single)
        if token.kind in (Kind.OPEN_QUOTE, Kind.OPEN_BRACE, Kind.IDENTIFIER):
            if single and (token.kind is Kind.OPEN_BRACE or self._is_block_ahead()):
                raise self._one_line(token)
            return self._block(name)
        raise self._after_name(name, token)

    def _is_block_ahead(self) -> bool:
        index = self._index
        while self._tokens[index].kind not in (Kind.NEWLINE, Kind.END, Kind.OPEN_BRACE, Kind.CLOSE_BRACE):
            index += 1
        return self._tokens[index].kind is Kind.OPEN_BRACE

    def _after_name(self, name: Token, token: Token) -> DiagnosticsError:
        if token.kind is Kind.COLON:
            return self.fail(
                "syntax/colon-for-equals",
                'An argument is set with "=", not with ":".',
                token,
                f"Write: {name.text} = …",
            )
        if token.kind is Kind.EQUAL_OP:
            return self.fail(
                "syntax/double-equals",
                'An argument is set with one "="; "==" compares.',
                token,
                f"Write: {name.text} = …",
            )
        if token.kind is Kind.ACTION and self._is_block_ahead():
            return self._no_brace(name, [], token)
        if token.kind in _VALUE_STARTS:
            return self._missing_equals(name, token)
        if token.kind is Kind.NEWLINE and self._brace_on_next_line():
            return self._brace_below(name, token)
        if token.kind is Kind.DOT:
            return self.unexpected(token, '"=" or "{"', 'A name in front of "=" holds no dots.')
        return self.unexpected(token, '"=" or "{" behind this name', _WHAT_STANDS_HERE)

    def _missing_equals(self, name: Token, token: Token) -> DiagnosticsError:
        return self.fail(
            "syntax/missing-equals",
            f'"=" is missing between "{name.text}" and its value.',
            token,
            f"Write: {name.text} = …",
        )

    def _no_item(self, token: Token) -> DiagnosticsError:
        if token.kind is Kind.END:
            return self._unclosed_block()
        if token.kind is Kind.CLOSE_BRACE:
            return self.fail(
                "syntax/extra-brace",
                "This closing brace closes nothing.",
                token,
                'Remove it, or look for a missing "{".',
            )
        if token.kind is Kind.OPEN_QUOTE:
            return self.fail(
                "syntax/quoted-name",
                "The name of an argument or block does not stand in quotes.",
                token,
                'Remove the quotes; only inside { … } behind a "=" may keys have them.',
            )
        if token.kind is Kind.ACTION:
            return self.fail(
                "template/not-a-value",
                "A template action stands only where a value may stand, or inside a string.",
                token,
                "It cannot put in names, blocks or several lines: what a file declares does not depend on values.",
            )
        if token.kind is Kind.COMMA:
            return self.fail("syntax/comma", "Arguments are separated by newlines, not by commas.", token)
        return self.unexpected(token, "an argument or a block", _WHAT_STANDS_HERE)

    def _unclosed_block(self) -> DiagnosticsError:
        brace = self._misplaced or self._open[-1]
        line, _ = self.source.position(self._open[-1].start)
        hint = 'Add the missing "}".'
        if self._misplaced is not None and self._misplaced is not self._open[-1]:
            hint = f'Add the missing "}}": going by the indentation it belongs here. (The brace left open is in line {line}.)'
        return self.fail("syntax/unclosed-block", "This block is not closed.", brace, hint)

    def _argument(self, name: Token, *, single: bool) -> Argument:
        self.read()
        value = self.expression()
        if not single:
            self._end_of_item(value)
        return Argument(name.start, value.end, normalised(name.text), name.end, value)

    def _end_of_item(self, value: Expression) -> None:
        token = self.peek()
        if token.kind in (Kind.NEWLINE, Kind.END):
            self.read()
            return
        if token.kind is Kind.COMMA:
            raise self.fail(
                "syntax/comma", "Arguments are separated by newlines, not by commas.", token, "Remove the comma."
            )
        if token.kind is Kind.CLOSE_BRACE and self._open:
            raise self.fail(
                "syntax/brace-on-line",
                "The closing brace of a block with several lines stands on a line of its own.",
                token,
                "Put it on the next line.",
            )
        raise self.unexpected(token, "the end of the line behind this value", "Each argument has a line of its own.")

    def _block(self, name: Token) -> Block:
        labels: list[Label] = []
        while (token := self.peek()).kind is not Kind.OPEN_BRACE:
            if token.kind is Kind.OPEN_QUOTE:
                text, start, end = parse_plain_string(self, "a block's label")
                labels.append(Label(start, end, text))
            elif token.kind is Kind.IDENTIFIER:
                self.read()
                labels.append(Label(token.start, token.end, normalised(token.text)))
            else:
                raise self._no_brace(name, labels, token)
        brace = self.read()
        self._open.append(brace)
        with self.deeper():
            body = self._block_body()
        self._open.pop()
        self._check_indentation(name, brace)
        block = Block(name.start, self.previous_end, normalised(name.text), name.end, tuple(labels), brace.start, body)
        behind = self.peek()
        if behind.kind in (Kind.NEWLINE, Kind.END):
            self.read()
        else:
            raise self._after_block(behind)
        return block

    def _after_block(self, token: Token) -> DiagnosticsError:
        if token.kind is Kind.COMMA:
            return self.fail(
                "syntax/comma", "Blocks are separated by newlines, not by commas.", token, "Remove the comma."
            )
        return self.unexpected(
            token, "the end of the line behind this block", "Each block begins on a line of its own."
        )

    def _no_brace(self, name: Token, labels: list[Label], token: Token) -> DiagnosticsError:
        if token.kind is Kind.ACTION:
            return self.fail(
                "template/in-label",
                "A template action cannot stand in a block's label: names are known before anything is put in.",
                token,
                "Write the name out; templates may stand in values.",
            )
        if token.kind is Kind.EQUAL:
            return self.fail(
                "syntax/block-with-equals",
                '"=" sets an argument, and an argument has no labels.',
                token,
                f'Write {name.text} = {{ … }} for an object, or remove the "=" for a block.',
            )
        if token.kind is Kind.NEWLINE and labels and not self._brace_on_next_line():
            label = labels[-1]
            first = Token(Kind.OPEN_QUOTE, "", label.start, label.end)
            return self._missing_equals(name, first)
        if token.kind is Kind.NEWLINE:
            return self._brace_below(name, token)
        return self.unexpected(token, '"{" to open this block', _WHAT_STANDS_HERE)

    def _brace_below(self, name: Token, token: Token) -> DiagnosticsError:
        message = "The opening brace of a block stands on the line of its name."
        return self.fail("syntax/brace-on-next-line", message, token, f"Write: {name.text} … {{")

    def _brace_on_next_line(self) -> bool:
        with self.newlines(False):
            index, found = self._index, self.peek().kind is Kind.OPEN_BRACE
        self._index = index
        return found

    def _block_body(self) -> Body:
        if self.peek().kind in (Kind.NEWLINE, Kind.END, Kind.CLOSE_BRACE):
            return self.body(Kind.CLOSE_BRACE)
        start = self.previous_end
        token = self.peek()
        if token.kind is not Kind.IDENTIFIER:
            raise self._no_item(token)
        item = self._item(single=True)
        closing = self.peek()
        if closing.kind is Kind.END:
            raise self._unclosed_block()
        if closing.kind is not Kind.CLOSE_BRACE:
            if isinstance(item, Argument) and closing.kind in (Kind.NEWLINE, Kind.COMMA, Kind.IDENTIFIER):
                raise self._one_line(closing)
            raise self.unexpected(closing, '"}" behind the one argument of this block', "Use a line for each argument.")
        self.read()
        return Body(start, closing.start, (item,))

    def _one_line(self, token: Token) -> DiagnosticsError:
        return self.fail(
            "syntax/one-line-block",
            "A block on one line holds a single argument.",
            token,
            'Begin a new line behind the "{", and use one line for each argument or block.',
        )

    def _check_indentation(self, name: Token, brace: Token) -> None:
        """Remember a block that was closed by a brace further left than its own line: its own brace is missing."""
        if self._misplaced is not None:
            return
        closing_line, closing_column = self.source.position(self.previous_end - 1)
        line, column = self.source.position(name.start)
        text = self.source.text
        line_start = self.previous_end - closing_column
        alone = not text[line_start : self.previous_end - 1].strip()
        if closing_line != line and alone and closing_column < column:
            self._misplaced = brace


def parse(source: Source) -> tuple[Body, list[Diagnostic]]:
    """The syntax tree of a whole file, and the errors of meaning that the parse came across.

    Raises:
        DiagnosticsError: the first syntax error.
    """
    parser = _Parser(source)
    try:
        return parser.body(Kind.END), parser.problems
    except RecursionError:
        raise _too_deep(parser) from None


def parse_value(source: Source, *, actions: bool = False) -> Expression:
    """The expression that a whole text is, newlines around it aside.

    Args:
        source: the text.
        actions: whether `{{ … }}` in it is a template action.

    Raises:
        DiagnosticsError: it is not one valid expression.
    """
    parser = _Parser(source, actions=actions)
    try:
        with parser.newlines(False):
            value = parser.expression()
            token = parser.peek()
            if token.kind is not Kind.END:
                raise parser.unexpected(token, "the end of the value")
    except RecursionError:
        raise _too_deep(parser) from None
    if parser.problems:
        raise DiagnosticsError(parser.problems)
    return value


def _too_deep(parser: _Parser) -> DiagnosticsError:
    end = parser.previous_end
    return failure(parser.source, "syntax/too-deep", "This is nested too deep.", max(0, end - 1), max(1, end))
