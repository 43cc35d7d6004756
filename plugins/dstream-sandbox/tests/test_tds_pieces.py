"""The pieces of the wire by themselves: no sockets."""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any

import pytest
from test_tds_types import SAME, VALUES

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.tds.channel import Assembler
from dstream_sandbox.sqlserver.tds.collations import codec_of, wire_collation
from dstream_sandbox.sqlserver.tds.decode import Cursor, read_typed
from dstream_sandbox.sqlserver.tds.encode import encoder
from dstream_sandbox.sqlserver.tds.faults import Fault, FaultBoard, Situation
from dstream_sandbox.sqlserver.tds.login import TDS_7_4, read_login
from dstream_sandbox.sqlserver.tds.packets import IGNORE, Packet, ProtocolError, packets_of
from dstream_sandbox.sqlserver.tds.prelogin import Encryption, TlsMode, agree, read_prelogin, write_prelogin
from dstream_sandbox.sqlserver.tds.procedures import Procedures
from dstream_sandbox.sqlserver.tds.requests import (
    Argument,
    Call,
    quoted_name,
    read_batch,
    read_calls,
    read_declarations,
    read_transaction,
)
from dstream_sandbox.sqlserver.tds.typeinfo import type_info
from dstream_sandbox.sqlserver.types import INT, DateTime2, SqlType, Variant, nvarchar

HEADERS = struct.pack("<IIHQI", 22, 18, 2, 0, 1)

UDTS = ("hierarchyid", "geography", "geometry")


@pytest.mark.parametrize(
    ("declaration", "value", "expected"), [v for v in VALUES if v[0] not in (*UDTS, "text", "ntext", "image")]
)
def test_a_parameter_is_read_as_a_column_is_written(declaration: str, value: Any, expected: Any) -> None:
    sql_type = SqlType.parse(declaration)
    raw = type_info(sql_type) + encoder(sql_type, TDS_7_4)(value)
    read_type, read = read_typed(Cursor(raw))
    if declaration in ("datetime", "smalldatetime"):
        assert read.datetime().replace(microsecond=0) == expected.replace(microsecond=0)
    else:
        padded = declaration.startswith(("char", "nchar", "binary"))
        assert read == (value if expected is SAME or not padded else expected)
    if declaration != "timestamp":
        assert read_type == sql_type


@pytest.mark.parametrize(
    ("declaration", "value", "_expected"), [v for v in VALUES if v[0] not in (*UDTS, "text", "ntext", "image")]
)
def test_a_null_parameter_keeps_its_type(declaration: str, value: Any, _expected: Any) -> None:
    sql_type = SqlType.parse(declaration)
    read_type, read = read_typed(Cursor(type_info(sql_type) + encoder(sql_type, TDS_7_4)(None)))
    assert read is None
    assert read_type == sql_type or declaration == "timestamp"


def test_datetime_keeps_its_three_hundredths() -> None:
    pack, datetime = encoder(SqlType("datetime"), TDS_7_4), SqlType("datetime")
    for units in range(0, 25_920_000, 7919):
        raw = struct.pack("<BiI", 8, 0, units)
        _, read = read_typed(Cursor(type_info(datetime) + raw))
        assert isinstance(read, DateTime2)
        assert pack(read) == raw


def test_variants_are_read_back() -> None:
    for value in (
        Variant(INT, 5),
        Variant(SqlType.parse("decimal(10,2)"), Decimal("1.50")),
        Variant(SqlType.parse("nvarchar(2)"), "жж"),
        Variant(SqlType.parse("datetime2(3)"), DateTime2(1, 1_230_000)),
    ):
        sql_type = SqlType("sql_variant")
        assert read_typed(Cursor(type_info(sql_type) + encoder(sql_type, TDS_7_4)(value)))[1] == value


def test_a_variant_cannot_hold_a_max_type() -> None:
    with pytest.raises(SqlError, match=r"not supported.*varchar\(max\)"):
        encoder(SqlType("sql_variant"), TDS_7_4)(Variant(SqlType.parse("varchar(max)"), "x"))


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_parameter_that_ends_early_is_no_parameter(cut: int) -> None:
    sql_type = nvarchar(10)
    raw = type_info(sql_type) + encoder(sql_type, TDS_7_4)("abc")
    with pytest.raises(ProtocolError):
        read_typed(Cursor(raw[: len(raw) - cut]))


def test_the_default_collation_is_the_one_that_clients_know() -> None:
    assert wire_collation(None).raw == bytes.fromhex("0904d00034")
    assert wire_collation("Latin1_General_100_CI_AS_SC_UTF8").codec == "utf-8"
    for name in ("Cyrillic_General_CI_AS", "Greek_BIN2", "Japanese_XJIS_140_CS_AS_KS_WS", None):
        assert codec_of(wire_collation(name).raw) == wire_collation(name).codec


@pytest.mark.parametrize(
    ("client", "server", "answer", "login", "session"),
    [
        (Encryption.OFF, "off", Encryption.NOT_SUPPORTED, False, False),
        (Encryption.ON, "off", Encryption.NOT_SUPPORTED, False, False),
        (Encryption.OFF, "available", Encryption.OFF, True, False),
        (Encryption.ON, "available", Encryption.ON, True, True),
        (Encryption.REQUIRED, "available", Encryption.ON, True, True),
        (Encryption.NOT_SUPPORTED, "available", Encryption.NOT_SUPPORTED, False, False),
        (Encryption.OFF, "required", Encryption.REQUIRED, True, True),
        (Encryption.ON, "required", Encryption.ON, True, True),
        (Encryption.NOT_SUPPORTED, "required", Encryption.REQUIRED, True, True),
    ],
)
def test_both_sides_agree_on_encryption(
    client: Encryption, server: TlsMode, answer: Encryption, login: bool, session: bool
) -> None:
    agreement = agree(client, server)
    assert (agreement.answer, agreement.login, agreement.session) == (answer, login, session)


def test_prelogin_is_read_as_it_is_written() -> None:
    options = read_prelogin(write_prelogin({6: b"\x01"}, Encryption.ON))
    assert options[1] == b"\x01"
    assert options[6] == b"\x00"
    for broken in (b"", b"\x00\x00", b"\x00\x00\x1a\x00\x06"):
        with pytest.raises(ProtocolError):
            read_prelogin(broken)


def test_a_short_login_is_none() -> None:
    for length in (0, 10, 89):
        with pytest.raises(ProtocolError):
            read_login(b"\x00" * length)


def test_messages_are_put_together_from_packets() -> None:
    assembler = Assembler()
    assert assembler.add(Packet(1, 0, b"ab")) is None
    message = assembler.add(Packet(1, 1, b"cd"))
    assert message is not None
    assert message.body == b"abcd"
    assert assembler.add(Packet(1, 0, b"never")) is None
    assert assembler.add(Packet(1, 1 | IGNORE, b"mind")) is None
    assert assembler.add(Packet(1, 0, b"")) is None
    with pytest.raises(ProtocolError):
        assembler.add(Packet(3, 0, b""))


@pytest.mark.parametrize("length", [0, 1, 503, 504, 505, 1008, 5000])
def test_packets_of_a_message(length: int) -> None:
    body = bytes(length % 251 for _ in range(length))
    raw, got, statuses = packets_of(4, body, 512), b"", []
    while raw:
        size = int.from_bytes(raw[2:4], "big")
        statuses.append(raw[1])
        got += raw[8:size]
        raw = raw[size:]
    assert got == body
    assert statuses == [0] * (len(statuses) - 1) + [1]


def test_a_batch_without_headers_is_none() -> None:
    assert read_batch(HEADERS + "select 1".encode("utf-16-le")) == "select 1"
    with pytest.raises(ProtocolError):
        read_batch("select 1".encode("utf-16-le"))


def transaction(kind: int, rest: bytes) -> str:
    return read_transaction(HEADERS + struct.pack("<H", kind) + rest)


def test_transaction_requests_are_statements() -> None:
    assert transaction(5, b"\x00\x00") == "BEGIN TRANSACTION"
    name = b"\x02" + "a]".encode("utf-16-le")
    assert transaction(5, b"\x05" + name) == "SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION [a]]]"
    assert transaction(7, b"\x00\x00") == "COMMIT TRANSACTION"
    assert transaction(8, b"\x00\x01\x00\x00") == "ROLLBACK TRANSACTION; BEGIN TRANSACTION"
    assert transaction(9, name) == "SAVE TRANSACTION [a]]]"
    with pytest.raises(SqlError, match="distributed"):
        transaction(0, b"")


def test_several_calls_in_one_message() -> None:
    one = struct.pack("<HHH", 0xFFFF, 10, 0) + b"\x00\x00" + type_info(INT) + encoder(INT, TDS_7_4)(5)
    two = struct.pack("<H", 1) + "p".encode("utf-16-le") + b"\x00\x00"
    first, second = read_calls(HEADERS + one + b"\xff" + two)
    assert (first.procedure, first.arguments[0].value) == ("sp_executesql", 5)
    assert (second.procedure, second.arguments) == ("p", ())


def test_declarations() -> None:
    found = read_declarations("@a int, @b AS decimal(18,2) OUTPUT , @c [nvarchar](max)=N'x', @d dbo.Alias out")
    assert [(each.name, each.output) for each in found] == [("@a", False), ("@b", True), ("@c", False), ("@d", True)]
    assert [each.type and each.type.declaration() for each in found] == ["int", "decimal(18,2)", "nvarchar(max)", None]
    with pytest.raises(SqlError):
        read_declarations("nonsense")


@pytest.mark.parametrize(
    ("given", "quoted"),
    [
        ("p", "[p]"),
        ("dbo.p", "[dbo].[p]"),
        ("[a.b].[c]]d]", "[a.b].[c]]d]"),
        ('"x y".p', "[x y].[p]"),
        ("db..p", "[db]..[p]"),
        ("p; DROP TABLE t", "[p; DROP TABLE t]"),
    ],
)
def test_procedure_names_are_quoted(given: str, quoted: str) -> None:
    assert quoted_name(given) == quoted


def text(value: str, **more: Any) -> Argument:
    return Argument("", nvarchar(4000), value, **more)


def test_a_call_by_name_is_an_exec_with_variables() -> None:
    call = Call("dbo.p", (text("x"), Argument("@o", INT, None, output=True), Argument("@d", INT, None, default=True)))
    execution = Procedures().execution(call)
    assert execution.text == "EXEC [dbo].[p] @__1, @o = @__2 OUTPUT, @d = DEFAULT"
    assert list(execution.parameters) == ["@__1", "@__2"]
    assert execution.outputs["@__2"].name == "@o"


def test_prepared_statements() -> None:
    procedures = Procedures()
    handle = Argument("", INT, None, output=True)
    prepared = procedures.execution(Call("sp_prepare", (handle, text("@a int"), text("select @a"))))
    assert prepared.text == ""
    (output,) = prepared.ready
    executed = procedures.execution(Call("sp_execute", (Argument("", INT, output.value), Argument("", INT, 3))))
    assert (executed.text, executed.parameters) == ("select @a", {"@a": (INT, 3)})
    procedures.execution(Call("sp_unprepare", (Argument("", INT, output.value),)))
    with pytest.raises(SqlError) as failed:
        procedures.execution(Call("sp_execute", (Argument("", INT, output.value),)))
    assert failed.value.number == 8179


def test_arguments_are_brought_to_their_declared_types() -> None:
    procedures = Procedures(convert=lambda value, source, target: (value, source.name, target.name))
    call = Call("sp_executesql", (text("select @a"), text("@a int"), Argument("@A", nvarchar(5), "7")))
    assert procedures.execution(call).parameters == {"@a": (INT, ("7", "nvarchar", "int"))}


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        ((text("select @a"), text("@a int")), 8178),
        ((text("select 1"), text("@a int"), text("1"), text("2")), 8144),
        ((Argument("", INT, 5),), 214),
    ],
)
def test_wrong_calls_of_sp_executesql(arguments: tuple[Argument, ...], number: int) -> None:
    with pytest.raises(SqlError) as failed:
        Procedures().execution(Call("sys.sp_executesql", arguments))
    assert failed.value.number == number


def test_cursors_are_refused_by_name() -> None:
    with pytest.raises(SqlError, match=r"not supported.*sp_cursoropen"):
        Procedures().execution(Call("sp_cursoropen", ()))


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "explode"},
        {"action": "fin", "place": "middle"},
        {"action": "error", "place": "byte"},
        {"action": "throttle"},
        {"action": "error", "on": "connect"},
        {"action": "fin", "pattern": "("},
    ],
)
def test_faults_that_make_no_sense(fields: dict[str, Any]) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011  ValueError, or re.error for the pattern
        Fault(**fields)


def test_a_fault_lies_in_wait_for_its_own() -> None:
    board = FaultBoard()
    fault = Fault("fin", pattern="from\\s+t\\b", database="Shop", application="app", spid=51, count=2, skip=1)
    board.add(fault)
    right = Situation("statement", "SELECT 1\nFROM t", "shop", "APP", 51)
    for wrong in (
        Situation("login", "from t", "shop", "app", 51),
        Situation("statement", "from tt", "shop", "app", 51),
        Situation("statement", "from t", "other", "app", 51),
        Situation("statement", "from t", "shop", "other", 51),
        Situation("statement", "from t", "shop", "app", 52),
    ):
        assert board.matching(wrong) == []
    assert board.matching(right) == []  # skipped
    assert board.matching(right) == [fault]
    assert board.take(fault)
    assert board.take(fault)
    assert not board.take(fault)
    assert board.matching(right) == []
    (described,) = board.describe()
    assert (described["fired"], described["active"]) == (2, False)
