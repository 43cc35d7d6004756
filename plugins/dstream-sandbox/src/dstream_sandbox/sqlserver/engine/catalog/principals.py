"""Logins, users, roles and permissions in the catalog."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dstream_sandbox.sqlserver.engine.api import Row
from dstream_sandbox.sqlserver.engine.catalog.view import View, view
from dstream_sandbox.sqlserver.engine.clock import rounded
from dstream_sandbox.sqlserver.engine.principals import SERVER_ROLES

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.session import Session


def database_principals(session: Session, database: Database) -> Iterable[Row]:
    """sys.database_principals."""
    for one in database.principals.all.values():
        login = session.server.logins.get((one.login or "").lower())
        made = rounded(one.created)
        yield (
            one.name, one.principal_id, one.kind, "SQL_USER" if one.kind == "S" else "DATABASE_ROLE", one.default_schema, made, made,
            1 if one.kind == "R" else None, login.sid if login else None, one.kind == "R" and one.fixed and one.name != "public",
            1 if login else 0, "INSTANCE" if login else "NONE",
        )  # fmt: skip


def database_role_members(session: Session, database: Database) -> Iterable[Row]:
    """sys.database_role_members."""
    everyone = database.principals.all
    for role in everyone.values():
        for member in role.members:
            yield (role.principal_id, everyone[member].principal_id)


def database_permissions(session: Session, database: Database) -> Iterable[Row]:
    """sys.database_permissions."""
    classes = {"DATABASE": (0, "DATABASE"), "OBJECT": (1, "OBJECT_OR_COLUMN"), "SCHEMA": (3, "SCHEMA")}
    everyone = database.principals.all
    for key, state in database.principals.permissions.items():
        grantee = everyone.get(key.grantee)
        if grantee is not None:
            code, name = classes[key.securable[0]]
            word = "GRANT" if state == "G" else "DENY"
            yield (
                code,
                name,
                key.securable[1],
                key.column_id,
                grantee.principal_id,
                1,
                key.permission[:4],
                key.permission,
                state,
                word,
            )


def server_principals(session: Session, database: Database) -> Iterable[Row]:
    """sys.server_principals."""
    for one in session.server.logins.values():
        made = rounded(one.created)
        number = 1 if one.name.lower() == "sa" else one.principal_id
        yield (
            one.name,
            number,
            one.sid,
            "S",
            "SQL_LOGIN",
            not one.enabled,
            made,
            made,
            one.default_database,
            "us_english",
            None,
            False,
        )
    made = rounded(session.server.started)
    for name, number in SERVER_ROLES.items():
        yield (name, number, None, "R", "SERVER_ROLE", False, made, made, None, None, 1, True)


def server_role_members(session: Session, database: Database) -> Iterable[Row]:
    """sys.server_role_members."""
    for one in session.server.logins.values():
        for role in one.roles:
            yield (SERVER_ROLES[role], 1 if one.name.lower() == "sa" else one.principal_id)


VIEWS: list[View] = [
    view(
        "sys", "database_principals", "name sysname not null, principal_id int not null, type char(1) not null, type_desc nvarchar(60),"
        "default_schema_name sysname, create_date datetime not null, modify_date datetime not null, owning_principal_id int, sid varbinary(85),"
        "is_fixed_role bit not null, authentication_type int not null, authentication_type_desc nvarchar(60)", database_principals,
    ),
    view("sys", "database_role_members", "role_principal_id int not null, member_principal_id int not null", database_role_members),
    view(
        "sys", "database_permissions", "class tinyint not null, class_desc nvarchar(60), major_id int not null, minor_id int not null,"
        "grantee_principal_id int not null, grantor_principal_id int not null, type char(4) not null, permission_name nvarchar(128),"
        "state char(1) not null, state_desc nvarchar(60)", database_permissions,
    ),
    view(
        "sys", "server_principals", "name sysname not null, principal_id int not null, sid varbinary(85), type char(1) not null,"
        "type_desc nvarchar(60), is_disabled bit, create_date datetime not null, modify_date datetime not null, default_database_name sysname,"
        "default_language_name sysname, owning_principal_id int, is_fixed_role bit not null", server_principals,
    ),
    view("sys", "server_role_members", "role_principal_id int not null, member_principal_id int not null", server_role_members),
]  # fmt: skip
