"""Why a login fails, found out in a process of its own.

DB-Library reports failures to connect through variables that pymssql never clears: the second failure in a process
comes with the number of the worst one before. A new process has none. It logs in without naming the database, so that
"no such login" and "no such database", which the server reports alike (18456), are told apart.

Run as a program it reads one JSON object from stdin and writes one to stdout.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

from dstream_core.api import DStreamError
from dstream_mssql_cdc.connection.errors import (
    ConnectionLostError,
    SetupError,
    StatementError,
    UnreachableError,
    classified,
    number_and_text,
    number_of,
    numbered,
)
from dstream_mssql_cdc.connection.settings import ConnectionSettings
from dstream_mssql_cdc.sql import quoted

_PASSING_STATES = frozenset({"RESTORING", "RECOVERING", "RECOVERY_PENDING", "COPYING"})
DATABASE_STATE = "SELECT state_desc, HAS_DBACCESS(name) FROM sys.databases WHERE name = %s"


def login_failure(settings: ConnectionSettings, port: int, error: BaseException) -> DStreamError:
    """Why no session could be opened, although a SQL Server listens there.

    Args:
        settings: of the connection that failed.
        port: where the server listens.
        error: what pymssql raised; told if nothing better is found.
    """
    answer = _asked(settings, port)
    where = f"login to {settings.address}"
    match answer:
        case {"stage": "login", "number": number, "text": str(text)}:
            return login_error(number, text, settings)
        case {"stage": "database", "rows": list(rows)}:
            return database_error([tuple(row) for row in rows], settings)
    _, text = number_and_text(error)
    return UnreachableError(f"{where}: {text}", hint="it is tried again")


def login_error(number: int | None, text: str, settings: ConnectionSettings) -> DStreamError:
    """The error for a login that the server, or FreeTDS, refused."""
    found = classified(number, text, f"login to {settings.address} as {settings.user}")
    if isinstance(found, StatementError) and number is not None and 18400 <= number < 18500:
        return numbered(SetupError(found.message, code="mssql/login", hint="check user and password"), number)
    if isinstance(found, (ConnectionLostError, StatementError)):
        return numbered(UnreachableError(found.message, hint="it is tried again"), number_of(found))
    return found


def database_error(rows: list[tuple[Any, ...]], settings: ConnectionSettings) -> DStreamError:
    """The error for a login that works, to a database that does not.

    Args:
        rows: state and access of the database, as the server has them; none if it has no such database.
        settings: of the connection.
    """
    name, user = settings.database or "", settings.user or ""
    if not rows:
        return SetupError(
            f"{settings.address} has no database {name}",
            code="mssql/no-such-database",
            hint="check the name (SELECT name FROM sys.databases), and that the login may see it",
        )
    state, access = rows[0]
    if state in _PASSING_STATES:
        return UnreachableError(
            f"the database {name} is {str(state).lower().replace('_', ' ')}",
            code="mssql/database-unavailable",
            hint="it is tried again until the server has finished",
        )
    if state != "ONLINE":
        return SetupError(
            f"the database {name} is {str(state).lower().replace('_', ' ')}",
            code="mssql/database-offline",
            hint=f"ALTER DATABASE {quoted(name)} SET ONLINE; if it is suspect, see the server's error log",
        )
    if not access:
        return SetupError(
            f"{user} may not use the database {name}",
            code="mssql/no-database-access",
            hint=f"USE {quoted(name)}; CREATE USER {quoted(user)} FOR LOGIN {quoted(user)}",
        )
    return UnreachableError(
        f"the database {name} could not be opened", hint="it is tried again; it seems to be well now"
    )


def _asked(settings: ConnectionSettings, port: int) -> dict[str, Any]:
    document = json.dumps({"settings": dataclasses.asdict(settings), "port": port})
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=document.encode(),
            capture_output=True,
            timeout=settings.login_timeout + 10,
            check=False,
        )
        answer = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def diagnose(settings: ConnectionSettings, port: int) -> dict[str, Any]:
    """What the server says to a login without a database, and of the database."""
    from dstream_mssql_cdc.connection.opening import open_raw  # noqa: PLC0415  loads pymssql, which the caller has not

    try:
        raw = open_raw(dataclasses.replace(settings, database=None), port, "diagnosis")
    except Exception as error:  # noqa: BLE001  all there is to say goes to the parent
        number, text = number_and_text(error)
        return {"stage": "login", "number": number, "text": text}
    from dstream_mssql_cdc.connection.connection import Connection  # noqa: PLC0415  the same

    connection = Connection(raw, "diagnosis")
    try:
        rows = connection.query(DATABASE_STATE, settings.database)
    except DStreamError:
        return {}
    finally:
        connection.close()
    return {"stage": "database", "rows": rows}


def main() -> None:
    """Reads settings from stdin and writes the finding to stdout."""
    document = json.load(sys.stdin)
    finding = diagnose(ConnectionSettings(**document["settings"]), document["port"])
    json.dump(finding, sys.stdout)


if __name__ == "__main__":
    main()
