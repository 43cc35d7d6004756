"""The inside of strings and heredocs: escapes, `${ }`, `%{ }`, template actions, white space to take away."""

from __future__ import annotations

import re
from collections.abc import Callable

from dstream_core.config.diagnostics import failure, suggestion
from dstream_core.config.source import Source
from dstream_core.config.syntax.nodes import Action, Conditional, Expression, For, Join, Literal, Template, Wrap
from dstream_core.config.syntax.reader import Reader
from dstream_core.config.syntax.tokens import Kind, Token
from dstream_core.config.templates.lexer import trims
from dstream_core.config.templates.pipeline import Call, Constant, parse_action
from dstream_core.config.text import GO_SPACE
from dstream_core.config.values.conversion import normalised
from dstream_core.errors import DiagnosticsError

_QUOTED_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,4}|U[0-9a-fA-F]{0,8}|.)|\$\$\{|%%\{")
_HEREDOC_ESCAPE = re.compile(r"\$\$\{|%%\{")
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_ACTION_SPACE = " \t\r\n"
_MAX_DEPTH = 60
_DIRECTIVES = ("if", "else", "endif", "for", "endfor")


class _Part:
    """A piece of a string: `text`, `value`, or a directive `if`, `else`, `endif`, `for`, `endfor`."""

    __slots__ = ("end", "expression", "kind", "names", "start", "text")

    def __init__(self, kind: str, start: int, end: int, text: str = "", expression: Expression | None = None):
        self.kind = kind
        self.start = start
        self.end = end
        self.text = text
        self.expression = expression
        self.names: tuple[str | None, str] = (None, "")


def parse_string(reader: Reader, expression: Callable[[], Expression]) -> Expression:
    """The string or heredoc that the next token opens.

    Args:
        reader: stands before the opening quote or `<<`.
        expression: parses the expression that the reader stands before.

    Raises:
        DiagnosticsError: a bad escape, or template sequences that do not fit together.
    """
    opening = reader.read()
    closer = Kind.CLOSE_QUOTE if opening.kind is Kind.OPEN_QUOTE else Kind.CLOSE_HEREDOC
    parts = _Parts(reader, expression, quoted=closer is Kind.CLOSE_QUOTE).read(closer)
    if opening.text.startswith("<<-"):
        _dedent(parts)
    end = reader.previous_end
    if len(parts) == 1 and parts[0].kind == "value" and not isinstance(parts[0].expression, Action):
        assert parts[0].expression is not None
        return Wrap(opening.start, end, parts[0].expression)
    return Template(opening.start, end, tuple(_Assembler(reader.source, _melded(parts), end).assemble()))


def parse_plain_string(reader: Reader, what: str) -> tuple[str, int, int]:
    """A quoted string with no template in it, such as a block's label: its text, start and end.

    Raises:
        DiagnosticsError: it holds a template sequence, a template action, or a bad escape.
    """
    opening = reader.read()
    text = ""
    while (token := reader.read()).kind is not Kind.CLOSE_QUOTE:
        if token.kind is Kind.ACTION:
            raise reader.fail(
                "template/in-label",
                f"A template action cannot stand in {what}: names are known before anything is put in.",
                token,
                "Write the name out; templates may stand in values.",
            )
        if token.kind is not Kind.QUOTED_TEXT:
            sign = token.text[0]
            raise reader.fail(
                "syntax/template-in-label",
                f"A template sequence cannot stand in {what}.",
                token,
                f'For a plain "{sign}{{" write "{sign}{sign}{{".',
            )
        text += decoded(reader.source, token.text, token.start, quoted=True)
    return normalised(text), opening.start, reader.previous_end


def decoded(source: Source, text: str, start: int, *, quoted: bool) -> str:
    """Text as it is meant: `$${` and `%%{` as `${` and `%{`, and in quotes what the backslashes stand for.

    Raises:
        DiagnosticsError: there is no such escape.
    """

    def replace(match: re.Match[str]) -> str:
        found = match.group()
        if found[0] in "$%":
            return found[1:]
        kind, hexadecimal = found[1], found[2:]
        if kind in _SIMPLE:
            return _SIMPLE[kind]
        problem = f'"{found}" is no escape sequence.'
        hint = r"There are \n, \r, \t, \", \\, \uNNNN and \UNNNNNNNN; for a plain backslash write \\."
        if kind in "uU":
            size = 4 if kind == "u" else 8
            if len(found) == size + 2:
                number = int(hexadecimal, 16)
                if number <= 0x10FFFF and not 0xD800 <= number < 0xE000:
                    return chr(number)
                problem = f"There is no character with the number {hexadecimal}."
            else:
                problem = f"\\{kind} must be followed by {size} hexadecimal digits."
        where = start + match.start()
        raise failure(source, "syntax/invalid-escape", problem, where, where + len(found), hint)

    return (_QUOTED_ESCAPE if quoted else _HEREDOC_ESCAPE).sub(replace, text)


class _Parts:
    """Reads the pieces of one string up to its end, and takes away white space where markers ask for it."""

    def __init__(self, reader: Reader, expression: Callable[[], Expression], *, quoted: bool):
        self.reader = reader
        self.expression = expression
        self.quoted = quoted
        self.parts: list[_Part] = []
        self.raw: list[str] = []  # of each part, the text as written
        self.strip_next = False  # `~}` came last
        self.cut_next = False  # ` -}}` came last, and only white space since

    def read(self, closer: Kind) -> list[_Part]:
        while (token := self.reader.read()).kind is not closer:
            strip, self.strip_next = self.strip_next, False
            if token.kind in (Kind.QUOTED_TEXT, Kind.HEREDOC_TEXT):
                self._text(token, strip=strip)
                continue
            if token.kind is Kind.ACTION:
                self._action(token)
                continue
            self.cut_next = False
            if token.text.endswith("~") and self.parts and self.parts[-1].kind == "text":
                self.parts[-1].text = self.parts[-1].text.rstrip(GO_SPACE)
            with self.reader.newlines(False):
                if token.kind is Kind.INTERPOLATION:
                    self._add(_Part("value", token.start, token.end, expression=self.expression()))
                else:
                    self._directive(token)
                self._close(token)
        return self.parts

    def _add(self, part: _Part, raw: str = "") -> None:
        self.parts.append(part)
        self.raw.append(raw)

    def _text(self, token: Token, *, strip: bool) -> None:
        raw, start = token.text, token.start
        if self.cut_next:
            kept = raw.lstrip(_ACTION_SPACE)
            start += len(raw) - len(kept)
            raw = kept
            self.cut_next = not raw
        text = decoded(self.reader.source, raw, start, quoted=self.quoted)
        self._add(_Part("text", token.start, token.end, text.lstrip(GO_SPACE) if strip else text), raw)

    def _action(self, token: Token) -> None:
        before, self.cut_next = trims(token.text)
        if before:
            self._cut_back()
        value = Action(token.start, token.end, action_of(self.reader, token, quoted=self.quoted), bare=False)
        self._add(_Part("value", token.start, token.end, expression=value))

    def _cut_back(self) -> None:
        """Take the white space before an action away, as written and not as an escape stands for it."""
        for index in range(len(self.parts) - 1, -1, -1):
            part = self.parts[index]
            if part.kind != "text":
                return
            kept = self.raw[index].rstrip(_ACTION_SPACE)
            if kept != self.raw[index]:
                self.raw[index] = kept
                part.text = decoded(self.reader.source, kept, part.start, quoted=self.quoted)
            if kept:
                return

    def _close(self, opening: Token) -> None:
        closing = self.reader.peek()
        if closing.kind is not Kind.TEMPLATE_END:
            shown = opening.text.removesuffix("~")
            if closing.kind is Kind.OPEN_QUOTE and self.quoted:
                hint = f'Close it with "}}". For a plain "{shown}" in a string write "{shown[0]}{shown}".'
                raise self.reader.fail("syntax/unclosed-template", f'This "{shown}" is not closed.', opening, hint)
            raise self.reader.unexpected(
                closing, f'"}}" to close "{shown}"', f'For a plain "{shown}" in a string write "{shown[0]}{shown}".'
            )
        self.reader.read()
        self.parts[-1].end = closing.end
        self.strip_next = closing.text == "~}"

    def _directive(self, opening: Token) -> None:
        reader = self.reader
        word = reader.read()
        if word.kind is not Kind.IDENTIFIER or word.text not in _DIRECTIVES:
            raise reader.fail(
                "syntax/unknown-directive",
                f'"{word.text}" is no template directive.',
                word,
                suggestion(word.text, _DIRECTIVES, listed="directives")
                if word.kind is Kind.IDENTIFIER
                else 'For a plain "%{" in a string write "%%{".',
            )
        part = _Part(word.text, opening.start, word.end)
        if word.text == "if":
            part.expression = self.expression()
        elif word.text == "for":
            part.names = loop_names(reader)
            part.expression = self.expression()
        self._add(part)


def action_of(reader: Reader, token: Token, *, quoted: bool) -> Constant | Call | None:
    """What an action token computes; one that is refused is an error of meaning, and None stands for it."""
    try:
        return parse_action(reader.source, token.start, quoted=quoted)
    except DiagnosticsError as error:
        reader.problems.extend(error.diagnostics)
        return None


def loop_names(reader: Reader) -> tuple[str | None, str]:
    """The names between `for` and `in`, that for the key being None if there is only one; takes the `in` too.

    Raises:
        DiagnosticsError: something else stands there.
    """
    example = "Write [for value in list : …] or {for key, value in map : … => …}."
    names: list[str] = []
    while True:
        name = reader.read()
        if name.kind is not Kind.IDENTIFIER:
            raise reader.unexpected(name, 'a name behind "for"', example)
        names.append(normalised(name.text))
        if len(names) == 2 or not reader.take(Kind.COMMA):
            break
    if not reader.is_word("in"):
        raise reader.unexpected(reader.peek(), '"in"', example)
    reader.read()
    return (names[0] if len(names) == 2 else None), names[-1]


def _dedent(parts: list[_Part]) -> None:
    """Take the smallest indentation off every line of a `<<-` heredoc; blank lines neither count nor change."""
    smallest: int | None = None
    indented: list[_Part] = []
    line_start = True
    for part in parts:
        text = part.text if part.kind == "text" else ""
        if line_start:
            line_start = False
            kept = text.lstrip(GO_SPACE)
            if kept or not text.endswith("\n"):
                spaces = len(text) - len(kept)
                smallest = spaces if smallest is None else min(smallest, spaces)
                if part.kind == "text":
                    indented.append(part)
        line_start = line_start or text.endswith("\n")
    for part in indented:
        part.text = part.text[smallest or 0 :]


def _melded(parts: list[_Part]) -> list[_Part]:
    """The parts with neighbouring texts joined to one."""
    joined: list[_Part] = []
    for part in parts:
        if part.kind == "text" and joined and joined[-1].kind == "text":
            joined[-1].text += part.text
            joined[-1].end = part.end
        else:
            joined.append(part)
    return joined


class _Assembler:
    """Turns the flat pieces of a string into a tree: directives with what they enclose."""

    def __init__(self, source: Source, parts: list[_Part], end: int):
        self.source = source
        self.parts = parts
        self.end = end
        self.index = 0
        self.depth = 0

    def assemble(self) -> list[Expression]:
        found = self._until(())
        if self.index < len(self.parts):
            part = self.parts[self.index]
            raise failure(
                self.source,
                "syntax/unbalanced-directive",
                f'Nothing is open that this "{part.kind}" belongs to.',
                part.start,
                part.end,
            )
        return found

    def _until(self, enders: tuple[str, ...], opening: _Part | None = None) -> list[Expression]:
        if self.depth > _MAX_DEPTH and opening is not None:
            raise failure(self.source, "syntax/too-deep", "These directives nest too deep.", opening.start, opening.end)
        found: list[Expression] = []
        while self.index < len(self.parts):
            part = self.parts[self.index]
            if part.kind in enders:
                return found
            if part.kind == "text":
                found.append(Literal(part.start, part.end, normalised(part.text)))
            elif part.kind == "value":
                assert part.expression is not None
                found.append(part.expression)
            elif part.kind in ("if", "for"):
                self.depth += 1
                found.append(self._if(part) if part.kind == "if" else self._for(part))
                self.depth -= 1
                continue
            else:
                break
            self.index += 1
        if opening is not None:
            wanted = enders[-1]
            raise failure(
                self.source,
                "syntax/unbalanced-directive",
                f'This "{opening.kind}" is not closed by "%{{ {wanted} }}".',
                opening.start,
                opening.end,
            )
        return found

    def _if(self, part: _Part) -> Expression:
        self.index += 1
        yes = self._until(("else", "endif"), part)
        divider = self.parts[self.index]
        no: list[Expression] = []
        self.index += 1
        if divider.kind == "else":
            no = self._until(("endif",), part)
            self.index += 1
        closing = self.parts[self.index - 1]
        assert part.expression is not None
        return Conditional(
            part.start,
            closing.end,
            part.expression,
            Template(part.end, divider.start, tuple(yes)),
            Template(divider.end, max(divider.end, closing.start), tuple(no)),
        )

    def _for(self, part: _Part) -> Expression:
        self.index += 1
        inner = self._until(("endfor",), part)
        closing = self.parts[self.index]
        self.index += 1
        assert part.expression is not None
        content = Template(part.end, closing.start, tuple(inner))
        key, value = part.names
        return Join(
            part.start,
            closing.end,
            For(part.start, closing.end, key, value, part.expression, None, content, None, False),
        )
