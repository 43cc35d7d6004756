"""Scalar functions and @@ variables that depend on the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine.applocks import MODES
from dstream_sandbox.sqlserver.engine.principals import SERVER_ROLES
from dstream_sandbox.sqlserver.engine.relations import Function
from dstream_sandbox.sqlserver.engine.security import WholeSchema, column_of
from dstream_sandbox.sqlserver.engine.tables import Table
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.types import (
    BIGINT,
    INT,
    SMALLINT,
    SQL_VARIANT,
    SYSNAME,
    USER_TYPE_IDS,
    SqlType,
    Variant,
    nvarchar,
    varbinary,
)

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.session import Session

_VERSION = "16.0.1000.6"
_TEXT = nvarchar(128)


def _database(session: Session, name: str | None) -> Database | None:
    return session.database if name is None else session.server.databases.get(name.lower())


def split_name(text: str) -> list[str]:
    """`[a.b].[c]` into its parts."""
    parts, current, quote, at = [], "", "", 0
    while at < len(text):
        char = text[at]
        if quote:
            if char == quote and text[at + 1 : at + 2] == quote:
                current += char
                at += 1
            elif char == quote:
                quote = ""
            else:
                current += char
        elif char in '["':
            quote = "]" if char == "[" else '"'
        elif char == ".":
            parts.append(current.strip())
            current = ""
        else:
            current += char
        at += 1
    return [*parts, current.strip()]


def find_object(session: Session, text: str | None) -> Any:
    """The object that a one-, two- or three-part name means; None."""
    if text is None:
        return None
    parts = split_name(text)
    if parts[-1].startswith("#"):
        return session.temporary.get(parts[-1].lower())
    database = _database(session, parts[-3] if len(parts) > 2 and parts[-3] else None)
    if database is None:
        return None
    schema = parts[-2] if len(parts) > 1 and parts[-2] else None
    found = database.object(schema, parts[-1])
    if found is None and schema is None:
        user = database.principals.all.get(session.user_in(database).lower())
        found = database.object(user.default_schema if user else None, parts[-1])
    return found if found is not None and session.sees(found) else None


def object_by_id(session: Session, number: int | None, database_id: int | None = None) -> Any:
    """A table, module, change table or constraint by its number."""
    database = session.database
    if database_id is not None:
        database = next((one for one in session.server.databases.values() if one.database_id == database_id), database)
    if number is None:
        return None
    found: Any
    for found in (*database.tables.values(), *database.modules.values()):
        if found.object_id == number:
            return found
    if database.capture is not None:
        for instance in database.capture.instances:
            if instance.object_id == number:
                return instance.changes
    return None


def object_id(session: Session, name: str | None, kind: str | None = None) -> int | None:
    """OBJECT_ID(name [, type])."""
    found = find_object(session, name)
    if found is None:
        return None
    if kind is not None:
        code = "U" if isinstance(found, Table) or getattr(found, "schema", "") == "cdc" else getattr(found, "kind", "V")
        if code.upper() != kind.strip().upper():
            return None
    return int(found.object_id)


def has_perms_by_name(
    session: Session, securable: str | None, kind: str | None, permission: str | None, *rest: Any
) -> int | None:
    """HAS_PERMS_BY_NAME: 1, 0, or None when the securable is not there."""
    if permission is None:
        return None
    asked = permission.upper()
    group = (kind or "").upper()
    if group == "SERVER" or (securable is None and kind is None):
        return int(session.login.may(asked))
    if group == "DATABASE":
        database = _database(session, securable)
        if database is None or database.principals.user_of(session.login) is None:
            return None if database is None else 0
        return int(asked in ("CONNECT", "ANY") or session.has_database(asked, database))
    if group == "SCHEMA":
        schema = session.database.schema_of(split_name(securable or "")[-1])
        if schema is None:
            return None
        return int(session.allowed(asked, WholeSchema(session.database, schema.name)))
    found = find_object(session, securable)
    if found is None:
        return None
    if rest and rest[0] is not None:
        column = split_name(str(rest[0]))[-1]
        return None if column_of(found, column) is None else int(_may_column(session, found, asked, column))
    return int(session.allowed(asked, found))


def _may_column(session: Session, table: Any, permission: str, column: str) -> bool:
    try:
        session.require(permission, table, [column])
    except SqlError:
        return False
    return True


def is_member(session: Session, role: str | None) -> int | None:
    """IS_MEMBER: of a role of the current database."""
    return is_rolemember(session, role)


def is_rolemember(session: Session, role: str | None, user: str | None = None) -> int | None:
    """IS_ROLEMEMBER."""
    principals = session.database.principals
    if role is None or role.lower() not in principals.all or principals.all[role.lower()].kind != "R":
        return None
    name = user or session.user_name
    if name.lower() == "dbo" and role.lower() == "db_owner":
        return 1
    return int(role.lower() in principals.roles_of(name))


def is_srvrolemember(session: Session, role: str | None, login: str | None = None) -> int | None:
    """IS_SRVROLEMEMBER."""
    who = session.login if login is None else session.server.logins.get(login.lower())
    if role is None or who is None or role.lower() not in SERVER_ROLES:
        return None
    return int(role.lower() == "public" or role.lower() in who.roles)


def server_property(session: Session, name: str | None) -> Variant | None:
    """SERVERPROPERTY."""
    server = session.server
    values: dict[str, tuple[SqlType, Any]] = {
        "servername": (_TEXT, server.name), "machinename": (_TEXT, server.name), "instancename": (_TEXT, None),
        "productversion": (_TEXT, _VERSION), "productmajorversion": (_TEXT, "16"), "productminorversion": (_TEXT, "0"),
        "productlevel": (_TEXT, "RTM"), "edition": (_TEXT, "Developer Edition (64-bit)"), "engineedition": (INT, server.engine_edition),
        "collation": (_TEXT, server.collation), "isclustered": (INT, 0), "ishadrenabled": (INT, 0), "processid": (INT, 1),
        "computernamephysicalnetbios": (_TEXT, server.name), "isintegratedsecurityonly": (INT, 0), "productbuild": (_TEXT, "1000"),
    }  # fmt: skip
    kind, value = values.get((name or "").lower(), (INT, None))
    return None if value is None else Variant(kind, value)


def database_property(session: Session, name: str | None, item: str | None) -> Variant | None:
    """DATABASEPROPERTYEX."""
    database = _database(session, name or "")
    if database is None or item is None:
        return None
    values: dict[str, tuple[SqlType, Any]] = {
        "status": (_TEXT, database.state), "recovery": (_TEXT, database.recovery), "collation": (_TEXT, database.collation),
        "updateability": (_TEXT, "READ_ONLY" if database.read_only else "READ_WRITE"), "useraccess": (_TEXT, database.user_access),
        "version": (INT, 957), "edition": (_TEXT, None), "isinstandby": (INT, 0),
    }  # fmt: skip
    kind, value = values.get(item.lower(), (INT, None))
    return None if value is None else Variant(kind, value)


def applock_mode(session: Session, principal: str | None, resource: str | None, owner: str | None) -> str | None:
    """APPLOCK_MODE."""
    if resource is None:
        return None
    holder: Any = session if (owner or "").lower() == "session" else session.transaction
    return session.server.applocks.mode(
        (session.database.database_id, (principal or "public").lower(), resource), session, holder
    )


def applock_test(
    session: Session, principal: str | None, resource: str | None, mode: str | None, owner: str | None
) -> int | None:
    """APPLOCK_TEST."""
    name = next((one for one in MODES if one.lower() == (mode or "").lower()), None)
    if resource is None or name is None:
        return None
    return session.server.applocks.test(
        (session.database.database_id, (principal or "public").lower(), resource), session, name
    )


def schema_name(session: Session, number: int | None = None) -> str | None:
    """SCHEMA_NAME."""
    if number is None:
        user = session.database.principals.all.get(session.user_name.lower())
        return user.default_schema if user else None
    return next((one.name for one in session.database.schemas.values() if one.schema_id == number), None)


def _name_of(session: Session, number: int | None, database_id: int | None = None) -> str | None:
    found = object_by_id(session, number, database_id)
    return None if found is None else str(found.name)


def _schema_of(session: Session, number: int | None, database_id: int | None = None) -> str | None:
    found = object_by_id(session, number, database_id)
    return None if found is None else str(found.schema)


def _column_place(session: Session, number: int | None, name_or_id: Any) -> Any:
    found = object_by_id(session, number)
    if found is None or name_or_id is None:
        return None
    for column in found.columns:
        if isinstance(name_or_id, int) and column.column_id == name_or_id:
            return column.name
        if isinstance(name_or_id, str) and column.name.lower() == name_or_id.lower():
            return column.column_id
    return None


def _ident(session: Session, name: str | None, which: str) -> Any:
    table = find_object(session, name)
    if not isinstance(table, Table) or table.shape.identity is None:
        return None
    seed, step = table.shape.columns[table.shape.identity].identity or (1, 1)
    if which == "current":
        return seed if table.identity_last is None else table.identity_last
    return seed if which == "seed" else step


def _type_id(session: Session, name: str | None) -> int | None:
    return None if name is None else USER_TYPE_IDS.get(name.lower())


def _by_number(session: Session, number: int | None = None) -> str | None:
    if number is None:
        return session.database.name
    return next((one.name for one in session.server.databases.values() if one.database_id == number), None)


def _number_of(session: Session, name: str | None = None) -> int | None:
    found = _database(session, name)
    return None if found is None else found.database_id


def _original_user(session: Session, sid: bytes | None = None) -> str | None:
    if sid is None:
        return session.login_name
    return next((one.name for one in session.server.logins.values() if one.sid == sid), None)


def _user(session: Session, number: int | None = None) -> str | None:
    if number is None:
        return session.user_name
    return next((one.name for one in session.database.principals.all.values() if one.principal_id == number), None)


def _has_access(session: Session, name: str | None) -> int | None:
    database = _database(session, name or "")
    return None if database is None else int(database.principals.user_of(session.login) is not None)


FUNCTIONS = {
    one.name: one
    for one in (
        Function("object_id", INT, object_id, (nvarchar(776), nvarchar(2)), 1),
        Function("object_name", SYSNAME, _name_of, (INT, INT), 1),
        Function("object_schema_name", SYSNAME, _schema_of, (INT, INT), 1),
        Function("col_name", SYSNAME, _column_place, (INT, INT), 2),
        Function("columnid", INT, _column_place, (INT, SYSNAME), 2),
        Function("db_name", _TEXT, _by_number, (INT,)),
        Function("db_id", SMALLINT, _number_of, (SYSNAME,)),
        Function("original_db_name", _TEXT, lambda session: session.database_name),
        Function("schema_name", SYSNAME, schema_name, (INT,)),
        Function(
            "schema_id", INT,
            lambda session, name=None: getattr(session.database.schema_of(name or schema_name(session) or ""), "schema_id", None), (SYSNAME,),
        ),
        Function("type_id", INT, _type_id, (SYSNAME,), 1),
        Function("suser_sname", _TEXT, _original_user, (varbinary(85),)),
        Function("suser_name", _TEXT, lambda session, number=None: session.login_name, (INT,)),
        Function("original_login", SYSNAME, lambda session: session.login_name),
        Function("system_user", _TEXT, lambda session: session.login_name),
        Function("user_name", _TEXT, _user, (INT,)),
        Function("current_user", SYSNAME, _user),
        Function("session_user", SYSNAME, _user),
        Function("user", _TEXT, _user),
        Function(
            "user_id", INT,
            lambda session, name=None: getattr(session.database.principals.all.get((name or session.user_name).lower()), "principal_id", None),
            (SYSNAME,),
        ),
        Function(
            "database_principal_id", INT,
            lambda session, name=None: getattr(session.database.principals.all.get((name or session.user_name).lower()), "principal_id", None),
            (SYSNAME,),
        ),
        Function("suser_sid", varbinary(85), lambda session, name=None: session.login.sid, (SYSNAME,)),
        Function("has_dbaccess", INT, _has_access, (SYSNAME,), 1),
        Function("host_name", _TEXT, lambda session: session.host),
        Function("app_name", _TEXT, lambda session: session.application),
        Function("has_perms_by_name", INT, has_perms_by_name, (SYSNAME, nvarchar(60), SYSNAME, SYSNAME, nvarchar(60)), 3),
        Function("is_member", INT, is_member, (SYSNAME,), 1),
        Function("is_rolemember", INT, is_rolemember, (SYSNAME, SYSNAME), 1),
        Function("is_srvrolemember", INT, is_srvrolemember, (SYSNAME, SYSNAME), 1),
        Function("serverproperty", SQL_VARIANT, server_property, (nvarchar(128),), 1),
        Function("databasepropertyex", SQL_VARIANT, database_property, (SYSNAME, nvarchar(128)), 2),
        Function("applock_mode", nvarchar(32), applock_mode, (SYSNAME, nvarchar(255), nvarchar(32)), 3),
        Function("applock_test", INT, applock_test, (SYSNAME, nvarchar(255), nvarchar(32), nvarchar(32)), 4),
        Function("ident_current", SqlType("decimal", precision=38, scale=0), lambda session, name: _ident(session, name, "current"), (SYSNAME,), 1),
        Function("ident_seed", SqlType("decimal", precision=38, scale=0), lambda session, name: _ident(session, name, "seed"), (SYSNAME,), 1),
        Function("ident_incr", SqlType("decimal", precision=38, scale=0), lambda session, name: _ident(session, name, "increment"), (SYSNAME,), 1),
        Function("scope_identity", SqlType("decimal", precision=38, scale=0), lambda session: session.identity),
        Function("xact_state", SMALLINT, lambda session: session.xact_state),
        Function("current_transaction_id", BIGINT, lambda session: session.transaction_id),
        Function("@@identity", SqlType("decimal", precision=38, scale=0), lambda session: session.identity),
        Function("@@spid", SMALLINT, lambda session: session.spid),
        Function("@@trancount", INT, lambda session: session.trancount),
        Function("@@servername", _TEXT, lambda session: session.server.name),
        Function("@@servicename", _TEXT, lambda session: "MSSQLSERVER"),
        Function("@@version", nvarchar(300), lambda session: session.server.version),
        Function("@@microsoftversion", INT, lambda session: 0x100003E8),
        Function("@@lock_timeout", INT, lambda session: session.lock_timeout),
        Function("@@dbts", SqlType("binary", length=8), lambda session: session.database.last_rowversion),
        Function("@@max_precision", INT, lambda session: 38),
        Function("@@language", _TEXT, lambda session: session.language_name),
        Function("@@options", INT, lambda session: 5496),
    )
}  # fmt: skip
