"""What is said of tables that were asked for by name and cannot be read. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from dstream_mssql_cdc.catalog import remedies
from dstream_mssql_cdc.catalog.names import NamePattern, folded, parse_pattern
from dstream_mssql_cdc.catalog.patterns import TableName, meant
from dstream_mssql_cdc.connection.errors import SetupError


@dataclass(frozen=True)
class MissingTables:
    """Names of the option `tables` that no captured table has.

    Attributes:
        uncaptured: tables that are there and not captured, by schema and name.
        unknown: names, as the user wrote them, that no table has that the user may see.
        known: all tables that the user may see, for the nearest right name.
        hidden: tables that are captured, by the names of their capture instances, and that the user may not see.
        user: the database's user.
    """

    uncaptured: tuple[TableName, ...]
    unknown: tuple[str, ...]
    known: tuple[TableName, ...]
    hidden: tuple[TableName, ...] = ()
    user: str = ""

    def __bool__(self) -> bool:
        return bool(self.uncaptured or self.unknown or self.hidden)

    def granting(self) -> str:
        """The grants that show the hidden ones, one a line."""
        return "\n".join(remedies.grant_table(schema, name, self.user) for schema, name in self.hidden)

    def enabling(self) -> str:
        """The calls that capture all that can be captured, one a line."""
        return "\n".join(remedies.enable_table(schema, name) for schema, name in self.uncaptured)

    def nearest(self, name: str) -> str | None:
        """The table whose name is most like one that no table has."""
        wanted = ".".join(part.text for part in parse_pattern(name).parts).casefold()
        known = {full.casefold(): full for full in map(".".join, self.known)}
        known.update({table.casefold(): f"{schema}.{table}" for schema, table in self.known})
        close = difflib.get_close_matches(wanted, list(known), n=1, cutoff=0.7)
        return known[close[0]] if close else None

    def error(self) -> SetupError:
        """The error that names them all, with every call that is needed."""
        parts: list[str] = []
        if self.uncaptured:
            parts.append(f"not captured: {', '.join(map('.'.join, self.uncaptured))}")
        if self.unknown:
            parts.append(f"not found: {', '.join(self.unknown)}")
        if self.hidden:
            parts.append(f"not visible to {self.user}: {', '.join(map('.'.join, self.hidden))}")
        statements = [text for text in (self.enabling(), self.granting()) if text]
        hints = ["as a member of db_owner:", *statements] if statements else []
        for name in self.unknown:
            nearest = self.nearest(name)
            hints.append(
                f"{name}: " + (f"did you mean {nearest}?" if nearest else "check the name and the user's rights")
            )
        code = "mssql/no-such-table" if self.unknown else "mssql/permission"
        code = "mssql/not-captured" if self.uncaptured else code
        return SetupError(f"tables cannot be read; {'; '.join(parts)}", code=code, hint="\n".join(hints))


def missing_tables(
    names: Sequence[str], known: Sequence[TableName], hidden: Sequence[str] = (), user: str = ""
) -> MissingTables:
    """Sorts names that no captured table has.

    Args:
        names: as the user wrote them, without wildcards.
        known: all tables that the user may see.
        hidden: capture instances whose table the user may not see.
        user: the database's user.
    """
    uncaptured: dict[TableName, None] = {}
    unseen: dict[TableName, None] = {}
    unknown: list[str] = []
    for name in names:
        pattern = parse_pattern(name)
        if found := meant(pattern, known):
            uncaptured.update(dict.fromkeys(found))
        elif behind := _behind(pattern, hidden):
            unseen[behind] = None
        else:
            unknown.append(name)
    return MissingTables(tuple(uncaptured), tuple(unknown), tuple(known), tuple(unseen), user)


def _behind(pattern: NamePattern, instances: Sequence[str]) -> TableName | None:
    """The table that a name means, if a capture instance is called as that table's would be: `schema_table`."""
    *schemas, table = (part.text for part in pattern.parts)
    for instance in instances:
        schema = instance[: -len(table) - 1]
        if not folded(instance).endswith(folded(f"_{table}")) or not schema:
            continue
        if not schemas or folded(schemas[0]) == folded(schema):
            return schema, table
    return None
