"""hierarchyid: paths like /1/2.1/ as bits ("[MS-SSCLRT]: Microsoft SQL Server CLR types serialization formats", 2.3)."""

from __future__ import annotations

from dataclasses import dataclass

from dstream_sandbox.sqlserver.errors import SqlError


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A range of numbers and how they are written: the prefix, then bits of the number less the range's first.

    `layout`: `x` a bit of the number, `0` and `1` as they are (they keep patterns apart), and at the end the flag T.
    """

    first: int
    last: int
    layout: str


_PATTERNS = (
    _Pattern(
        -281479271682120, -4294971465, "000100" + "x" * 0 + "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0xxxxxx0xxx0x1xxxT"
    ),
    _Pattern(-4294971464, -4169, "000101" + "xxxxxxxxxxxxxxxxxxx0xxxxxx0xxx0x1xxxT"),
    _Pattern(-4168, -73, "000110xxxxx0xxx0x1xxxT"),
    _Pattern(-72, -9, "0010xx0x1xxxT"),
    _Pattern(-8, -1, "00111xxxT"),
    _Pattern(0, 3, "01xxT"),
    _Pattern(4, 7, "100xxT"),
    _Pattern(8, 15, "101xxxT"),
    _Pattern(16, 79, "110xx0x1xxxT"),
    _Pattern(80, 1103, "1110xxx0xxx0x1xxxT"),
    _Pattern(1104, 5199, "11110xxxxx0xxx0x1xxxT"),
    _Pattern(5200, 4294972495, "111110xxxxxxxxxxxxxxxxxxx0xxxxxx0xxx0x1xxxT"),
    _Pattern(4294972496, 281479271683151, "111111xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0xxxxxx0xxx0x1xxxT"),
)


def _encode(number: int, last: bool) -> str:
    for pattern in _PATTERNS:
        if pattern.first <= number <= pattern.last:
            break
    else:
        raise _invalid(str(number))
    prefix = _prefix(pattern)
    body = pattern.layout[len(prefix) :]
    bits = f"{number - pattern.first:0{body.count('x')}b}"
    taken = iter(bits)
    return prefix + "".join(next(taken) if c == "x" else ("1" if last else "0") if c == "T" else c for c in body)


def _prefix(pattern: _Pattern) -> str:
    return pattern.layout[: pattern.layout.index("x")]


def parse(path: str) -> bytes:
    """The serialised form of a path.

    Raises:
        SqlError: 6522, it is none.
    """
    if not (path.startswith("/") and path.endswith("/")):
        raise _invalid(path)
    bits = ""
    for label in path[1:-1].split("/") if len(path) > 1 else []:
        numbers = label.split(".")
        for place, text in enumerate(numbers):
            try:
                number = int(text)
            except ValueError:
                raise _invalid(path) from None
            last = place == len(numbers) - 1
            # A number with a dot behind it is written one higher.
            bits += _encode(number if last else number + 1, last)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""


def _decode(bits: str, at: int) -> tuple[int, bool, int] | None:
    for pattern in _PATTERNS:
        prefix = _prefix(pattern)
        if not bits.startswith(prefix, at) or at + len(pattern.layout) > len(bits):
            continue
        body = pattern.layout[len(prefix) :]
        piece = bits[at + len(prefix) : at + len(pattern.layout)]
        if any(c in "01" and c != bit for c, bit in zip(body, piece, strict=True)):
            continue
        value = int("".join(bit for c, bit in zip(body, piece, strict=True) if c == "x"), 2)
        return pattern.first + value, piece[-1] == "1", at + len(pattern.layout)
    return None


def labels_of(data: bytes) -> list[list[int]]:
    """The labels of a path, each of one and more numbers."""
    bits = "".join(f"{byte:08b}" for byte in data)
    labels: list[list[int]] = []
    current: list[int] = []
    at = 0
    while "1" in bits[at:]:
        found = _decode(bits, at)
        if found is None:
            raise _invalid("0x" + data.hex())
        number, last, at = found
        current.append(number if last else number - 1)
        if last:
            labels.append(current)
            current = []
    return labels


def path_of(data: bytes) -> str:
    """The text form: `/1/2.1/`."""
    return "/" + "".join(".".join(map(str, label)) + "/" for label in labels_of(data))


def _invalid(text: str) -> SqlError:
    return SqlError(
        6522,
        'A .NET Framework error occurred during execution of user-defined routine or aggregate "hierarchyid": '
        f"Microsoft.SqlServer.Types.HierarchyIdException: 24001: SqlHierarchyId.Parse failed because the input string "
        f"'{text}' is not a valid string representation of a SqlHierarchyId node.",
    )
