"""What locks are called."""

from __future__ import annotations

import hashlib
import ipaddress
import socket

from dstream_mssql_cdc.blob_names import segment

LONGEST_RESOURCE = 255
"""Characters of a resource's name that `sp_getapplock` looks at."""


def blob_folder(task: str, database: str) -> str:
    """Where the blobs of a task lie; it ends with a slash."""
    return f"dstream/{segment(task)}/{segment(database)}/"


def lock_folder(task: str, database: str) -> str:
    """Where the locks lie."""
    return f"{blob_folder(task, database)}locks/"


def lock_blob(task: str, database: str, table: str) -> str:
    """The blob whose lease means that a table has a reader.

    Args:
        task: the task.
        database: the database.
        table: `schema.table`.
    """
    return f"{lock_folder(task, database)}{segment(table)}.lock"


def position_blob(task: str, database: str, table: str) -> str:
    """The blob with a table's position."""
    return f"{blob_folder(task, database)}positions/{segment(table)}.json"


def member_folder(task: str, database: str) -> str:
    """Where each copy of a task has a blob."""
    return f"{blob_folder(task, database)}copies/"


def original_locks(server: str, table: str) -> tuple[str, ...]:
    """What the Go provider calls the lock of a table: `<server>/<table>.lock`.

    It knows tables of schema dbo only. Of the server it takes the first label in lower case, and its own machine's name
    instead of an address; earlier ones took the name as it is. Both are locked.

    Args:
        server: as it is configured, without port.
        table: `schema.table`.
    """
    name = table.removeprefix("dbo.")
    host = server.strip().lower()
    return tuple(dict.fromkeys(f"{each}/{name}.lock" for each in (_short(host), host)))


def resource(database: str, task: str, table: str, generation: int) -> str:
    """The resource that `sp_getapplock` locks for a table; another one for every table, however long its name is.

    Args:
        database: the database.
        task: the task.
        table: `schema.table`.
        generation: how often the lock of a holder was passed over that did not answer any more.
    """
    name = f"dstream/{database}/{task}/{table}/{generation}"
    if len(name) <= LONGEST_RESOURCE:
        return name
    digest = hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
    return f"{name[: LONGEST_RESOURCE - len(digest) - 1]}~{digest}"


def _short(host: str) -> str:
    if host == "localhost" or _is_address(host):
        return socket.gethostname().lower()
    return host.split(".")[0].split("\\")[0]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
