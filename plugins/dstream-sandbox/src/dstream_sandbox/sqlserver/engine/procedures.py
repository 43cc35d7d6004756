"""System procedures other than those of change data capture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine import altering
from dstream_sandbox.sqlserver.engine.api import Parameter
from dstream_sandbox.sqlserver.engine.applocks import MODES, Resource
from dstream_sandbox.sqlserver.engine.ddl import lock_whole
from dstream_sandbox.sqlserver.engine.relations import declared
from dstream_sandbox.sqlserver.engine.tables import Table
from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.results import Column, Info, Item, ReturnStatus, RowSet
from dstream_sandbox.sqlserver.types import INT, SYSNAME, nvarchar, varchar

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.session import Session

Body = Callable[["Session", dict[str, Any]], Iterator[Item]]


@dataclass(slots=True)
class SystemProcedure:
    """See `api.Procedure`. Its body is a generator; a ReturnStatus of 0 is added when it yields none.

    Args:
        name: Without schema.
        parameters: In order.
        body: What it does, as one statement: undone when it fails.
        transactional: False for those that wait for others (applocks): they are no statement of their own.
    """

    name: str
    parameters: Sequence[Parameter]
    body: Body
    transactional: bool = True
    schema: str = "sys"
    public: bool = True

    def __call__(self, session: Session, arguments: dict[str, Any]) -> Iterator[Item]:
        """Runs it."""
        if not self.transactional:
            yield from self._run(session, arguments)
            return
        with session.statement("ddl"):
            items = list(self._run(session, arguments))
        yield from items

    def _run(self, session: Session, arguments: dict[str, Any]) -> Iterator[Item]:
        full = {one.name: one.default for one in self.parameters} | arguments
        told = False
        for item in self.body(session, full):
            told = told or isinstance(item, ReturnStatus)
            yield item
        if not told:
            yield ReturnStatus(0)


# --- application locks --------------------------------------------------------------------------------------------------------


def _resource(session: Session, arguments: dict[str, Any]) -> Resource:
    return (session.database.database_id, str(arguments["@DbPrincipal"] or "public").lower(), arguments["@Resource"])


def _lock_owner(session: Session, arguments: dict[str, Any]) -> Any:
    owner = str(arguments["@LockOwner"] or "Transaction").lower()
    if owner == "session":
        return session
    if owner != "transaction" or session.trancount == 0:
        return None
    return session.transaction


def getapplock(session: Session, arguments: dict[str, Any]) -> Iterator[Item]:
    """sp_getapplock: 0 and 1 it has it, -1 time over, -3 deadlock, -999 wrong parameters."""
    owner = _lock_owner(session, arguments)
    mode = next((one for one in MODES if one.lower() == str(arguments["@LockMode"]).lower()), None)
    if owner is None or mode is None or arguments["@Resource"] is None:
        yield ReturnStatus(-999)
        return
    timeout = arguments["@LockTimeout"]
    wait = session.lock_timeout if timeout is None else int(timeout)
    result = session.server.applocks.get(_resource(session, arguments), session, owner, mode, wait)
    if result >= 0 and owner is not session:
        owner.applocks.add(arguments["@Resource"])
    yield ReturnStatus(result)


def releaseapplock(session: Session, arguments: dict[str, Any]) -> Iterator[Item]:
    """sp_releaseapplock: 0, or 1223 when it is not held."""
    owner = _lock_owner(session, arguments)
    if owner is None or not session.server.applocks.release(_resource(session, arguments), session, owner):
        raise SqlError(
            1223,
            "Cannot release the application lock (Database Principal: "
            f"'{arguments['@DbPrincipal'] or 'public'}', Resource: '{arguments['@Resource']}') because it is not currently held.",
        )
    yield ReturnStatus(0)


# --- sp_rename, sp_configure, sp_who, … -----------------------------------------------------------------------------------


def rename(session: Session, arguments: dict[str, Any]) -> Iterator[Item]:
    """sp_rename of a table or a column; a captured column cannot be renamed (4928)."""
    parts = [part.strip("[]") for part in str(arguments["@objname"]).split(".")]
    new = str(arguments["@newname"])
    kind = str(arguments["@objtype"] or "OBJECT").upper()
    if kind == "COLUMN":
        _rename_column(session, parts, new)
    elif kind == "OBJECT":
        _rename_table(session, parts, new)
    else:
        raise not_supported(f"sp_rename of {kind}")
    yield Info(
        15477, "Caution: Changing any part of an object name could break scripts and stored procedures.", severity=0
    )


def _rename_column(session: Session, parts: list[str], new: str) -> None:
    schema = parts[-3] if len(parts) > 2 else None
    table = session.resolve(None, schema, parts[-2]) if len(parts) > 1 else None
    if not isinstance(table, Table) or table.column(parts[-1]) is None:
        raise SqlError(
            15248, "Either the parameter @objname is ambiguous or the claimed @objtype (COLUMN) is wrong.", severity=11
        )
    session.require("ALTER", table)
    column = table.column(parts[-1])
    if column is not None and any(instance.captures(column.column_id) for instance in table.tracked):
        raise SqlError(4928, f"Cannot alter column '{column.name}' because it is 'REPLICATED'.")
    lock_whole(session, table)
    altering.rename_column(session, table, parts[-1], new)


def _rename_table(session: Session, parts: list[str], new: str) -> None:
    table = session.resolve(None, parts[-2] if len(parts) > 1 else None, parts[-1])
    if not isinstance(table, Table):
        raise not_supported("sp_rename of anything but tables and columns")
    session.require("ALTER", table)
    database = session.database
    if database.object(table.schema, new) is not None:
        raise SqlError(15335, f"Error: The new name '{new}' is already in use as a OBJECT name and would cause a duplicate that is not "
                       "permitted.")  # fmt: skip
    lock_whole(session, table)
    _move(session, table, new)
    session.required_transaction().undo.append((_move, session, table, table.name))
    table.name = new


def _move(session: Session, table: Table, name: str) -> None:
    tables = table.database.tables
    del tables[(table.schema.lower(), table.name.lower())]
    tables[(table.schema.lower(), name.lower())] = table
    table.name = name


_CONFIGURE = declared("name nvarchar(35), minimum int, maximum int, config_value int, run_value int")


def configure(session: Session, arguments: dict[str, Any]) -> Iterator[Item]:
    """sp_configure: 'max text repl size (B)' and 'show advanced options'; others are refused."""
    name, value = arguments["@configname"], arguments["@configvalue"]
    server = session.server
    if name is None or value is None:
        size = server.max_text_repl_size
        columns = [Column(one.name, one.type) for one in _CONFIGURE]
        yield RowSet(columns, [("max text repl size (B)", -1, 2147483647, size, size)])
        return
    if not str(name).lower().startswith("max text repl") and str(name).lower() != "show advanced options":
        raise not_supported(f"sp_configure '{name}'")
    session.require_server("ALTER SETTINGS")
    if str(name).lower().startswith("max text repl"):
        server.max_text_repl_size = int(value)
    yield Info(15457, f"Configuration option '{name}' changed to {value}. Run the RECONFIGURE statement to install.")


_WHO = declared(
    "spid smallint, ecid smallint, status nchar(30), loginame nvarchar(128), hostname nchar(128), blk char(5), dbname nvarchar(128),"
    "cmd nchar(26), request_id int"
)


def who(session: Session, arguments: dict[str, Any]) -> Iterator[Item]:
    """sp_who."""
    rows = []
    for one in list(session.server.sessions.values()):
        if one is session or session.login.may("VIEW SERVER STATE"):
            blocked = session.server.waits.blocker_of(one)
            rows.append(
                (one.spid, 0, "runnable" if one.running else "sleeping", one.login_name, one.host, str(blocked), one.database_name,
                 "SELECT" if one.running else "AWAITING COMMAND", 0)
            )  # fmt: skip
    yield RowSet([Column(one.name, one.type) for one in _WHO], rows)


def addrolemember(session: Session, arguments: dict[str, Any]) -> Iterator[Item]:
    """sp_addrolemember."""
    session.alter_role(arguments["@rolename"], arguments["@membername"])
    yield from ()


def droprolemember(session: Session, arguments: dict[str, Any]) -> Iterator[Item]:
    """sp_droprolemember."""
    session.alter_role(arguments["@rolename"], arguments["@membername"], add=False)
    yield from ()


def nothing(session: Session, arguments: dict[str, Any]) -> Iterator[Item]:
    """Clients call it and expect nothing."""
    yield from ()


_PRINCIPAL = Parameter("@DbPrincipal", SYSNAME, "public")
_ROLE = (Parameter("@rolename", SYSNAME, required=True), Parameter("@membername", SYSNAME, required=True))

PROCEDURES = {
    one.name: one
    for one in (
        SystemProcedure(
            "sp_getapplock",
            (
                Parameter("@Resource", nvarchar(255), required=True),
                Parameter("@LockMode", varchar(32), required=True),
                Parameter("@LockOwner", varchar(32), "Transaction"),
                Parameter("@LockTimeout", INT),
                _PRINCIPAL,
            ),
            getapplock,
            transactional=False,
        ),
        SystemProcedure(
            "sp_releaseapplock",
            (
                Parameter("@Resource", nvarchar(255), required=True),
                Parameter("@LockOwner", varchar(32), "Transaction"),
                _PRINCIPAL,
            ),
            releaseapplock,
            transactional=False,
        ),
        SystemProcedure(
            "sp_rename",
            (
                Parameter("@objname", nvarchar(1035), required=True),
                Parameter("@newname", SYSNAME, required=True),
                Parameter("@objtype", varchar(13)),
            ),
            rename,
        ),
        SystemProcedure(
            "sp_configure", (Parameter("@configname", varchar(35)), Parameter("@configvalue", INT)), configure
        ),
        SystemProcedure("sp_who", (Parameter("@loginame", SYSNAME),), who),
        SystemProcedure("sp_addrolemember", _ROLE, addrolemember),
        SystemProcedure("sp_droprolemember", _ROLE, droprolemember),
        SystemProcedure("sp_reset_connection", (), nothing, transactional=False),
    )
}
