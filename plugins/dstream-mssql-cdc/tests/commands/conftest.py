"""A server, and the installed `dstream` in a folder of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the module that these tests share lies beside them

from command_project import PASSWORD, Project

from dstream_sandbox.sqlserver.client import SqlServerSandbox


@pytest.fixture
def dstream(tmp_path: Path) -> Iterator[Project]:
    """`dstream(connection string, "run", "copy")` in a folder of its own."""
    project = Project(tmp_path)
    yield project
    project.close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SqlServerSandbox]:
    """The server."""
    with SqlServerSandbox(password=PASSWORD, capture_interval=0.05) as running:
        yield running
