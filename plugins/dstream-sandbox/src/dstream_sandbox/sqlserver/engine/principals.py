"""Logins of the server; users, roles and permissions of a database."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from dstream_sandbox.sqlserver.types import DateTime2

FIXED_ROLES = {
    "db_owner": 16384, "db_accessadmin": 16385, "db_securityadmin": 16386, "db_ddladmin": 16387, "db_backupoperator": 16389,
    "db_datareader": 16390, "db_datawriter": 16391, "db_denydatareader": 16392, "db_denydatawriter": 16393,
}  # fmt: skip
SERVER_ROLES = {
    "public": 2, "sysadmin": 3, "securityadmin": 4, "serveradmin": 5, "setupadmin": 6, "processadmin": 7, "diskadmin": 8,
    "dbcreator": 9, "bulkadmin": 10,
}  # fmt: skip
SERVER_PERMISSIONS = frozenset(
    {
        "VIEW SERVER STATE", "ALTER SERVER STATE", "CONTROL SERVER", "VIEW ANY DATABASE", "ALTER ANY CONNECTION", "ALTER ANY LOGIN",
        "CREATE ANY DATABASE", "VIEW ANY DEFINITION", "CONNECT SQL", "VIEW SERVER PERFORMANCE STATE", "ALTER ANY DATABASE",
    }
)  # fmt: skip


@dataclass(slots=True)
class Login:
    """A login with a password."""

    name: str
    password: str
    principal_id: int
    created: DateTime2
    default_database: str = "master"
    enabled: bool = True
    roles: set[str] = field(default_factory=set)
    permissions: dict[str, str] = field(default_factory=dict)

    @property
    def sid(self) -> bytes:
        """Its SID; 0x01 for sa."""
        return (
            b"\x01"
            if self.name.lower() == "sa"
            else hashlib.md5(self.name.lower().encode(), usedforsecurity=False).digest()
        )

    @property
    def is_sysadmin(self) -> bool:
        """Whether it may do anything."""
        return "sysadmin" in self.roles

    def may(self, permission: str) -> bool:
        """Whether it has a server permission."""
        if self.is_sysadmin:
            return True
        given = (self.permissions.get(permission), self.permissions.get("CONTROL SERVER"))
        if "D" in given:
            return False
        if permission in ("VIEW ANY DATABASE", "CONNECT SQL"):
            return True
        if permission == "ALTER ANY CONNECTION" and "processadmin" in self.roles:
            return True
        if permission in ("CREATE ANY DATABASE", "ALTER ANY DATABASE") and "dbcreator" in self.roles:
            return True
        return "G" in given


@dataclass(slots=True)
class Principal:
    """A user or role of a database."""

    name: str
    principal_id: int
    kind: str
    """"S" SQL user, "R" role."""
    created: DateTime2
    login: str | None = None
    default_schema: str | None = "dbo"
    members: set[str] = field(default_factory=set)
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Permission:
    """One GRANT or DENY.

    Attributes:
        securable: ("DATABASE", 0), ("SCHEMA", schema_id) or ("OBJECT", object_id).
        column_id: 0: the whole object.
    """

    grantee: str
    permission: str
    securable: tuple[str, int]
    column_id: int = 0


class Principals:
    """Users, roles and permissions of one database. Names are keys in lower case."""

    def __init__(self, created: DateTime2) -> None:
        self._created = created
        self.all: dict[str, Principal] = {}
        self.permissions: dict[Permission, str] = {}
        self._next = 5
        for number, (name, kind, schema) in enumerate(
            [
                ("public", "R", None),
                ("dbo", "S", "dbo"),
                ("guest", "S", "guest"),
                ("INFORMATION_SCHEMA", "S", None),
                ("sys", "S", None),
            ]
        ):
            self.all[name.lower()] = Principal(
                name, number, kind, created, "sa" if name == "dbo" else None, schema, fixed=True
            )
        for name, number in FIXED_ROLES.items():
            self.all[name] = Principal(name, number, "R", created, fixed=True)

    def add(self, name: str, kind: str, login: str | None = None, default_schema: str | None = "dbo") -> Principal:
        """A new user or role."""
        principal = Principal(name, self._next, kind, self._created, login, default_schema)
        self._next += 1
        self.all[name.lower()] = principal
        return principal

    def remove(self, name: str) -> None:
        """Takes a principal and what it was given away."""
        lower = name.lower()
        self.all.pop(lower, None)
        for principal in self.all.values():
            principal.members.discard(lower)
        self.permissions = {key: state for key, state in self.permissions.items() if key.grantee != lower}

    def user_of(self, login: Login) -> Principal | None:
        """The user that a login is."""
        if login.is_sysadmin:
            return self.all["dbo"]
        wanted = login.name.lower()
        for principal in self.all.values():
            if principal.login is not None and principal.login.lower() == wanted and principal.kind == "S":
                return principal
        guest = self.all["guest"]
        return guest if self.permissions.get(Permission("guest", "CONNECT", ("DATABASE", 0))) == "G" else None

    def roles_of(self, user: str) -> set[str]:
        """The user itself, `public`, and every role it is in, directly or not (lower case)."""
        found = {user.lower(), "public"}
        grown = True
        while grown:
            grown = False
            for name, principal in self.all.items():
                if name not in found and principal.members & found:
                    found.add(name)
                    grown = True
        return found

    def owns(self, user: str) -> bool:
        """Whether a user may do anything in the database."""
        return user.lower() == "dbo" or "db_owner" in self.roles_of(user)

    def states(
        self, who: Iterable[str], permission: str, securables: Iterable[tuple[str, int]], column_id: int = 0
    ) -> Iterator[str]:
        """What was said about a permission (or CONTROL) on one of the securables: "G" or "D" each."""
        asked = {permission, "CONTROL"}
        places = set(securables)
        names = set(who)
        for key, state in self.permissions.items():
            if (
                key.column_id == column_id
                and key.grantee in names
                and key.permission in asked
                and key.securable in places
            ):
                yield state

    def rights_of_roles(self, roles: set[str], permission: str, data: bool) -> str:
        """What fixed roles say: "G", "D" or nothing ("")."""
        if data and permission == "SELECT" and "db_denydatareader" in roles:
            return "D"
        if data and permission in ("INSERT", "UPDATE", "DELETE") and "db_denydatawriter" in roles:
            return "D"
        if data and permission == "SELECT" and "db_datareader" in roles:
            return "G"
        if data and permission in ("INSERT", "UPDATE", "DELETE") and "db_datawriter" in roles:
            return "G"
        ddl = permission.startswith(("CREATE ", "ALTER")) or permission == "VIEW DEFINITION"
        return "G" if ddl and "db_ddladmin" in roles else ""
