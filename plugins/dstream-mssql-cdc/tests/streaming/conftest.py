"""A server for the tests of a module, and for each test a database of its own with change data capture on."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the modules that these tests share lie beside them

from reader_process import Reader
from source_database import SourceDatabase

from dstream_sandbox.sqlserver.client import SqlServerSandbox

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SqlServerSandbox]:
    """The server. These tests cut connections and stop jobs, which nobody does to a real one."""
    with SqlServerSandbox() as running:
        yield running


@pytest.fixture
def database(sandbox: SqlServerSandbox) -> Iterator[SourceDatabase]:
    """An empty database that allows snapshot isolation."""
    made = SourceDatabase(sandbox, f"Shop{next(_NUMBERS)}")
    yield made
    made.end()


@pytest.fixture
def start(database: SourceDatabase, tmp_path: Path) -> Iterator[Callable[..., Reader]]:
    """`start(**options)`: the input, reading `database`; started again, it goes on where it stopped."""
    started: list[Reader] = []

    def begin(*, folder: str = "state", ready: bool = True, **options: Any) -> Reader:
        reader = Reader(database.connection_string, tmp_path / folder, options)
        started.append(reader)
        reader.__enter__()
        if ready:
            reader.process.wait_ready()
        return reader

    yield begin
    for reader in started:
        reader.__exit__(None, None, None)
