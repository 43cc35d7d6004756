"""Functions for NULLs, identities, errors, hashes, variants."""

from __future__ import annotations

import hashlib
import os
import uuid
import zlib
from dataclasses import replace
from typing import Any, cast

from dstream_sandbox.sqlserver.engine.keys import comparable
from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.compile import predicates
from dstream_sandbox.sqlserver.language.compile.operators import converted
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Frame, Row, constant
from dstream_sandbox.sqlserver.language.conversions import converter
from dstream_sandbox.sqlserver.language.formatting import formatted
from dstream_sandbox.sqlserver.language.functions.build import Builder, applied, check_count, of_frame, strict
from dstream_sandbox.sqlserver.language.functions.texts import data_length
from dstream_sandbox.sqlserver.language.rules import common_type
from dstream_sandbox.sqlserver.language.syntax import Call
from dstream_sandbox.sqlserver.types import (
    INT,
    MAX,
    SQL_VARIANT,
    UNIQUEIDENTIFIER,
    SqlType,
    Variant,
    decimal,
    nvarchar,
    varbinary,
)


def _type_of(operands: list[Compiled]) -> SqlType:
    type_: SqlType | None = None
    for operand in operands:
        if not operand.null:
            type_ = operand.type if type_ is None else common_type(type_, operand.type)
    return INT if type_ is None else type_


def _coalesce(compiler: Any, node: Call) -> Compiled:
    """COALESCE: the type of all arguments together."""
    check_count(node, 2, 254)
    operands = compiler.values(node.arguments)
    if all(o.null for o in operands):
        raise SqlError(
            4127, "At least one of the arguments to COALESCE must be an expression that is not the NULL constant."
        )
    return _first(operands, _type_of(operands))


def _first(operands: list[Compiled], type_: SqlType) -> Compiled:
    inner = [converted(o, type_).evaluate for o in operands]

    def evaluate(row: Row, frame: Frame) -> Any:
        for one in inner:
            value = one(row, frame)
            if value is not None:
                return value
        return None

    return Compiled(type_, evaluate, all(o.nullable for o in operands), depends=any(o.depends for o in operands))


def _is_null(compiler: Any, node: Call) -> Compiled:
    """ISNULL: of the first argument's type."""
    check_count(node, 2, 2)
    operand, instead = cast("list[Compiled]", compiler.values(node.arguments))
    if operand.null:
        return replace(instead, column=None)
    return _first([operand, compiler.cast(instead, operand.type) if not instead.null else instead], operand.type)


def _null_if(compiler: Any, node: Call) -> Compiled:
    check_count(node, 2, 2)
    operand, other = compiler.values(node.arguments)
    same = predicates.compare("=", operand, other)
    inner = operand.evaluate
    return Compiled(
        operand.type, lambda row, frame: None if same(row, frame) else inner(row, frame), depends=operand.depends
    )


def _choose(compiler: Any, node: Call) -> Compiled:
    check_count(node, 2, 254)
    index = converted(compiler.value(node.arguments[0]), INT)
    operands = compiler.values(node.arguments[1:])
    type_ = _type_of(operands)
    inner = [converted(o, type_).evaluate for o in operands]

    def evaluate(row: Row, frame: Frame) -> Any:
        n = index.evaluate(row, frame)
        return inner[n - 1](row, frame) if n is not None and 1 <= n <= len(inner) else None

    return Compiled(type_, evaluate)


def _hash_bytes(compiler: Any, node: Call) -> Compiled:
    """HASHBYTES: of the bytes as they are stored, so nvarchar and varchar differ."""
    check_count(node, 2, 2)
    name, operand = compiler.values(node.arguments)
    known = {"MD5": "md5", "SHA": "sha1", "SHA1": "sha1", "SHA2_256": "sha256", "SHA2_512": "sha512"}
    unicode = operand.type.is_unicode
    name = converted(name, nvarchar(128))

    def digest(algorithm: str, value: Any) -> bytes | None:
        found = known.get(algorithm.upper())
        if found is None:
            return None
        data = value.encode("utf-16-le" if unicode else "cp1252", "replace") if isinstance(value, str) else value
        return hashlib.new(found, data, usedforsecurity=False).digest()

    if not (operand.type.is_character or operand.type.is_binary):
        raise SqlError(8116, f"Argument data type {operand.type.name} is invalid for argument 2 of hashbytes function.")
    return applied(varbinary(8000), digest, [name, operand])


def _checksum(binary: bool) -> Builder:
    """CHECKSUM and BINARY_CHECKSUM: an algorithm of the sandbox's own with the same promises (equal values, equal sums)."""

    def build(compiler: Any, node: Call) -> Compiled:
        if node.star:
            raise not_supported("CHECKSUM(*)")
        operands = compiler.values(node.arguments)
        parts = [(o.evaluate, comparable(o.type) if not binary else _same) for o in operands]

        def evaluate(row: Row, frame: Frame) -> int:
            total = 0
            for one, key in parts:
                value = one(row, frame)
                total = zlib.crc32(repr(None if value is None else key(value)).encode(), total)
            return total - 2**32 if total >= 2**31 else total

        return Compiled(INT, evaluate, False)

    return build


def _same(value: Any) -> Any:
    return value


def _variant_property(compiler: Any, node: Call) -> Compiled:
    check_count(node, 2, 2)
    operand, name = compiler.values(node.arguments)
    source = operand.type
    name = converted(name, nvarchar(128))

    def look(value: Any, which: str) -> Variant | None:
        variant = value if isinstance(value, Variant) else Variant(source, value)
        return _property(variant, which.lower())

    return applied(SQL_VARIANT, look, [operand, name])


def _property(variant: Variant, which: str) -> Variant | None:
    type_ = variant.type
    if which == "basetype":
        return Variant(nvarchar(128), type_.name)
    if which == "collation":
        return Variant(nvarchar(128), type_.collation or "SQL_Latin1_General_CP1_CI_AS") if type_.is_character else None
    numbers = {
        "precision": type_.precision or _PRECISIONS.get(type_.name, 0),
        "scale": type_.scale or 0,
        "maxlength": type_.max_length,
        "totalbytes": data_length(type_)(variant.value) + 4,
    }
    return Variant(INT, numbers[which]) if which in numbers else None


_PRECISIONS = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 19, "bit": 1, "money": 19, "smallmoney": 10, "float": 53, "real": 24,
    "datetime": 23, "smalldatetime": 16, "date": 10}  # fmt: skip


def _new_id(compiler: Any, node: Call) -> Compiled:
    check_count(node, 0, 0)
    # It looks at no row, yet each row gets one of its own: it is not to be computed once.
    return Compiled(UNIQUEIDENTIFIER, lambda row, frame: uuid.uuid4(), False, depends=True)


_last_sequential = [uuid.uuid1().int]


def _sequential_id() -> uuid.UUID:
    _last_sequential[0] += 1
    return uuid.UUID(int=_last_sequential[0])


def _formatted(compiler: Any, node: Call) -> Compiled:
    """FORMATMESSAGE with a text."""
    operands = compiler.values(node.arguments)
    inner = [o.evaluate for o in operands]

    def evaluate(row: Row, frame: Frame) -> Any:
        first, *rest = (one(row, frame) for one in inner)
        return None if first is None else formatted(str(first), rest)

    return Compiled(nvarchar(2047), evaluate)


def _error(attribute: str, type_: SqlType) -> Builder:
    """ERROR_NUMBER() and the like: NULL outside of CATCH."""

    def look(frame: Frame) -> Any:
        error = frame.run.status.caught
        return (
            None
            if error is None
            else (getattr(error, attribute) or None)
            if attribute == "procedure"
            else getattr(error, attribute)
        )

    return of_frame(type_, look)


def _is_numeric(compiler: Any, node: Call) -> Compiled:
    check_count(node, 1, 1)
    operand = compiler.value(node.arguments[0])
    if not operand.type.is_character:
        numeric = (
            operand.type.name in ("bit", "decimal", "numeric", "money", "smallmoney", "float", "real")
            or operand.type.is_integer
        )
        return Compiled(INT, lambda row, frame: int(numeric and operand.evaluate(row, frame) is not None), False)
    tests = [converter(operand.type, SqlType(name)) for name in ("float", "money")]

    def test(value: str) -> int:
        if not value.strip():
            return 0
        for convert in tests:
            try:
                convert(value)
            except SqlError:
                continue
            return 1
        return 0

    return _first([applied(INT, test, [operand]), constant(0, INT)], INT)


def _identity(frame: Frame) -> Any:
    value = frame.run.session.identity
    return None if value is None else converter(SqlType("bigint"), decimal(38))(value)


FUNCTIONS: dict[str, Builder] = {
    "COALESCE": _coalesce,
    "ISNULL": _is_null,
    "NULLIF": _null_if,
    "CHOOSE": _choose,
    "HASHBYTES": _hash_bytes,
    "CHECKSUM": _checksum(False),
    "BINARY_CHECKSUM": _checksum(True),
    "SQL_VARIANT_PROPERTY": _variant_property,
    "NEWID": _new_id,
    "NEWSEQUENTIALID": of_frame(UNIQUEIDENTIFIER, lambda frame: _sequential_id(), False),
    "CRYPT_GEN_RANDOM": strict(varbinary(8000), [INT], os.urandom),
    "SCOPE_IDENTITY": of_frame(decimal(38), _identity),
    "XACT_STATE": of_frame(SqlType("smallint"), lambda frame: frame.run.session.xact_state, False),
    "ROWCOUNT_BIG": of_frame(SqlType("bigint"), lambda frame: frame.run.status.rowcount, False),
    "ERROR_NUMBER": _error("number", INT),
    "ERROR_MESSAGE": _error("message", nvarchar(4000)),
    "ERROR_SEVERITY": _error("severity", INT),
    "ERROR_STATE": _error("state", INT),
    "ERROR_LINE": _error("line", INT),
    "ERROR_PROCEDURE": _error("procedure", nvarchar(128)),
    "FORMATMESSAGE": _formatted,
    "ISNUMERIC": _is_numeric,
    "COMPRESS": strict(
        varbinary(MAX),
        [None],
        lambda data: zlib.compress(data if isinstance(data, bytes) else data.encode("utf-16-le"), wbits=31),
    ),
    "DECOMPRESS": strict(varbinary(MAX), [varbinary(MAX)], lambda data: zlib.decompress(data, wbits=31)),
}
