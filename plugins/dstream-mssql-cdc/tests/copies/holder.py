"""A copy of a task that only holds leases, and says so: `held` lines whenever what it holds has changed.

Looks before each line, as a reader does before each write, so that what stands in a line was held when it was written.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from dstream_core.api import Log
from dstream_mssql_cdc.blobs import open_container
from dstream_mssql_cdc.connection.pool import ConnectionPool
from dstream_mssql_cdc.connection.settings import ConnectionSettings
from dstream_mssql_cdc.leases.azure_blob import BlobBackend
from dstream_mssql_cdc.leases.backend import Backend, new_member
from dstream_mssql_cdc.leases.shared_leases import SharedLeases
from dstream_mssql_cdc.leases.sqlserver import LockBackend
from dstream_mssql_cdc.nested_options import LockOptions
from dstream_mssql_cdc.shared_tables import checkpoint_tables


def made(document: dict[str, Any], member: str, log: Log) -> Backend:
    """The place of the locks."""
    if "server" in document:
        pool = ConnectionPool(ConnectionSettings(**document["server"]), 2)
        tables = checkpoint_tables("cdc_offsets")
        return LockBackend(pool, tables, "g1", "Shop", "task", member, document["lease"])
    options = LockOptions.model_validate(document["options"])
    return BlobBackend(open_container(options), "task", "Shop", member, options.lease, log)


def main() -> None:
    document = json.loads(sys.argv[1])
    member, log = new_member(), Log(structured=False)
    leases = SharedLeases(made(document, member, log), member, log)
    leases.start(document["tables"])
    said = None
    try:
        while True:
            for name in leases.should_release():
                leases.release(name)
            held = dict(leases.held())
            if held != said:
                said = held
                sys.stdout.write(json.dumps({"at": time.monotonic(), "held": held}) + "\n")
                sys.stdout.flush()
            time.sleep(0.02)
    except KeyboardInterrupt:
        leases.stop()


if __name__ == "__main__":
    main()
