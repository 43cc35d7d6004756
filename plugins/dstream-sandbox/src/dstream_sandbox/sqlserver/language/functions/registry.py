"""Calls of functions by name: built-in ones here, those that know the server in the engine, a user's own nowhere."""

from __future__ import annotations

from typing import Any

from dstream_sandbox.sqlserver.engine.api import Module
from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.compile.operators import converted
from dstream_sandbox.sqlserver.language.compile.values import Compiled, Frame, Row
from dstream_sandbox.sqlserver.language.functions import dates, numbers, others, texts
from dstream_sandbox.sqlserver.language.functions.build import Builder
from dstream_sandbox.sqlserver.language.messages import argument_count, undeclared, unknown_function
from dstream_sandbox.sqlserver.language.syntax import Call
from dstream_sandbox.sqlserver.types import INT

BUILT_IN: dict[str, Builder] = {**texts.FUNCTIONS, **dates.FUNCTIONS, **numbers.FUNCTIONS, **others.FUNCTIONS}

REFUSED = frozenset(
    {"CUME_DIST", "PERCENT_RANK", "PERCENTILE_CONT", "PERCENTILE_DISC", "GROUPING", "GROUPING_ID", "STDEV", "STDEVP", "VAR", "VARP",
     "JSON_VALUE", "JSON_QUERY", "JSON_MODIFY", "ISJSON", "JSON_OBJECT", "JSON_ARRAY", "SOUNDEX", "DIFFERENCE", "GREATEST", "LEAST",
     "TEXTPTR", "TEXTVALID", "APPROX_COUNT_DISTINCT", "CONTEXT_INFO", "SESSION_CONTEXT",
     "DATETRUNC", "DATE_BUCKET", "BIT_COUNT", "GET_BIT", "SET_BIT", "LEFT_SHIFT", "RIGHT_SHIFT", "COMPRESS", "DECOMPRESS",
     "STRING_ESCAPE", "CERTENCODED", "ENCRYPTBYKEY", "DECRYPTBYKEY", "PWDENCRYPT", "PWDCOMPARE", "FORMATMESSAGE", "ROWCOUNT_BIG",
     "NEWSEQUENTIALID", "CRYPT_GEN_RANDOM", "STATS_DATE", "COLUMNPROPERTY", "INDEXPROPERTY", "OBJECTPROPERTY",
     "OBJECTPROPERTYEX", "TYPEPROPERTY", "FILE_ID", "FILE_NAME", "FULLTEXTSERVICEPROPERTY", "EVENTDATA", "HOST_ID",
     "CONNECTIONPROPERTY", "GETANSINULL", "MIN_ACTIVE_ROWVERSION", "CURRENT_TIMEZONE", "CURRENT_TIMEZONE_ID", "TYPE_NAME",
     "CURRENT_TRANSACTION_ID", "CURSOR_STATUS", "TRIGGER_NESTLEVEL", "UPDATE", "COLUMNS_UPDATED", "VERIFYSIGNEDBYCERT",
     "CHECKSUM_AGG", "BINARY_CHECKSUM", "ISDESCENDANTOF", "ATN2", "COT", "DEGREES", "RADIANS"}
)  # fmt: skip
"""Functions of SQL Server that are not here: refused by name."""


def build_call(compiler: Any, node: Call) -> Compiled:
    """A call of a scalar function.

    Raises:
        SqlError: 195, there is none; 4121, none of this schema; 50001, not here.
    """
    name = node.names[-1].upper()
    if len(node.names) == 1:
        builder = BUILT_IN.get(name)
        if builder is not None:
            _plain(node)
            return builder(compiler, node)
        if name in REFUSED and compiler.environment.session.database.scalar_function(None, name) is None:
            raise not_supported(f"function {name}")
    return _of_engine(compiler, node)


def _plain(node: Call) -> None:
    if node.window is not None:
        raise SqlError(
            4113,
            f"The function '{node.names[-1]}' is not a valid windowing function, and cannot be used with the OVER clause.",
            15,
        )


def _of_engine(compiler: Any, node: Call) -> Compiled:
    names = node.names
    database = compiler.environment.session.database
    if len(names) > 2:
        if names[-3] and names[-3].lower() != database.name.lower():
            database = compiler.environment.session.server.databases.get(names[-3].lower())
        if database is None:
            raise SqlError(911, f"Database '{names[-3]}' does not exist. Make sure that the name is entered correctly.")
    schema = names[-2] if len(names) > 1 else None
    function = database.scalar_function(schema, names[-1])
    if len(names) <= 2:
        compiler.environment.functions.append(
            (lambda session: session.database.scalar_function(schema, names[-1]), function)
        )
    if function is None:
        if schema is None:
            raise unknown_function(names[-1])
        raise SqlError(
            4121,
            f'Cannot find either column "{schema}" or the user-defined function or aggregate '
            f'"{schema}.{names[-1]}", or the name is ambiguous.',
        )
    if isinstance(function, Module):
        raise not_supported("user-defined functions")
    return _engine_call(compiler, node, function)


def _engine_call(compiler: Any, node: Call, function: Any) -> Compiled:
    count = len(node.arguments)
    types = list(function.arguments)
    if count < function.minimum:
        raise argument_count(node.names[-1], str(function.minimum))
    if count > len(types):
        raise argument_count(node.names[-1], str(len(types)))
    operands: list[Compiled] = []
    for place, argument in enumerate(node.arguments):
        operand = compiler.value(argument)
        type_ = types[place]
        operands.append(operand if type_ is None else converted(operand, type_))
    inner = [operand.evaluate for operand in operands]

    def evaluate(row: Row, frame: Frame) -> Any:
        return function(frame.run.session, *[one(row, frame) for one in inner])

    return Compiled(function.returns, evaluate, depends=any(o.depends for o in operands))


def global_variable(compiler: Any, name: str) -> Compiled:
    """`@@ROWCOUNT`, `@@ERROR` and `@@FETCH_STATUS` here; the others are the engine's.

    Raises:
        SqlError: 137, there is none.
    """
    if name == "@@rowcount":
        return Compiled(INT, lambda row, frame: frame.run.status.rowcount, False, depends=False)
    if name == "@@error":
        return Compiled(INT, lambda row, frame: frame.run.status.error, False, depends=False)
    if name == "@@identity":
        return BUILT_IN["SCOPE_IDENTITY"](compiler, Call(("SCOPE_IDENTITY",), ()))
    if name == "@@trancount":
        return Compiled(INT, lambda row, frame: frame.run.session.trancount, False, depends=False)
    if name == "@@nestlevel":
        return Compiled(INT, lambda row, frame: frame.run.status.depth, False, depends=False)
    function = compiler.environment.session.database.scalar_function(None, name)
    if function is None:
        raise undeclared(name)
    return _engine_call(compiler, Call((name,), ()), function)
