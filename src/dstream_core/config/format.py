"""The canonical layout of a configuration file: what `dstream fmt` writes.

The rules are those of `terraform fmt`: two spaces a level, the equals signs of neighbouring arguments in one column,
the comments behind neighbouring lines in one column, one way to put spaces inside an expression, `"${x}"` alone written
as `x`, labels in quotes. Only white space between tokens moves; what a string, heredoc, comment or template action
holds stays as it is, and so does the meaning of the file.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

from dstream_core.config.functions.graphemes import count
from dstream_core.config.source import Source
from dstream_core.config.syntax import Kind, Token, parse, scan
from dstream_core.config.syntax.nodes import Argument, Body, Expression, Parentheses, Wrap

_OPENING = frozenset({Kind.OPEN_BRACE, Kind.OPEN_BRACKET, Kind.OPEN_PAREN, Kind.DIRECTIVE, Kind.INTERPOLATION})
_CLOSING = frozenset({Kind.CLOSE_BRACE, Kind.CLOSE_BRACKET, Kind.CLOSE_PAREN, Kind.TEMPLATE_END})
_TEXT = frozenset({Kind.QUOTED_TEXT, Kind.HEREDOC_TEXT})
# What a minus cannot subtract from, so that behind it a minus is a sign.
_BEFORE_SIGN = frozenset(
    {
        Kind.OPEN_PAREN, Kind.OPEN_BRACE, Kind.OPEN_BRACKET, Kind.EQUAL, Kind.COLON, Kind.COMMA, Kind.QUESTION,
        Kind.PLUS, Kind.STAR, Kind.SLASH, Kind.PERCENT, Kind.MINUS, Kind.EQUAL_OP, Kind.NOT_EQUAL, Kind.GREATER,
        Kind.GREATER_EQUAL, Kind.LESS, Kind.LESS_EQUAL, Kind.AND, Kind.OR, Kind.BANG,
    }
)  # fmt: skip

_Edits = dict[int, tuple[Kind, str]]  # by the offset of a token: what to write in its place
_GONE = (Kind.INVALID, "")


def format_text(text: str, file: str = "dstream.hcl") -> str:
    """The text in its canonical layout.

    Args:
        text: a configuration file.
        file: its name, for diagnostics.

    Returns:
        The same configuration; formatting it again changes nothing.

    Raises:
        DiagnosticsError: the text is no valid configuration file.
    """
    body, _ = parse(Source(file, text))  # errors of meaning do not concern the layout
    lines = _lines(_pieces(scan(text, file), body))
    _indent(lines)
    for line in lines:
        _space(line.lead)
        _space(line.assign)
    _align(lines)
    return "".join(" " * piece.spaces + piece.text for line in lines for piece in line.all())


class _Piece:
    """A token on its way to the output, and the spaces before it."""

    __slots__ = ("kind", "spaces", "text")

    def __init__(self, kind: Kind, text: str, spaces: int = 0):
        self.kind = kind
        self.text = text
        self.spaces = spaces

    @property
    def brackets(self) -> int:
        """How many levels it opens: 1, 0 or -1."""
        return 1 if self.kind in _OPENING else -1 if self.kind in _CLOSING else 0


class _Line:
    """A line of the output in up to three cells: what leads, an assignment from its `=` on, a comment behind it."""

    __slots__ = ("assign", "comment", "lead")

    def __init__(self, pieces: list[_Piece]):
        self.lead = pieces
        self.assign: list[_Piece] = []
        self.comment: list[_Piece] = []
        if len(pieces) > 1 and pieces[-1].kind is Kind.COMMENT:
            self.lead, self.comment = pieces[:-1], pieces[-1:]
        for index, piece in enumerate(self.lead):
            if index and piece.kind is Kind.EQUAL:
                # A value that goes on over several lines is no cell: its end stands elsewhere.
                if not sum(rest.brackets for rest in self.lead[index:]):
                    self.lead, self.assign = self.lead[:index], self.lead[index:]
                break

    def all(self) -> Iterator[_Piece]:
        yield from self.lead
        yield from self.assign
        yield from self.comment


def _lines(pieces: Sequence[_Piece]) -> list[_Line]:
    lines: list[_Line] = []
    current: list[_Piece] = []
    for piece in pieces:
        current.append(piece)
        if piece.kind is Kind.NEWLINE or (piece.kind is Kind.COMMENT and piece.text.endswith("\n")):
            lines.append(_Line(current))
            current = []
    if current:
        lines.append(_Line(current))
    return lines


def _indent(lines: Sequence[_Line]) -> None:
    """Set the spaces at the start of each line: two for each line above that opened more than it closed."""
    levels: list[int] = []  # for each level, how many brackets its line left open
    for line in lines:
        first = line.lead[0]
        if first.kind is Kind.NEWLINE:
            first.spaces = 0
            continue
        net = _net_brackets(line)
        if net < 0:
            _close(levels, -net)
        first.spaces = 2 * len(levels)
        if net > 0:
            levels.append(net)


def _net_brackets(line: _Line) -> int:
    net = 0
    for piece in line.lead:
        net += piece.brackets
        if piece.kind is Kind.OPEN_HEREDOC:
            break
    return net + sum(piece.brackets for piece in line.assign)


def _close(levels: list[int], closed: int) -> None:
    while closed > 0 and levels:
        if closed < levels[-1]:
            levels[-1] -= closed
            return
        closed -= levels.pop()


def _space(cell: Sequence[_Piece]) -> None:
    """Set the spaces inside one cell of a line."""
    before: _Piece | None = None
    for piece, after in itertools.pairwise(cell):
        after.spaces = int(_space_between(before, piece, after))
        before = piece


def _space_between(before: _Piece | None, piece: _Piece, after: _Piece) -> bool:
    """Whether a space stands between `piece` and `after`; the first rule that knows decides."""
    for rule in (_punctuation, _templates, _operators, _brackets):
        decided = rule(before, piece, after)
        if decided is not None:
            return decided
    return True


def _punctuation(before: _Piece | None, piece: _Piece, after: _Piece) -> bool | None:
    if after.kind is Kind.NEWLINE:
        return False
    if piece.kind is Kind.IDENTIFIER and after.kind in (Kind.OPEN_PAREN, Kind.DOUBLE_COLON):
        return False
    if piece.kind is Kind.DOUBLE_COLON and after.kind is Kind.IDENTIFIER:
        return False
    if Kind.DOT in (piece.kind, after.kind) or after.kind in (Kind.COMMA, Kind.ELLIPSIS):
        return False
    return True if piece.kind is Kind.COMMA else None


def _templates(before: _Piece | None, piece: _Piece, after: _Piece) -> bool | None:
    if piece.kind in _TEXT or piece.kind in (Kind.OPEN_QUOTE, Kind.OPEN_HEREDOC):
        return False
    return False if after.kind in _TEXT or after.kind in (Kind.CLOSE_QUOTE, Kind.CLOSE_HEREDOC) else None


def _operators(before: _Piece | None, piece: _Piece, after: _Piece) -> bool | None:
    follows_name = before is not None and before.kind is Kind.IDENTIFIER
    if follows_name and piece.kind is Kind.IDENTIFIER and piece.text == "in":
        return True  # `for x in [y]`, which else would read as an index
    if after.kind is Kind.OPEN_BRACKET and (
        piece.kind in (Kind.IDENTIFIER, Kind.NUMBER, Kind.ACTION) or piece.brackets < 0
    ):
        return False
    if piece.kind is Kind.BANG:
        return False
    if piece.kind is Kind.MINUS:
        return not (before is None or before.kind in _BEFORE_SIGN)
    return None


def _brackets(before: _Piece | None, piece: _Piece, after: _Piece) -> bool | None:
    if piece.kind is Kind.OPEN_BRACE or after.kind is Kind.CLOSE_BRACE:
        return not (piece.kind is Kind.OPEN_BRACE and after.kind is Kind.CLOSE_BRACE)
    starts = piece.kind in (Kind.INTERPOLATION, Kind.DIRECTIVE)
    if (starts and after.kind is Kind.OPEN_BRACE) or (
        piece.kind is Kind.CLOSE_BRACE and after.kind is Kind.TEMPLATE_END
    ):
        return True  # `${ { a = 1 } }`: else the braces would read as something else
    if piece.kind is Kind.TEMPLATE_END and after.kind in (Kind.INTERPOLATION, Kind.DIRECTIVE):
        return False
    return False if piece.brackets > 0 or after.brackets < 0 else None


def _align(lines: Sequence[_Line]) -> None:
    """Put the `=` of neighbouring lines in one column, and then their comments."""
    for chain in _chains(lines, lambda line: line.assign):
        widths = [_columns(line.lead) for line in chain]
        for line, width in zip(chain, widths, strict=True):
            line.assign[0].spaces = max(widths) - width + 1
    for chain in _chains(lines, lambda line: line.comment):
        widths = [_columns(line.lead) + _columns(line.assign) for line in chain]
        for line, width in zip(chain, widths, strict=True):
            line.comment[0].spaces = max(widths) - width + 1


def _chains(lines: Sequence[_Line], cell: Callable[[_Line], list[_Piece]]) -> Iterator[list[_Line]]:
    """The runs of neighbouring lines that have a cell."""
    for has, run in itertools.groupby(lines, lambda line: bool(cell(line))):
        if has:
            yield list(run)


def _columns(cell: Sequence[_Piece]) -> int:
    return sum(piece.spaces + count(piece.text) for piece in cell)


def _pieces(tokens: Sequence[Token], body: Body) -> list[_Piece]:
    """The tokens as they are to be written, but for the spaces between them."""
    edits = _edits(tokens, body)
    pieces: list[_Piece] = []
    modes: list[Kind] = []  # what the tokens stand in: strings, heredocs, and code again inside `${ }`
    for token in tokens:
        if token.kind in (Kind.OPEN_QUOTE, Kind.OPEN_HEREDOC, Kind.INTERPOLATION, Kind.DIRECTIVE):
            modes.append(token.kind)
        elif token.kind in (Kind.CLOSE_QUOTE, Kind.CLOSE_HEREDOC, Kind.TEMPLATE_END):
            modes.pop()
        kind, text = edits.get(token.start, (token.kind, token.text))
        if not text:
            continue
        if kind is Kind.ACTION and modes and modes[-1] in (Kind.OPEN_QUOTE, Kind.OPEN_HEREDOC):
            kind = Kind.QUOTED_TEXT
        if kind is Kind.NEWLINE and pieces and _is_line_comment(pieces[-1]):
            pieces[-1].text += text  # a comment of one line ends with its line
        else:
            pieces.append(_Piece(kind, text))
    if pieces and not pieces[-1].text.endswith("\n"):
        pieces.append(_Piece(Kind.NEWLINE, "\n"))
    return pieces


def _is_line_comment(piece: _Piece) -> bool:
    return piece.kind is Kind.COMMENT and piece.text.startswith(("#", "//")) and not piece.text.endswith("\n")


def _edits(tokens: Sequence[Token], body: Body) -> _Edits:
    at = {token.start: index for index, token in enumerate(tokens)}
    edits: _Edits = {}
    bodies = [body]
    while bodies:
        for item in bodies.pop().items:
            if isinstance(item, Argument):
                if isinstance(item.value, Wrap):
                    _unwrap(tokens, at, item.value, edits)
                continue
            bodies.append(item.body)
            for label in item.labels:
                token = tokens[at[label.start]]
                if token.kind is Kind.IDENTIFIER:
                    edits[token.start] = (Kind.IDENTIFIER, f'"{token.text}"')
    return edits


def _unwrap(tokens: Sequence[Token], at: dict[int, int], value: Expression, edits: _Edits) -> None:
    """Write `"${x}"` as `x`, which is the same value; over several lines in parentheses, else it would end too soon."""
    while isinstance(value, Wrap):
        first = at[value.start]
        last = next(index for index in range(first, len(tokens)) if tokens[index].end == value.end)
        inside = tokens[first + 2 : last - 1]
        kept = [token for token in inside if token.kind is not Kind.NEWLINE]
        # Neither the end of a heredoc nor that of a comment may have more behind it on its line.
        if tokens[first].kind is not Kind.OPEN_QUOTE or any(token.kind is Kind.OPEN_HEREDOC for token in kept):
            return
        if kept[-1].kind is Kind.COMMENT:
            return
        edits.update((tokens[index].start, _GONE) for index in (first, first + 1, last - 1, last))
        outside = (token for token in inside if not kept[0].start <= token.start <= kept[-1].start)
        edits.update((token.start, _GONE) for token in outside)
        inner = value.inner
        lines = any(token.kind is Kind.NEWLINE for token in inside if token.start not in edits)
        if lines and not isinstance(inner, (Parentheses, Wrap)):
            edits[tokens[first].start] = (Kind.OPEN_PAREN, "(")
            edits[tokens[last].start] = (Kind.CLOSE_PAREN, ")")
        value = inner
