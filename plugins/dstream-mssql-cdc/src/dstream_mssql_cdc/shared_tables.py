"""The tables in the database that hold checkpoints and what copies of a task tell each other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from dstream_core.api import ConfigurationError, DStreamError, TemporaryError
from dstream_mssql_cdc.catalog import remedies
from dstream_mssql_cdc.catalog.names import parse_pattern
from dstream_mssql_cdc.catalog.rights import user_name
from dstream_mssql_cdc.connection.answers import answer
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.connection.errors import StatementError
from dstream_mssql_cdc.sql import doubled, qualified, quoted

LONGEST_TASK = 100
AT_ONCE = 100
OBJECT = "SELECT OBJECT_ID(%s)"
ANY_ROW = "SELECT COUNT(*) FROM {table} WHERE 1 = 0"
HAS_SEQUENCE = "SELECT COUNT(last_seq) FROM $offsets WHERE 1 = 0"
OFFSETS_TABLE = """CREATE TABLE $offsets (
    table_name nvarchar(255) NOT NULL PRIMARY KEY,
    last_lsn varbinary(10) NULL,
    last_seq varbinary(10) NULL,
    updated_at datetime NULL DEFAULT GETDATE()
)"""
POSITIONS_TABLE = """CREATE TABLE $positions (
    task nvarchar(100) COLLATE Latin1_General_BIN2 NOT NULL,
    table_name nvarchar(300) COLLATE Latin1_General_BIN2 NOT NULL,
    database_guid varchar(40) NOT NULL,
    position nvarchar(max) NULL,
    epoch bigint NOT NULL,
    writer varchar(40) NOT NULL,
    holder varchar(40) NULL,
    generation int NOT NULL,
    offsets_lsn varbinary(10) NULL,
    offsets_seq varbinary(10) NULL,
    updated_at datetime2(3) NOT NULL,
    PRIMARY KEY (task, table_name)
)"""
COPIES_TABLE = """CREATE TABLE $copies (
    task nvarchar(100) COLLATE Latin1_General_BIN2 NOT NULL,
    copy_name varchar(40) NOT NULL,
    beat bigint NOT NULL,
    seen datetime2(3) NOT NULL,
    PRIMARY KEY (task, copy_name)
)"""
ADD_SEQUENCE = "ALTER TABLE $offsets ADD last_seq varbinary(10) NULL"
KEEP_OUT = " WITH (UPDLOCK, HOLDLOCK)"
# HOLDLOCK: two copies that begin at the same time must not both find it missing.
ADD_ROW = """INSERT INTO $positions (task, table_name, database_guid, epoch, writer, generation, updated_at)
SELECT %s, %s, %s, 0, '', 0, GETUTCDATE()
WHERE NOT EXISTS (SELECT 1 FROM $positions WITH (UPDLOCK, HOLDLOCK) WHERE task = %s AND table_name = %s);"""


@dataclass(frozen=True)
class CheckpointTables:
    """The names of the tables, quoted.

    Attributes:
        schema: the schema they are all in, not quoted.
        offsets: the Go provider's table.
        positions: our full positions, and the marks of who may store them.
        copies: the copies of each task that are running.
    """

    schema: str
    offsets: str
    positions: str
    copies: str

    def sql(self, text: str) -> str:
        """A statement with the tables' names for `$offsets`, `$positions` and `$copies`; it has parameters."""
        for variable, table in self._named.items():
            text = text.replace(variable, doubled(table))
        return text

    def definition(self, table: str) -> str:
        """T-SQL that makes one of the tables."""
        texts = {self.offsets: OFFSETS_TABLE, self.positions: POSITIONS_TABLE, self.copies: COPIES_TABLE}
        return self.shown(texts[table])

    def add_rows(self, connection: Connection, task: str, guid: str, names: Sequence[str]) -> None:
        """Makes the rows of tables in our table that are not there yet.

        Args:
            connection: to the database.
            task: the task's key.
            guid: identity of the database.
            names: the tables.
        """
        statement = self.sql(ADD_ROW)
        for part in parts(names):
            values = [value for name in part for value in (task, name, guid, task, name)]
            try:
                connection.execute("\n".join(statement for _ in part), *values)
            except StatementError:
                plain = statement.replace(KEEP_OUT, "")
                for name in part:
                    connection.execute(plain, task, name, guid, task, name)

    @property
    def _named(self) -> dict[str, str]:
        return {"$offsets": self.offsets, "$positions": self.positions, "$copies": self.copies}

    def shown(self, text: str) -> str:
        """A statement without parameters, for a person or to be sent as it is."""
        for variable, table in self._named.items():
            text = text.replace(variable, table)
        return text

    def exists(self, connection: Connection, table: str) -> bool:
        """Whether a table is there and may be seen."""
        found = answer(connection, OBJECT, table)
        if found is None:  # a server without such a function
            return answer(connection, ANY_ROW.format(table=table)) is not None
        return found[0] is not None

    def ensure(self, connection: Connection, *tables: str) -> None:
        """Makes tables that are not there yet.

        Raises:
            ConfigurationError: `mssql/checkpoint-table`, they may not be made; the hint has the T-SQL to run.
        """
        missing = [table for table in tables if not self.exists(connection, table)]
        for table in missing:
            try:
                self._make(connection, self.definition(table))
            except TemporaryError:
                raise
            except DStreamError as error:
                if self.exists(connection, table):
                    continue  # another copy was faster
                raise self._refused(connection, missing, error) from None
        if self.offsets in tables and not self._has_sequence(connection):
            self._add_sequence(connection)

    def _make(self, connection: Connection, definition: str) -> None:
        """Makes a table; in plainer words where the server does not know them all."""
        try:
            connection.execute(definition)
        except StatementError:
            with_keys_only = re.sub(r" COLLATE \w+|,\s*PRIMARY KEY \([^)]*\)", "", definition)
            if with_keys_only == definition:
                raise
            connection.execute(with_keys_only)

    def _add_sequence(self, connection: Connection) -> None:
        """Early versions of the Go provider had no such column; later ones add it as we do."""
        statement = self.shown(ADD_SEQUENCE)
        try:
            connection.execute(statement)
        except TemporaryError:
            raise
        except DStreamError as error:
            if not self._has_sequence(connection):
                raise ConfigurationError(
                    f"{self.offsets} has no column last_seq, and it cannot be added: {error.message}",
                    code="mssql/checkpoint-table",
                    hint=f"as an owner of the database: {statement}",
                ) from None

    def _has_sequence(self, connection: Connection) -> bool:
        return answer(connection, self.shown(HAS_SEQUENCE)) is not None

    def _refused(self, connection: Connection, missing: list[str], error: DStreamError) -> ConfigurationError:
        user = user_name(connection)
        statements = [self.definition(table) for table in missing]
        statements += [f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {quoted(user)}" for table in missing]
        return ConfigurationError(
            f"the checkpoint tables {', '.join(missing)} cannot be made: {error.message}",
            code="mssql/checkpoint-table",
            hint=f"as an owner of the database: {remedies.grant_create_table(self.schema, user)} or make them:"
            f" {'; '.join(statements)}",
        )


def checkpoint_tables(option: str) -> CheckpointTables:
    """The tables that go with the option `checkpoint_table`, all in its schema."""
    parts = [part.text for part in parse_pattern(option).parts]
    schema, name = parts if len(parts) > 1 else ("dbo", parts[0])
    positions, copies = qualified(schema, "dstream_checkpoints"), qualified(schema, "dstream_copies")
    return CheckpointTables(schema, qualified(schema, name), positions, copies)


def parts(names: Sequence[str]) -> list[Sequence[str]]:
    """So many names at once as a batch should be about: thousands would take the server longer to compile than to run."""
    return [names[first : first + AT_ONCE] for first in range(0, len(names), AT_ONCE)]


def task_key(task: str) -> str:
    """The task's name as a key; another one for every task, however long its name is."""
    if len(task) <= LONGEST_TASK:
        return task
    digest = hashlib.blake2b(task.encode(), digest_size=16).hexdigest()
    return f"{task[: LONGEST_TASK - len(digest) - 1]}~{digest}"
