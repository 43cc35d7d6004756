"""A database as the rest of the plugin sees it; nothing here talks to a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from dstream_mssql_cdc.sql import qualified

AZURE_SQL_DATABASE = 5
"""`SERVERPROPERTY('EngineEdition')` of Azure SQL Database, which has no SQL Server Agent."""


@dataclass(frozen=True)
class Column:
    """A column of a table or of a capture instance.

    Attributes:
        name: as the server spells it.
        type: base type in lower case (`decimal`, `nvarchar`, `hierarchyid`); alias types are resolved to theirs.
        declaration: the type as it is declared, such as `decimal(18,2)` or `nvarchar(max)`.
        max_length: in bytes, -1 for `(max)`.
        precision: digits in all, of numbers; of times as the server tells it.
        scale: digits behind the point, of numbers; of the second's fraction, of times.
        nullable: NULL may stand in it.
        computed: it is computed; change tables carry NULL for it.
        collation: of text columns.
    """

    name: str
    type: str
    declaration: str
    max_length: int = 0
    precision: int = 0
    scale: int = 0
    nullable: bool = True
    computed: bool = False
    collation: str | None = None


@dataclass(frozen=True)
class CaptureInstance:
    """A capture instance: one change table of a source table; a table has two at most.

    Attributes:
        name: `capture_instance`, not always `<schema>_<table>`.
        object_id: of the change table.
        start_lsn: from here on its change table is complete, 10 bytes.
        columns: the captured columns in the order of the update mask: the ordinal is the index and one.
        has_command_id: the change table has `__$command_id` (absent on servers of 2012 to 2016 without updates).
        role: the gating role, None if there is none.
        supports_net_changes: it was enabled for net changes.
        change_table: name of the change table in the schema `cdc`.
        created: when it was enabled, in the server's own time.
        begun: the capture job has come to it. Until then nobody knows where it begins, and `start_lsn` is zero.
    """

    name: str
    object_id: int
    start_lsn: bytes
    columns: tuple[Column, ...]
    has_command_id: bool
    role: str | None
    supports_net_changes: bool
    change_table: str
    created: datetime | None = None
    begun: bool = True


@dataclass(frozen=True)
class Table:
    """A table, captured or not.

    Attributes:
        schema: the schema's name.
        name: the table's name.
        object_id: of the table.
        columns: its columns in order, computed ones too.
        primary_key: names of the key's columns in the key's order; empty without a primary key.
        instances: its capture instances by `start_lsn`, the oldest first; empty if it is not captured.
        rows: about how many rows it has, None if that is not known.
    """

    schema: str
    name: str
    object_id: int
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    instances: tuple[CaptureInstance, ...]
    rows: int | None = field(default=None, compare=False)

    @property
    def qualified(self) -> str:
        """`schema.name`: how messages and positions call it."""
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        """`[schema].[name]`: how statements call it."""
        return qualified(self.schema, self.name)

    @property
    def begun(self) -> bool:
        """The capture job has come to it: it is known where its changes begin."""
        return any(instance.begun for instance in self.instances)

    def column(self, name: str) -> Column | None:
        """The column of that name, None if there is none."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True)
class Database:
    """The database that is read.

    Attributes:
        server: the server's own name (`@@SERVERNAME`).
        name: the database's name.
        guid: the database's own, whatever it and the server are called, the same on all replicas; lower case.
        version: major version of the server: 11 is 2012, 16 is 2022.
        collation: of the database.
        cdc_enabled: change data capture is on.
        snapshot_allowed: `ALLOW_SNAPSHOT_ISOLATION` is on.
        engine_edition: `SERVERPROPERTY('EngineEdition')`.
        product_version: the whole version, such as `16.0.4135.4`.
        edition: such as `Developer Edition (64-bit)`.
        utc_offset_minutes: the server's clock is this far ahead of UTC; times in `cdc.lsn_time_mapping` are local.
        state: `ONLINE` unless something is wrong.
        read_only: it takes no writes: a readable secondary, or set so.
        case_sensitive: names that differ in case only are different names.
    """

    server: str
    name: str
    guid: str
    version: int
    collation: str
    cdc_enabled: bool
    snapshot_allowed: bool
    engine_edition: int
    product_version: str = ""
    edition: str = ""
    utc_offset_minutes: int = 0
    state: str = "ONLINE"
    read_only: bool = False
    case_sensitive: bool = False

    @property
    def identity(self) -> str:
        """Tells this database from others: its GUID, or where nobody may see one, what it and its server are called."""
        return self.guid or f"{self.server}/{self.name}".lower()

    @property
    def is_azure(self) -> bool:
        """Azure SQL Database: no SQL Server Agent, capture runs by a scheduler of its own."""
        return self.engine_edition == AZURE_SQL_DATABASE
