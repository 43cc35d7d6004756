"""The input `mssql-cdc`: SQL Server change data capture."""

from __future__ import annotations

from collections.abc import Iterator

from dstream_core.api import (
    Checkpoint,
    ConfigurationError,
    Context,
    EncodedLines,
    InputContext,
    Result,
    State,
    hookimpl,
)
from dstream_mssql_cdc.catalog.checks import check_source
from dstream_mssql_cdc.catalog.discover import discover
from dstream_mssql_cdc.catalog.patterns import TableSelection
from dstream_mssql_cdc.checkpoints.checking import StoredPositions
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.connection.choosing import connection_settings
from dstream_mssql_cdc.connection.connect import connect
from dstream_mssql_cdc.opening import open_source


class MssqlCdc:
    """Changes of SQL Server tables, and their rows at the beginning."""

    @hookimpl
    def dstream_open(self, context: InputContext[MssqlCdcOptions]) -> None:
        """Reach the database and see that every table can be read."""
        self._opened = open_source(context)

    @hookimpl
    def dstream_run_input(self, context: InputContext[MssqlCdcOptions]) -> Iterator[EncodedLines | Checkpoint]:
        """Yield snapshots and changes, each block with the position behind it."""
        return self._opened.stream(context)

    @hookimpl
    def dstream_discover(self, context: Context[MssqlCdcOptions]) -> Result:
        """The captured tables that are selected, with columns and keys; beside them, the other tables."""
        connection = connect(connection_settings(context.options, context.task).settings, purpose="discover")
        try:
            return discover(connection, TableSelection(context.options.tables))
        finally:
            connection.close()

    @hookimpl
    def dstream_check(self, context: Context[MssqlCdcOptions]) -> Result:
        """Everything that would stop a run, one finding a line; nothing is changed."""
        stored = StoredPositions(context)
        return check_source(
            context.options,
            context.task,
            positions=stored.read,
            kept_in_file=_kept_in_file(context),
            more=(stored.findings,),
        )


def _kept_in_file(context: Context[MssqlCdcOptions]) -> bool:
    try:
        return bool(State(context.state_dir, context.provider, context.task).partitions())
    except ConfigurationError:  # the file cannot be read, which a run will say
        return True
