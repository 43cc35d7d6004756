"""Databases, schemas, types, logins, users, roles and permissions."""

from __future__ import annotations

from typing import Any

from dstream_sandbox.sqlserver.language.parser.modification import ModificationParser
from dstream_sandbox.sqlserver.language.statements import Administer, Statement

_COLUMN_PERMISSIONS = ("SELECT", "UPDATE", "REFERENCES", "INSERT", "DELETE")
_CLASSES = ("OBJECT", "SCHEMA", "DATABASE", "SERVER", "TYPE", "USER", "ROLE", "LOGIN")
_ON_OFF = {"ON": True, "OFF": False}


class AdministrationParser(ModificationParser):
    """Reads statements that are handed to the engine as verbs with plain arguments."""

    def create_schema(self) -> Statement:
        """Behind CREATE SCHEMA."""
        name = "" if self.at_word("AUTHORIZATION") else self.name()
        owner = self.name() if self.accept("AUTHORIZATION") else ""
        if self.at_word("CREATE", "GRANT") and self.index > 0 and self.tokens[self.index - 1].text != ";":
            pass  # what follows is a statement of its own here
        return Administer("create_schema", {"name": name or owner, "owner": owner})

    def create_database(self) -> Statement:
        """Behind CREATE DATABASE."""
        name = self.name()
        collation = self.name() if self.accept("COLLATE") else ""
        if self.at_word("ON", "LOG", "WITH", "CONTAINMENT", "AS", "FOR"):
            self.refuse(f"CREATE DATABASE … {self.token.text}")
        return Administer("create_database", {"name": name, "collation": collation})

    def alter_database(self) -> Statement:
        """Behind ALTER DATABASE."""
        name = "" if self.accept("CURRENT") else self.name()
        if self.accept("COLLATE"):
            return Administer("alter_database", {"name": name, "option": "collation", "value": self.name()})
        if self.accept("MODIFY"):
            self.expect("NAME")
            self.expect_op("=")
            return Administer("alter_database", {"name": name, "option": "name", "value": self.name()})
        self.expect("SET")
        option = self.take().text.lower()
        value = self._database_option(option)
        if self.accept("WITH") and not self.accept("NO_WAIT"):
            self.expect("ROLLBACK")
            if self.accept("AFTER"):
                self.integer()
                self.accept("SECONDS")
            else:
                self.expect("IMMEDIATE")
        option, value = _option(option, value)
        return Administer("alter_database", {"name": name, "option": option, "value": value})

    def _database_option(self, option: str) -> Any:
        if option in ("single_user", "multi_user", "restricted_user", "online", "offline", "read_only", "read_write"):
            return None
        if option not in _DATABASE_OPTIONS:
            self.refuse(f"ALTER DATABASE … SET {option.upper()}")
        self.accept_op("=")
        if option == "compatibility_level":
            return self.integer()
        if self.accept_op("("):
            self.refuse(f"ALTER DATABASE … SET {option.upper()} (…)")
        word = self.take().text
        return _ON_OFF.get(word, word)

    def create_type(self) -> Statement:
        """Behind CREATE TYPE."""
        name = self.names()
        if not self.accept("FROM"):
            self.refuse("CREATE TYPE … AS TABLE or EXTERNAL NAME")
        base = self.type_name()
        nullable = True
        if self.accept_words("NOT", "NULL"):
            nullable = False
        else:
            self.accept("NULL")
        return Administer("create_type", {"names": name, "base": base, "nullable": nullable})

    def login(self, create: bool) -> Statement:
        """Behind CREATE or ALTER LOGIN."""
        arguments: dict[str, Any] = {"name": self.name()}
        if not create and (word := self.accept("ENABLE", "DISABLE")):
            return Administer("alter_login", {**arguments, "enabled": word == "ENABLE"})
        if self.at_word("FROM"):
            self.refuse("logins FROM WINDOWS, CERTIFICATE or ASYMMETRIC KEY")
        self.expect("WITH")
        while True:
            self._login_option(create, arguments)
            if not self.accept_op(","):
                break
        return Administer("create_login" if create else "alter_login", arguments)

    def _login_option(self, create: bool, arguments: dict[str, Any]) -> None:
        option = self.take().text
        self.expect_op("=")
        if option == "PASSWORD":
            arguments["password"] = self.string()
            while self.accept("MUST_CHANGE", "UNLOCK"):
                pass
        elif option == "DEFAULT_DATABASE" and create:
            arguments["default_database"] = self.name()
        elif option == "NAME" and not create:
            arguments["new_name"] = self.name()
        elif option in (
            "CHECK_POLICY",
            "CHECK_EXPIRATION",
            "DEFAULT_LANGUAGE",
            "DEFAULT_DATABASE",
            "SID",
            "OLD_PASSWORD",
        ):
            self.take()
        else:
            self.refuse(f"login option {option}")

    def create_user(self) -> Statement:
        """Behind CREATE USER."""
        name = self.name()
        login: str | None = name
        if self.accept_words("WITHOUT", "LOGIN"):
            login = None
        elif self.accept("FOR", "FROM"):
            self.expect("LOGIN")
            login = self.name()
        arguments: dict[str, Any] = {"name": name, "login": login}
        if self.accept("WITH"):
            if not self.accept("DEFAULT_SCHEMA"):
                self.refuse("users with passwords")
            self.expect_op("=")
            arguments["default_schema"] = self.name()
        return Administer("create_user", arguments)

    def create_role(self) -> Statement:
        """Behind CREATE ROLE."""
        name = self.name()
        if self.accept("AUTHORIZATION"):
            self.name()
        return Administer("create_role", {"name": name})

    def alter_role(self, server: bool) -> Statement:
        """Behind ALTER [SERVER] ROLE."""
        role = self.name()
        add = self.expect("ADD", "DROP") == "ADD"
        self.expect("MEMBER")
        return Administer("alter_role", {"role": role, "member": self.name(), "add": add, "server": server})

    def permission(self) -> Statement:
        """GRANT, DENY, REVOKE."""
        action = self.take().text.lower()
        if self.accept_words("GRANT", "OPTION", "FOR"):
            self.refuse("GRANT OPTION FOR")
        permissions, columns = self._permissions()
        securable = self._securable() if self.accept("ON") else None
        if self.at_op("("):
            columns += self.name_list()
        self.expect("TO", "FROM") if action == "revoke" else self.expect("TO")
        principals = [self._principal()]
        while self.accept_op(","):
            principals.append(self._principal())
        if self.accept("WITH"):
            self.expect_words("GRANT", "OPTION")
        self.accept("CASCADE")
        if self.accept("AS"):
            self.name()
        return Administer(
            "change_permission",
            {
                "action": action,
                "permissions": permissions,
                "securable": securable,
                "columns": columns,
                "principals": principals,
            },
        )

    def _principal(self) -> str:
        return "public" if self.accept("PUBLIC") else self.name()

    def _permissions(self) -> tuple[list[str], tuple[str, ...]]:
        permissions: list[str] = []
        columns: tuple[str, ...] = ()
        while True:
            words = []
            while self.token.kind == "word" and not self.at_word("ON", "TO", "FROM"):
                words.append(self.take().text)
            if not words:
                self.fail()
            permissions.append(" ".join(words))
            if self.at_op("("):
                columns += self.name_list()
            if not self.accept_op(","):
                return permissions, columns

    def _securable(self) -> tuple[str, str | None, str]:
        kind = "OBJECT"
        if self.ahead().text == "::" and self.at_word(*_CLASSES):
            kind = self.take().text
            self.take()
        names = self.names()
        return kind, names[-2] if len(names) > 1 else None, names[-1]


_DATABASE_OPTIONS = frozenset(
    {"allow_snapshot_isolation", "read_committed_snapshot", "recovery", "compatibility_level", "auto_close", "auto_shrink",
     "auto_create_statistics", "auto_update_statistics", "page_verify", "ansi_nulls", "ansi_padding", "ansi_warnings",
     "arithabort", "quoted_identifier", "concat_null_yields_null", "recursive_triggers", "trustworthy", "delayed_durability",
     "accelerated_database_recovery"}
)  # fmt: skip


def _option(option: str, value: Any) -> tuple[str, Any]:
    """The names under which the engine knows options."""
    if option in ("online", "offline"):
        return "state", option
    if option in ("read_only", "read_write"):
        return "read_only", option == "read_only"
    if option in ("single_user", "multi_user", "restricted_user"):
        return "user_access", option
    return option, value
