"""The options of the input. The reference of options is generated from this module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator, model_validator

from dstream_core.api import ConfigurationError
from dstream_mssql_cdc.catalog.names import parse_pattern
from dstream_mssql_cdc.connection.choosing import connection_settings
from dstream_mssql_cdc.connection.options import ConnectionOptions
from dstream_mssql_cdc.nested_options import ColumnOptions, LockOptions, MaskOptions
from dstream_mssql_cdc.option_types import Seconds, Size, TablePatterns, Token

__all__ = ["ColumnOptions", "LockOptions", "MaskOptions", "MssqlCdcOptions"]


class TableOptions(BaseModel):
    """The options of what is read."""

    model_config = ConfigDict(extra="forbid")

    tables: TablePatterns = Field(
        default_factory=list,
        description=(
            "Tables to read: `Orders` (schema dbo, or the only schema that has it), `sales.Orders`, patterns with `*` "
            "and `?` such as `sales.*`, and `!sales.Audit` to leave one out; the last that matches decides. Names with "
            "dots or wildcards stand in brackets: `[a.b].[c]`. Empty: all captured tables. Tables that match a "
            "pattern later are picked up while running."
        ),
        examples=[["Orders", "sales.*", "!sales.Audit"]],
    )
    columns: ColumnOptions = Field(default_factory=ColumnOptions, description="Which columns are delivered.")
    masks: MaskOptions = Field(
        default_factory=MaskOptions, description="Which columns are delivered in a changed form only."
    )


class EnvelopeOptions(BaseModel):
    """The options of what a change looks like."""

    model_config = ConfigDict(extra="forbid")

    envelope: Literal["dstream", "original"] = Field(
        default="dstream",
        description=(
            "What metadata stands beside a row: `dstream`: all there is; `original`: exactly that of the Go provider "
            "(`TableName`, `LSN`, `Seq`, `OperationID`, `OperationType`)."
        ),
    )
    before_images: bool | Literal["changed"] = Field(
        default=True,
        description=(
            "The metadata member `Before` of an update: `true`: the whole row as it was; `changed`: only the columns "
            "that changed; `false`: none, which halves what an update costs."
        ),
        examples=["changed"],
    )
    bigint: Literal["number", "string"] = Field(
        default="number",
        description=(
            "How bigint values are written: `number`: as JSON numbers, exact, though many readers round beyond 2^53; "
            "`string`: as JSON strings, all of them."
        ),
    )


class SnapshotOptions(BaseModel):
    """The options of snapshots."""

    model_config = ConfigDict(extra="forbid")

    snapshot: Literal["initial", "never", "only", "when_needed"] = Field(
        default="initial",
        description=(
            "Rows that are in a table before its first change: `initial`: delivered once, then the changes behind them; "
            "`never`: changes only, from the first that the change tables still hold; `only`: delivered once, then the run ends; `when_needed`: as "
            '`initial`, and again when changes were lost (as `on_gap = "snapshot"`). A table that goes on from a '
            "row in the checkpoint table has no snapshot."
        ),
    )
    snapshot_again: dict[str, Token] = Field(
        default_factory=dict,
        description=(
            "Tables whose rows are to be delivered once more, each with a value of your choice: a value that was not "
            "there before asks once, while the other tables stream on."
        ),
        examples=[{"Orders": "2026-03-01"}],
    )
    snapshot_where: dict[str, str] = Field(
        default_factory=dict,
        validation_alias=AliasChoices("snapshot_where", "row_filter"),
        description=(
            "By table: the condition, in T-SQL, that rows of a snapshot meet. It is sent to the server as it is. "
            "Changes are not filtered."
        ),
        examples=[{"Orders": "OrderDate >= '2026-01-01'"}],
    )
    snapshot_chunk_rows: int = Field(
        default=20_000,
        ge=1,
        le=10_000_000,
        description="Rows that one query of a snapshot reads; a snapshot that was cut goes on at the last delivered row.",
    )
    snapshot_tables: int = Field(
        default=2,
        ge=1,
        le=64,
        validation_alias=AliasChoices("snapshot_tables", "snapshot_parallel"),
        description="How many tables are snapshotted at the same time, at most; they count among `max_connections`.",
    )


class ReadingOptions(BaseModel):
    """The options of reading changes."""

    model_config = ConfigDict(extra="forbid")

    on_gap: Literal["fail", "snapshot"] = Field(
        default="fail",
        description=(
            "What to do if the cleanup job has removed changes before they were read, or the database was restored to "
            "an earlier state: `fail` ends the run and says so; `snapshot` delivers the table's rows again."
        ),
    )
    checkpoint: Literal["file", "table", "azure_blob"] | None = Field(
        default=None,
        description=(
            "Where positions are kept: `file`: in the task's state directory; `table`: in the database, in the "
            "checkpoint table (needs the right to write it); `azure_blob`: in the container of `lock_config`. If "
            "nothing is said: `table`, if it exists and has rows for the tables; else, with leases, `azure_blob` or "
            "`table` as the leases are; else `file`."
        ),
        examples=["table"],
    )
    checkpoint_table: str = Field(
        default="dbo.cdc_offsets",
        min_length=1,
        description="Name of the checkpoint table, schema and all; the default is what the Go provider uses.",
    )
    poll_interval: Seconds = Field(
        default=1.0,
        gt=0,
        le=3600,
        description=(
            "Pause between two looks at the database while it changes. The capture job itself looks every 5 seconds "
            "by default. One look is one short query for all tables together."
        ),
        examples=["1s"],
    )
    max_poll_interval: Seconds = Field(
        default=10.0,
        gt=0,
        le=3600,
        description=(
            "How long the pause may grow while nothing changes, and so how late the first change after a silence may "
            "come; it is `poll_interval` at least."
        ),
        examples=["1m"],
    )
    batch_size: int = Field(
        default=10_000, ge=1, le=10_000_000, description="Change rows that one query of a table reads, at most."
    )
    batch_bytes: Size = Field(
        default=16 * 1024 * 1024,
        validate_default=True,
        description="Bytes of lines that one query of a table may give before the next table has its turn.",
        examples=["16MiB"],
    )
    max_connections: int = Field(
        default=4,
        ge=1,
        le=100,
        description="Sessions on the server, at most, whatever the number of tables; those of locks and checkpoints too.",
    )
    tables_interval: Seconds = Field(
        default=30.0,
        gt=0,
        le=86_400,
        description="How often the database is asked for new tables that match `tables`, and for changes of schema.",
    )
    latency_warning: Seconds = Field(
        default=300.0,
        ge=0,
        description="Warn if changes are delivered this long after their commit; `0`: never.",
        examples=["5m"],
    )


class MssqlCdcOptions(ReadingOptions, SnapshotOptions, EnvelopeOptions, TableOptions, ConnectionOptions):
    """How to reach the database, which tables to read, and how changes are delivered."""

    model_config = ConfigDict(extra="forbid")

    lock_config: LockOptions = Field(
        default_factory=LockOptions, description="Who may read a table when several copies of a task run."
    )

    def option_warnings(self) -> Iterator[tuple[str, str]]:
        """What is odd about the connection string, for `dstream lint`."""
        for text in connection_settings(self).warnings:
            yield "db_connection_string", text[:1].upper() + text[1:]

    @field_validator("checkpoint_table")
    @classmethod
    def _one_table(cls, value: str) -> str:
        pattern = parse_pattern(value, 2)
        if pattern.wild or pattern.negated:
            raise ValueError("must be the name of one table")
        return value

    @field_validator("snapshot_where", "snapshot_again")
    @classmethod
    def _tables_are_named(cls, value: dict[str, str]) -> dict[str, str]:
        if not all(table.strip() and text.strip() for table, text in value.items()):
            raise ValueError("a table or its value is empty")
        for table in value:
            parse_pattern(table, 2)
        return value

    @model_validator(mode="after")
    def _server_is_known(self) -> MssqlCdcOptions:
        if self.db_connection_string is None and self.server is None:
            raise ValueError("`db_connection_string` or `server` is required")
        try:
            connection_settings(self)
        except ConfigurationError as error:  # holds no value of the connection string
            raise ValueError(f"{error.message}; {error.hint}" if error.hint else error.message) from None
        return self

    @model_validator(mode="after")
    def _intervals_fit(self) -> MssqlCdcOptions:
        if self.max_poll_interval < self.poll_interval:
            if "max_poll_interval" in self.model_fields_set:
                raise ValueError("`max_poll_interval` must not be shorter than `poll_interval`")
            self.max_poll_interval = self.poll_interval
        return self

    @model_validator(mode="after")
    def _checkpoint_fits_the_leases(self) -> MssqlCdcOptions:
        leases = self.lock_config.type
        if self.checkpoint == "file" and leases != "none":
            raise ValueError(
                '`checkpoint = "file"` and leases exclude each other: another copy could not go on where this one '
                'stopped; say "table" or "azure_blob", or leave it out'
            )
        if self.checkpoint == "azure_blob" and not self.lock_config.has_blobs:
            raise ValueError(
                '`checkpoint = "azure_blob"` needs `container_name`, and `connection_string` or `account_url`, in '
                "`lock_config`"
            )
        if leases == "sqlserver" and self.max_connections < 2:
            raise ValueError("`max_connections` must be 2 at least: the locks of `sqlserver` hold one all the time")
        return self
