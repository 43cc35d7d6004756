"""What tests of several copies of a task share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "workload"))

from azurite_server import azurite_running
from sql_servers import TestServer, sql

from dstream_mssql_cdc.blobs import BlobContainer, open_container
from dstream_mssql_cdc.nested_options import LockOptions


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], str]) -> Iterator[str]:
    with azurite_running(require("azurite-blob"), tmp_path_factory.mktemp("azurite")) as connection_string:
        yield connection_string


@pytest.fixture
def lock_options(azurite: str) -> LockOptions:
    """`lock_config` with a container of its own."""
    return LockOptions.model_validate(
        {"type": "azure_blob", "connection_string": azurite, "container_name": f"test-{uuid4().hex}", "lease": 15}
    )


@pytest.fixture
def container(lock_options: LockOptions) -> Iterator[BlobContainer]:
    container = open_container(lock_options)
    container.ensure()
    yield container
    container.close()


@pytest.fixture
def fresh(host: TestServer) -> Iterator[TestServer]:
    """A new database; nothing is captured in it."""
    name = f"dstream_{uuid4().hex[:8]}"
    sql(host, f"CREATE DATABASE {name}")
    yield TestServer(replace(host.settings, database=name), host.sandbox)
    if host.sandbox is None:
        sql(host, f"ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE; DROP DATABASE {name}")
