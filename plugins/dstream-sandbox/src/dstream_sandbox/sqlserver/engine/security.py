"""Permissions: what a session may do, and GRANT, DENY, REVOKE; logins, users and roles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from dstream_sandbox.sqlserver.engine.principals import FIXED_ROLES, SERVER_PERMISSIONS, SERVER_ROLES, Permission
from dstream_sandbox.sqlserver.engine.tables import Table
from dstream_sandbox.sqlserver.errors import SqlError

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.principals import Login
    from dstream_sandbox.sqlserver.engine.server import Server

_DATA = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
_REVEALING = _DATA | {
    "EXECUTE",
    "REFERENCES",
    "CONTROL",
    "ALTER",
    "ALTER ANY SCHEMA",
    "VIEW DEFINITION",
    "TAKE OWNERSHIP",
}
"""Permissions on a database or schema that are permissions on the objects in it, and so show them in the catalog."""


class WholeSchema:
    """Stands for a schema as a whole."""

    object_id = 0

    def __init__(self, database: Database, schema: str) -> None:
        self.database = database
        self.schema = schema


class Security:
    """The part of a session that has to do with permissions."""

    server: Server
    login: Login
    database: Database

    def user_in(self, database: Database) -> str:
        """The user that the login is."""
        raise NotImplementedError

    # --- asking -------------------------------------------------------------------------------------------------------

    def owns(self, database: Database) -> bool:
        """Whether the session may do anything in a database: sysadmin, dbo, db_owner."""
        return self.login.is_sysadmin or database.principals.owns(self.user_in(database))

    def owns_schema_of(self, securable: Any, database: Database) -> bool:
        """Whether the session is the owner of an object's schema, or a member of the role that is."""
        schema = database.schemas.get(str(getattr(securable, "schema", "")).lower())
        if schema is None or schema.owner.lower() == "dbo":
            return False
        return schema.owner.lower() in database.principals.roles_of(self.user_in(database))

    def allowed(self, permission: str, securable: Any, database: Database | None = None) -> bool:
        """Whether the session has a permission on a whole object (None: on the database)."""
        home = database or getattr(securable, "database", None) or self.database
        if self.owns(home) or self.owns_schema_of(securable, home):
            return True
        if getattr(securable, "public", False) and permission in ("SELECT", "EXECUTE"):
            return True
        principals = home.principals
        roles = principals.roles_of(self.user_in(home))
        places = home.securables(securable) if securable is not None else [("DATABASE", 0)]
        states = list(principals.states(roles, permission, places))
        fixed = principals.rights_of_roles(roles, permission, permission in _DATA and securable is not None)
        return "D" not in (*states, fixed) and "G" in (*states, fixed)

    def require(self, permission: str, securable: Any, columns: Iterable[str] = ()) -> None:
        """See `api.Session.require`."""
        if self.login.is_sysadmin or getattr(securable, "temporary", False):
            return
        checker = getattr(securable, "authorise", None)
        if checker is not None:
            checker(self, permission)
            return
        home = getattr(securable, "database", None) or self.database
        if self.owns(home) or self.owns_schema_of(securable, home):
            return
        if permission not in ("SELECT", "UPDATE") or not _has_columns(securable):
            if not self.allowed(permission, securable, home):
                raise denied(permission, securable, home)
            return
        self._require_columns(permission, securable, home, columns)

    def _require_columns(self, permission: str, table: Any, home: Database, columns: Iterable[str]) -> None:
        whole = self.allowed(permission, table, home)
        roles = home.principals.roles_of(self.user_in(home))
        asked = list(columns)
        some = self._any_column(table, home, permission, roles)
        refused = "D" in home.principals.states(roles, permission, home.securables(table))
        if refused or (not whole and not some):
            raise denied(permission, table, home)
        for name in asked:
            column = column_of(table, name)
            if column is None:
                continue
            states = set(home.principals.states(roles, permission, [("OBJECT", table.object_id)], column.column_id))
            if "D" in states or (not whole and "G" not in states):
                raise column_denied(permission, table, home, column.name)

    @staticmethod
    def _any_column(table: Any, home: Database, permission: str, roles: set[str]) -> bool:
        return any(
            key.securable == ("OBJECT", table.object_id) and key.column_id and key.permission == permission and state == "G"
            and key.grantee in roles
            for key, state in home.principals.permissions.items()
        )  # fmt: skip

    def require_database(self, permission: str, database: Database | None = None) -> None:
        """262 if the session lacks a permission on the database."""
        home = database or self.database
        if not self.has_database(permission, home):
            raise SqlError(262, f"{permission} permission denied in database '{home.name}'.", severity=14, state=1)

    def has_database(self, permission: str, database: Database) -> bool:
        """Whether it has a permission on a database; server permissions that imply it count."""
        implied = {"VIEW DATABASE STATE": "VIEW SERVER STATE", "VIEW DATABASE PERFORMANCE STATE": "VIEW SERVER STATE"}
        if permission in implied and self.login.may(implied[permission]):
            return True
        return self.allowed(permission, None, database)

    def require_server(self, permission: str) -> None:
        """300 if the login lacks a server permission."""
        if not self.login.may(permission):
            raise SqlError(
                300, f"{permission} permission was denied on object 'server', database 'master'.", severity=14
            )

    def sees(self, securable: Any) -> bool:
        """Whether an object's metadata are shown: who has any permission on it."""
        home = getattr(securable, "database", None) or self.database
        if self.owns(home) or self.owns_schema_of(securable, home):
            return True
        roles = home.principals.roles_of(self.user_in(home))
        if "db_ddladmin" in roles or ("db_datareader" in roles or "db_datawriter" in roles):
            return True
        places = set(home.securables(securable)) | {("DATABASE", 0)}
        return any(
            state == "G"
            and key.grantee in roles
            and key.securable in places
            and (key.securable[0] == "OBJECT" or key.permission in _REVEALING)
            for key, state in home.principals.permissions.items()
        )

    # --- changing -----------------------------------------------------------------------------------------------------

    def change_permission(
        self,
        action: Literal["grant", "deny", "revoke"],
        permissions: Sequence[str],
        securable: tuple[str, str | None, str] | None,
        columns: Sequence[str],
        principals: Sequence[str],
    ) -> None:
        """See `api.Session.change_permission`."""
        kind = securable[0].upper() if securable else ""
        for permission in [one.upper() for one in permissions]:
            if kind == "SERVER" or (not kind and permission in SERVER_PERMISSIONS):
                self._change_server(action, permission, principals)
            else:
                place, numbers = self._place(securable, columns)
                self._change(action, _expanded(permission), place, numbers, principals)

    def _change_server(self, action: str, permission: str, principals: Sequence[str]) -> None:
        self.require_server("CONTROL SERVER")
        for name in principals:
            login = self.server.logins.get(name.lower())
            if login is None:
                raise no_principal(name)
            if action == "revoke":
                login.permissions.pop(permission, None)
            else:
                login.permissions[permission] = "G" if action == "grant" else "D"

    def _place(
        self, securable: tuple[str, str | None, str] | None, columns: Sequence[str]
    ) -> tuple[tuple[str, int], list[int]]:
        if securable is None or securable[0].upper() == "DATABASE":
            return ("DATABASE", 0), [0]
        kind, schema, name = securable
        if kind.upper() == "SCHEMA":
            found = self.database.schema_of(name)
            if found is None:
                raise SqlError(
                    15151, f"Cannot find the schema '{name}', because it does not exist or you do not have permission."
                )
            return ("SCHEMA", found.schema_id), [0]
        target = self.database.object(schema, name)
        if target is None:
            raise SqlError(
                15151, f"Cannot find the object '{name}', because it does not exist or you do not have permission."
            )
        numbers = [0]
        if columns:
            numbers = []
            for column in columns:
                match = column_of(target, column)
                if match is None:
                    raise SqlError(1911, f"Column name '{column}' does not exist in the target table or view.")
                numbers.append(match.column_id)
        return ("OBJECT", target.object_id), numbers

    def _change(
        self,
        action: str,
        permissions: Iterable[str],
        place: tuple[str, int],
        numbers: Sequence[int],
        names: Sequence[str],
    ) -> None:
        if not self.owns(self.database) and not self.allowed("CONTROL", None):
            raise SqlError(4613, "Grantor does not have GRANT permission.", severity=16)
        granted = self.database.principals
        for name in names:
            if name.lower() not in granted.all:
                raise no_principal(name)
            for permission in permissions:
                for number in numbers:
                    key = Permission(name.lower(), permission, place, number)
                    if action == "revoke":
                        granted.permissions.pop(key, None)
                    else:
                        granted.permissions[key] = "G" if action == "grant" else "D"

    # --- logins, users, roles -----------------------------------------------------------------------------------------

    def create_login(self, name: str, password: str, default_database: str = "") -> None:
        """CREATE LOGIN (15025 if it exists)."""
        self.require_server("ALTER ANY LOGIN")
        if name.lower() in self.server.logins:
            raise SqlError(15025, f"The server principal '{name}' already exists.")
        self.server.add_login(name, password, default_database or "master")

    def alter_login(
        self, name: str, *, password: str | None = None, enabled: bool | None = None, new_name: str = ""
    ) -> None:
        """ALTER LOGIN."""
        self.require_server("ALTER ANY LOGIN")
        login = self._login(name)
        if password is not None:
            login.password = password
        if enabled is not None:
            login.enabled = enabled
        if new_name:
            del self.server.logins[login.name.lower()]
            login.name = new_name
            self.server.logins[new_name.lower()] = login

    def drop_login(self, name: str) -> None:
        """DROP LOGIN (15434 while it is logged in)."""
        self.require_server("ALTER ANY LOGIN")
        login = self._login(name)
        if any(session.login is login for session in self.server.sessions.values()):
            raise SqlError(15434, f"Could not drop login '{name}' as the user is currently logged in.")
        del self.server.logins[login.name.lower()]

    def _login(self, name: str) -> Login:
        login = self.server.logins.get(name.lower())
        if login is None:
            raise SqlError(
                15151, f"Cannot find the login '{name}', because it does not exist or you do not have permission."
            )
        return login

    def create_user(self, name: str, login: str | None, default_schema: str = "dbo") -> None:
        """CREATE USER."""
        self.require_database("ALTER ANY USER")
        principals = self.database.principals
        if name.lower() in principals.all:
            raise SqlError(15023, f"User, group, or role '{name}' already exists in the current database.")
        if login is not None and login.lower() not in self.server.logins:
            raise SqlError(15007, f"'{login}' is not a valid login or you do not have permission.")
        principals.add(name, "S", login, default_schema)

    def drop_user(self, name: str) -> None:
        """DROP USER."""
        self.require_database("ALTER ANY USER")
        self._drop_principal(name, "user", "S")

    def create_role(self, name: str) -> None:
        """CREATE ROLE."""
        self.require_database("CREATE ROLE")
        if name.lower() in self.database.principals.all:
            raise SqlError(15023, f"User, group, or role '{name}' already exists in the current database.")
        self.database.principals.add(name, "R", default_schema=None)

    def drop_role(self, name: str) -> None:
        """DROP ROLE (15144 while it has members)."""
        self.require_database("ALTER ANY ROLE")
        principal = self.database.principals.all.get(name.lower())
        if principal is not None and principal.members:
            raise SqlError(15144, "The role has members. It must be empty before it can be dropped.")
        self._drop_principal(name, "role", "R")

    def _drop_principal(self, name: str, what: str, kind: str) -> None:
        principal = self.database.principals.all.get(name.lower())
        if principal is None or principal.kind != kind or principal.fixed:
            raise SqlError(
                15151, f"Cannot drop the {what} '{name}', because it does not exist or you do not have permission."
            )
        self.database.principals.remove(name)

    def alter_role(self, role: str, member: str, add: bool = True, server: bool = False) -> None:
        """ALTER [SERVER] ROLE … ADD or DROP MEMBER."""
        if server:
            if role.lower() not in SERVER_ROLES:
                raise SqlError(
                    15151,
                    f"Cannot alter the server role '{role}', because it does not exist or you do not have permission.",
                )
            self.require_server("CONTROL SERVER")
            roles = self._login(member).roles
            (roles.add if add else roles.discard)(role.lower())
            return
        if not self.owns(self.database) and not self.allowed("ALTER ANY ROLE", None):
            raise SqlError(
                15151, f"Cannot alter the role '{role}', because it does not exist or you do not have permission."
            )
        principals = self.database.principals
        found = principals.all.get(role.lower())
        if found is None or found.kind != "R" or (role.lower() not in FIXED_ROLES and found.fixed):
            raise SqlError(
                15151, f"Cannot alter the role '{role}', because it does not exist or you do not have permission."
            )
        if member.lower() not in principals.all:
            raise no_principal(member)
        (found.members.add if add else found.members.discard)(member.lower())


def column_of(relation: Any, name: str) -> Any:
    """The column of a table, or of a relation that is a table to its readers, by name; None."""
    if isinstance(relation, Table):
        return relation.column(name)
    columns = getattr(relation, "columns", ())
    return next((column for column in columns if column.name.lower() == name.lower()), None)


def _has_columns(securable: Any) -> bool:
    """Whether permissions can be given on single columns of it: tables, and those of capture."""
    return isinstance(securable, Table) or (getattr(securable, "schema", "") == "cdc" and hasattr(securable, "columns"))


def _expanded(permission: str) -> Sequence[str]:
    if permission in ("ALL", "ALL PRIVILEGES"):
        return ("SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE", "REFERENCES")
    return (permission,)


def no_principal(name: str) -> SqlError:
    """15151 for a principal."""
    return SqlError(15151, f"Cannot find the user '{name}', because it does not exist or you do not have permission.")


def denied(permission: str, securable: Any, database: Database) -> SqlError:
    """229."""
    name, schema = getattr(securable, "name", "?"), getattr(securable, "schema", "") or "sys"
    return SqlError(
        229, f"The {permission} permission was denied on the object '{name}', database '{database.name}', schema '{schema}'.",
        severity=14, state=5,
    )  # fmt: skip


def column_denied(permission: str, table: Any, database: Database, column: str) -> SqlError:
    """230."""
    return SqlError(
        230,
        f"The {permission} permission was denied on the column '{column}' of the object '{table.name}', database '{database.name}', "
        f"schema '{table.schema}'.",
        severity=14,
    )
