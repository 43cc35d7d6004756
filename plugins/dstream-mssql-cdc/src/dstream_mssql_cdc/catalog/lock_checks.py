"""Whether locks can be taken, and positions kept, outside the database."""

from __future__ import annotations

from collections.abc import Iterator

from dstream_core.api import DStreamError
from dstream_mssql_cdc.catalog.findings import Finding, failed
from dstream_mssql_cdc.config import MssqlCdcOptions

_PREFIX = "dstream-check/"  # nothing lies there: the question is whether it may be asked


def check_locks(options: MssqlCdcOptions) -> Iterator[Finding]:
    """The container of locks and checkpoints, if there is one to be used."""
    locks = options.lock_config
    if not locks.has_blobs or (locks.type != "azure_blob" and options.checkpoint != "azure_blob"):
        return
    from dstream_mssql_cdc.blobs import open_container  # noqa: PLC0415  loads Azure's client, which few need

    try:
        container = open_container(locks)
        try:
            container.list(_PREFIX)
        finally:
            container.close()
    except DStreamError as error:
        if error.code == "mssql/container-gone":
            yield Finding("lock_config", "warning", f"{container.what} is not there yet and would be created")
        else:
            yield failed("lock_config", error)
    else:
        yield Finding("lock_config", "ok", f"{container.what} can be reached")
