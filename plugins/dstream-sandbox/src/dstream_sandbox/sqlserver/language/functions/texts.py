"""String functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.compile.operators import converted
from dstream_sandbox.sqlserver.language.compile.predicates import like_pattern
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Frame, Row
from dstream_sandbox.sqlserver.language.conversions import converter
from dstream_sandbox.sqlserver.language.conversions.texts import to_code_page, units
from dstream_sandbox.sqlserver.language.functions.build import Builder, applied, check_count, strict
from dstream_sandbox.sqlserver.language.messages import invalid_operand
from dstream_sandbox.sqlserver.language.rules import concatenated
from dstream_sandbox.sqlserver.language.syntax import Call
from dstream_sandbox.sqlserver.types import BIGINT, INT, MAX, SqlType, nvarchar, varchar


def text(operand: Compiled) -> Compiled:
    """The argument as a text, if it is none."""
    if operand.type.is_character:
        return operand
    if operand.null:
        return converted(operand, varchar(1))
    return cast(operand, varchar(8000) if not operand.type.is_unicode else nvarchar(MAX))


def cast(operand: Compiled, target: SqlType) -> Compiled:
    """An explicit conversion."""
    if operand.null:
        return converted(operand, target)
    convert = converter(operand.type, target)
    inner = operand.evaluate
    return replace(
        operand,
        type=target,
        evaluate=lambda row, frame: None if (x := inner(row, frame)) is None else convert(x),
        column=None,
        literal=False,
    )


def _varying(type_: SqlType, length: int | None = None) -> SqlType:
    """The varying form of a character type; `length` instead of its own."""
    name = "nvarchar" if type_.is_unicode else "varchar"
    own = MAX if type_.length is None else type_.length
    return SqlType(name, length=own if length is None else length, collation=type_.collation)


def _of_text(function: Callable[[str], str]) -> Builder:
    """A text of the same length at most."""

    def build(compiler: Any, node: Call) -> Compiled:
        check_count(node, 1, 1)
        operand = text(compiler.value(node.arguments[0]))
        return applied(_varying(operand.type), function, [operand])

    return build


def _letter_by_letter(value: str, change: Callable[[str], str]) -> str:
    """A letter becomes one letter: ß has no capital."""
    if value.isascii():
        return change(value)
    return "".join(other if len(other := change(char)) == 1 else char for char in value)


def _length(compiler: Any, node: Call) -> Compiled:
    """LEN: without blanks at the end."""
    check_count(node, 1, 1)
    operand = compiler.value(node.arguments[0])
    type_ = BIGINT if operand.type.is_max else INT
    if operand.type.is_binary:
        return applied(type_, len, [operand])
    return applied(type_, lambda value: units(value.rstrip(" ")), [text(operand)])


_SIZES = {"bit": 1, "tinyint": 1, "smallint": 2, "int": 4, "bigint": 8, "money": 8, "smallmoney": 4, "float": 8, "real": 4,
    "datetime": 8, "smalldatetime": 4, "uniqueidentifier": 16, "date": 3}  # fmt: skip


def data_length(type_: SqlType) -> Callable[[Any], int]:
    """DATALENGTH of a type's values: bytes."""
    if type_.is_character or type_.name == "xml":
        if type_.is_unicode:
            return lambda value: 2 * units(value)
        return len
    if type_.name in _SIZES:
        size = _SIZES[type_.name]
        return lambda value: size
    if type_.name == "sql_variant":
        return lambda value: data_length(value.type)(value.value)
    if type_.name in ("binary", "varbinary", "image", "timestamp", "hierarchyid", "geography", "geometry"):
        return len
    fixed = type_.max_length
    return lambda value: fixed


def _data_length(compiler: Any, node: Call) -> Compiled:
    check_count(node, 1, 1)
    operand = compiler.value(node.arguments[0])
    return applied(BIGINT if operand.type.is_max else INT, data_length(operand.type), [operand])


def _sliceable(compiler: Any, node: Call, index: int = 0) -> Compiled:
    operand = compiler.value(node.arguments[index])
    return operand if operand.type.is_binary else text(operand)


def _constant_length(operand: Compiled, whole: SqlType) -> int | None:
    """How long a part can be when its length is a constant."""
    if operand.literal and isinstance(operand.value, int) and not whole.is_max:
        return max(1, min(operand.value, whole.length or 1))
    return None


def _left(compiler: Any, node: Call) -> Compiled:
    check_count(node, 2, 2)
    operand, count = _sliceable(compiler, node), converted(compiler.value(node.arguments[1]), INT)
    return applied(_part(operand.type, count), lambda value, n: value[: _count("left", n)], [operand, count])


def _right(compiler: Any, node: Call) -> Compiled:
    check_count(node, 2, 2)
    operand, count = _sliceable(compiler, node), converted(compiler.value(node.arguments[1]), INT)
    return applied(
        _part(operand.type, count), lambda value, n: value[-n:] if _count("right", n) else value[:0], [operand, count]
    )


def _part(type_: SqlType, count: Compiled) -> SqlType:
    if type_.is_binary:
        return SqlType("varbinary", length=_constant_length(count, type_) or type_.length or 8000)
    return _varying(type_, _constant_length(count, type_))


def _count(name: str, n: int) -> int:
    if n < 0:
        raise SqlError(537, f"Invalid length parameter passed to the {name} function.", state=3)
    return n


def _substring(compiler: Any, node: Call) -> Compiled:
    check_count(node, 3, 3)
    operand = _sliceable(compiler, node)
    start, count = (converted(compiler.value(a), INT) for a in node.arguments[1:])

    def part(value: Any, first: int, n: int) -> Any:
        if n < 0:
            raise SqlError(537, "Invalid length parameter passed to the LEFT or SUBSTRING function.", state=3)
        return value[max(first - 1, 0) : max(first - 1 + n, 0)]

    return applied(_part(operand.type, count), part, [operand, start, count])


def _found(compiler: Any, node: Call) -> Compiled:
    """CHARINDEX under the collation of the text that is searched."""
    check_count(node, 2, 3)
    needle, hay = text(compiler.value(node.arguments[0])), text(compiler.value(node.arguments[1]))
    start = [converted(compiler.value(a), INT) for a in node.arguments[2:]]
    fold = _fold(hay.type)

    def find(what: str, where: str, first: int = 1) -> int:
        return fold(where).find(fold(what), max(first - 1, 0)) + 1 if what else 0

    return applied(BIGINT if hay.type.is_max else INT, find, [needle, hay, *start])


def _fold(type_: SqlType) -> Callable[[str], str]:
    """Case away, where the collation does not look at it; as many characters as before."""
    name = (type_.collation or "").upper()
    return (
        str
        if "_CS" in name or "_BIN" in name
        else lambda value: value.lower() if value.isascii() else "".join(c.lower()[:1] for c in value)
    )


def _pattern_index(pattern: str, where: str) -> int:
    """PATINDEX."""
    inner = pattern.removeprefix("%")
    anchored = not pattern.startswith("%")
    compiled = like_pattern(inner, "", True)
    for at in range(1 if anchored else len(where) + 1):
        if compiled.fullmatch(where, at):
            return at + 1
    return 0


def _replaced(compiler: Any, node: Call) -> Compiled:
    check_count(node, 3, 3)
    operands = [text(a) for a in compiler.values(node.arguments)]
    fold = _fold(operands[0].type)
    limit = (
        MAX if any(o.type.is_max for o in operands) else (4000 if any(o.type.is_unicode for o in operands) else 8000)
    )
    unicode = any(o.type.is_unicode for o in operands)

    def replaced(value: str, old: str, new: str) -> str:
        if not old:
            return value
        parts: list[str] = []
        folded, wanted, at = fold(value), fold(old), 0
        while (found := folded.find(wanted, at)) >= 0:
            parts += (value[at:found], new)
            at = found + len(old)
        return "".join([*parts, value[at:]])

    type_ = SqlType("nvarchar" if unicode else "varchar", length=limit, collation=operands[0].type.collation)
    return applied(type_, replaced, operands)


def _stuff(compiler: Any, node: Call) -> Compiled:
    check_count(node, 4, 4)
    whole, insert = text(compiler.value(node.arguments[0])), text(compiler.value(node.arguments[3]))
    start, count = (converted(compiler.value(a), INT) for a in node.arguments[1:3])
    type_ = concatenated(_varying(whole.type), _varying(insert.type))

    inner = [o.evaluate for o in (whole, start, count, insert)]

    def evaluate(row: Row, frame: Frame) -> Any:
        value, first, n, new = (one(row, frame) for one in inner)
        if value is None or first is None or n is None or first < 1 or n < 0 or first > len(value):
            return None
        return value[: first - 1] + (new or "") + value[first - 1 + n :]

    return Compiled(type_, evaluate, depends=any(o.depends for o in (whole, start, count, insert)))


def _replicate(compiler: Any, node: Call) -> Compiled:
    check_count(node, 2, 2)
    operand, count = text(compiler.value(node.arguments[0])), converted(compiler.value(node.arguments[1]), INT)
    big = operand.type.is_max
    unicode = operand.type.is_unicode
    limit = None if big else (4000 if unicode else 8000)
    type_ = _varying(operand.type, MAX if big else limit)
    return applied(type_, lambda value, n: (value * n)[:limit] if n >= 0 else None, [operand, count])


def _concat(compiler: Any, node: Call) -> Compiled:
    """CONCAT: NULL is an empty text."""
    check_count(node, 2, 254)
    return _joined(compiler.values(node.arguments), None)


def _concat_ws(compiler: Any, node: Call) -> Compiled:
    """CONCAT_WS: NULLs are left out."""
    check_count(node, 3, 254)
    separator, *rest = compiler.values(node.arguments)
    return _joined(rest, text(separator))


def _joined(operands: list[Compiled], separator: Compiled | None) -> Compiled:
    changed = [text(o) for o in operands]
    unicode = any(o.type.is_unicode for o in changed) or (separator is not None and separator.type.is_unicode)
    lengths = [o.type.length for o in changed]
    gaps = 0 if separator is None else (len(changed) - 1) * (separator.type.length or 1)
    limit = 4000 if unicode else 8000
    total = MAX if MAX in lengths or None in lengths else min(sum(n or 0 for n in lengths) + gaps, limit)
    inner = [o.evaluate for o in changed]
    between = None if separator is None else separator.evaluate

    def evaluate(row: Row, frame: Frame) -> str:
        values = [one(row, frame) for one in inner]
        sign = "" if between is None else between(row, frame) or ""
        return sign.join([v for v in values if v is not None])

    type_ = SqlType("nvarchar" if unicode else "varchar", length=total)
    return Compiled(type_, evaluate, False, depends=any(o.depends for o in operands))


def _trim(compiler: Any, node: Call) -> Compiled:
    """TRIM([characters FROM] text)."""
    check_count(node, 1, 2)
    operands = [text(a) for a in compiler.values(node.arguments)]
    if len(operands) == 1:
        return applied(_varying(operands[0].type), lambda value: value.strip(" "), operands)
    return applied(_varying(operands[0].type), lambda value, chars: value.strip(chars), operands)


def _quote_name(name: str, quote: str = "[") -> str | None:
    pairs = {
        "[": "[]",
        "]": "[]",
        "(": "()",
        ")": "()",
        "<": "<>",
        ">": "<>",
        "{": "{}",
        "}": "{}",
        "'": "''",
        '"': '""',
        "`": "``",
    }
    if len(name) > 128 or quote not in pairs:
        return None
    first, last = pairs[quote][0], pairs[quote][1]
    return first + name.replace(last, last * 2) + last


def _parse_name(name: str, part: int) -> str | None:
    """PARSENAME: parts from the right; 1 is the object."""
    from_left: list[str] = [""]
    closing = ""
    for at, char in enumerate(name):
        if closing:
            if char == closing and name[at + 1 : at + 2] != closing and name[at - 1 : at] != closing:
                closing = ""
            else:
                from_left[-1] += char
        elif char in '["':
            closing = "]" if char == "[" else '"'
        elif char == ".":
            from_left.append("")
        else:
            from_left[-1] += char
    if not 1 <= part <= 4 or len(from_left) > 4 or part > len(from_left):
        return None
    return from_left[-part] or None


def _ascii(value: str) -> int | None:
    return to_code_page(value[:1]).encode("cp1252", "replace")[0] if value else None


def _char(code: int) -> str | None:
    return bytes([code]).decode("cp1252", "replace") if 0 <= code <= 255 else None


def _str(value: float, length: int = 10, decimals: int = 0) -> str:
    """STR."""
    result = f"{value:.{max(0, min(decimals, 16))}f}"
    if len(result) > length:
        result = f"{value:.0f}"
    return "*" * length if len(result) > length else result.rjust(length)


def _translate(value: str, old: str, new: str) -> str:
    if len(old) != len(new):
        raise SqlError(
            9828,
            "The second and third arguments of the TRANSLATE built-in function must contain an equal number of characters.",
        )
    return value.translate(dict(zip(map(ord, reversed(old)), reversed(new), strict=True)))


def _no_binary(operands: list[Compiled]) -> SqlType:
    if operands[0].type.is_binary:
        raise invalid_operand(operands[0].type, "text")
    return nvarchar(258)


FUNCTIONS: dict[str, Builder] = {
    "LEN": _length,
    "DATALENGTH": _data_length,
    "LEFT": _left,
    "RIGHT": _right,
    "SUBSTRING": _substring,
    "CHARINDEX": _found,
    "PATINDEX": strict(INT, [nvarchar(4000), nvarchar(MAX)], _pattern_index),
    "REPLACE": _replaced,
    "STUFF": _stuff,
    "REPLICATE": _replicate,
    "CONCAT": _concat,
    "CONCAT_WS": _concat_ws,
    "TRIM": _trim,
    "UPPER": _of_text(lambda value: _letter_by_letter(value, str.upper)),
    "LOWER": _of_text(lambda value: _letter_by_letter(value, str.lower)),
    "LTRIM": _of_text(lambda value: value.lstrip(" ")),
    "RTRIM": _of_text(lambda value: value.rstrip(" ")),
    "REVERSE": _of_text(lambda value: value[::-1]),
    "SPACE": strict(varchar(8000), [INT], lambda n: " " * n if n >= 0 else None),
    "QUOTENAME": strict(_no_binary, [nvarchar(MAX), nvarchar(1)], _quote_name, 1),
    "PARSENAME": strict(nvarchar(128), [nvarchar(776), INT], _parse_name),
    "ASCII": strict(INT, [varchar(8000)], _ascii),
    "CHAR": strict(SqlType("char", length=1), [INT], _char),
    "UNICODE": strict(INT, [nvarchar(MAX)], lambda value: ord(value[0]) if value else None),
    "NCHAR": strict(SqlType("nchar", length=1), [INT], lambda code: chr(code) if 0 <= code <= 0xFFFF else None),
    "STR": strict(varchar(8000), [SqlType("float"), INT, INT], _str, 1),
    "TRANSLATE": strict(nvarchar(4000), [nvarchar(4000), nvarchar(4000), nvarchar(4000)], _translate),
}
