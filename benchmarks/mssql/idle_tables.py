"""Queries and connections for many captured tables of which none, or one, changes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measure import Row

from dstream_mssql_cdc.stream.pulse import PULSE
from dstream_sandbox.sqlserver.client import SqlServerSandbox
from mssql.provider import Provider, reading, running
from mssql.sessions import Session, session

POLL_SECONDS = 0.1
PASSES = 30
MAX_CONNECTIONS = 4
"""The default of `max_connections`."""
SIZES = (10, 100, 1000)
PATIENCE = 120.0


@dataclass(frozen=True)
class Load:
    """What a number of tables costs the server.

    Attributes:
        queries: of a pass, on average.
        connections: the most at any one time, while every table had a change to read and then none.
    """

    queries: float
    connections: int


@contextmanager
def captured_tables(number: int) -> Iterator[SqlServerSandbox]:
    """A sandbox with a database `bench` of so many captured tables: T0, T1 and so on."""
    with SqlServerSandbox(databases=["bench"], capture_interval=0.02) as server:
        with session(server) as run:
            run("EXEC sys.sp_cdc_enable_db")
            for table in range(number):
                run(f"CREATE TABLE dbo.T{table} (Id int NOT NULL IDENTITY PRIMARY KEY, Name nvarchar(40) NOT NULL)")
                run(
                    "EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', "
                    f"@source_name = N'T{table}', @role_name = NULL"
                )
                run(f"INSERT INTO dbo.T{table} (Name) VALUES (N'the first')")
        yield server


def load_of(number: int, *, busy: bool) -> Load:
    """Runs the provider on so many tables, and counts once it has settled."""
    with captured_tables(number) as server:
        server.control.forget_most_connections()
        with (
            tempfile.TemporaryDirectory() as state,
            running(
                server, Path(state), snapshot="never", poll_interval=POLL_SECONDS, max_poll_interval=POLL_SECONDS
            ) as it,
            reading(it),
        ):
            _until(lambda: it.lines >= number, it)
            server.control.clear_statements()
            _passes(server, it, 10)
            connections = server.control.most_connections()  # while every table had a change
            if busy:
                with session(server) as run:
                    queries = _queries_a_pass(server, it, lambda: _insert(run))
            else:
                queries = _queries_a_pass(server, it, lambda: time.sleep(POLL_SECONDS))
    return Load(queries, connections)


def _insert(run: Session) -> None:
    run("INSERT INTO dbo.T0 (Name) VALUES (N'again')")
    time.sleep(POLL_SECONDS)


def _queries_a_pass(server: SqlServerSandbox, provider: Provider, between: Callable[[], object]) -> float:
    server.control.clear_statements()
    _passes(server, provider, PASSES, between)
    seen = server.control.distinct_statements()
    ours = sum(count for text, count in seen.items() if not text.startswith("INSERT"))
    return ours / seen[PULSE]


def _passes(
    server: SqlServerSandbox, provider: Provider, number: int, between: Callable[[], object] = lambda: time.sleep(0.02)
) -> None:
    """Waits until the provider has looked at the database so often, counted from the last `clear_statements`."""

    def done() -> bool:
        between()
        return server.control.distinct_statements().get(PULSE, 0) >= number

    _until(done, provider)


def _until(condition: Callable[[], bool], provider: Provider) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline or provider.process.poll() is not None:
            raise RuntimeError(f"what was waited for did not come: {provider.complaint()}")
        time.sleep(0.01)


def idle_tables(quick: bool) -> list[Row]:
    """Queries of a pass by the number of tables; then with one table that changes."""
    sizes = SIZES[:2] if quick else SIZES
    idle = {size: load_of(size, busy=False) for size in sizes}
    queries = [round(load.queries, 2) for load in idle.values()]
    most = max(load.connections for load in idle.values())
    busy = {size: load_of(size, busy=True) for size in sizes}
    shown = ", ".join(f"{size:,}: {load.queries:.1f}" for size, load in busy.items())
    names = " / ".join(f"{size:,}" for size in sizes)
    return [
        Row(
            "mssql: queries a pass, idle tables",
            " ".join(f"{number:g}" for number in queries),
            "constant",
            max(queries) - min(queries) < 0.1,
            f"{names} tables",
        ),
        Row(
            "mssql: connections",
            str(most),
            f"<= {MAX_CONNECTIONS}",
            most <= MAX_CONNECTIONS,
            "at any one time, while all tables had changes",
        ),
        Row(
            "mssql: queries a pass, one busy table",
            f"{max(load.queries for load in busy.values()):.1f}",
            "",
            None,
            shown,
        ),
    ]
