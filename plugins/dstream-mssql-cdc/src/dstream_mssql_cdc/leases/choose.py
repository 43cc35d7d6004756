"""The leases that the options ask for."""

from __future__ import annotations

from dstream_core.api import Log
from dstream_mssql_cdc.catalog.values import Database
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.connection.choosing import connection_settings
from dstream_mssql_cdc.connection.pool import ConnectionPool
from dstream_mssql_cdc.leases.backend import Backend, new_member
from dstream_mssql_cdc.leases.leases import Leases, NoLeases
from dstream_mssql_cdc.leases.shared_leases import SharedLeases
from dstream_mssql_cdc.leases.sqlserver import LockBackend
from dstream_mssql_cdc.shared_tables import checkpoint_tables


def open_leases(options: MssqlCdcOptions, pool: ConnectionPool, database: Database, task: str, log: Log) -> Leases:
    """The leases that the options ask for; nothing is taken before `start`.

    Args:
        options: the options.
        pool: connections.
        database: what is read.
        task: name of the task.
        log: the log.

    Raises:
        ConfigurationError: `lock_config` cannot be used.
    """
    locks = options.lock_config
    if locks.type == "none":
        return NoLeases()
    member = new_member()
    backend: Backend
    if locks.type == "sqlserver":
        tables = checkpoint_tables(options.checkpoint_table)
        backend = LockBackend(pool, tables, database.guid, database.name, task, member, locks.lease)
    else:
        # Its libraries take a quarter of a second to load, which only those pay who ask for them.
        from dstream_mssql_cdc.blobs import open_container  # noqa: PLC0415  see above
        from dstream_mssql_cdc.leases.azure_blob import BlobBackend  # noqa: PLC0415  see above

        original = connection_settings(options, task).settings.host if locks.lock_names == "original" else None
        container = open_container(locks)
        backend = BlobBackend(container, task, database.name, member, locks.lease, log, original)
    return SharedLeases(backend, member, log)
