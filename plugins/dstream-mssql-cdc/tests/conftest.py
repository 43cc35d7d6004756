"""What the tests of the input share: a SQL Server, the sandbox's or a real one."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the modules that tests share lie beside them

from sql_servers import REAL, TestServer, sql

from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.connection.choosing import connection_settings
from dstream_mssql_cdc.connection.settings import ConnectionSettings
from dstream_mssql_cdc.sql import quoted


@pytest.fixture(scope="module")
def host() -> Iterator[TestServer]:
    """A server without a database of ours."""
    real = os.environ.get(REAL)
    if real:
        options = MssqlCdcOptions.model_validate({"db_connection_string": real, "database": "master"})
        settings = connection_settings(options).settings
        yield TestServer(replace(settings, port=settings.port or 1433))
        return
    from dstream_sandbox.sqlserver.client import SqlServerSandbox  # noqa: PLC0415  not needed beside a real server

    with SqlServerSandbox() as sandbox:
        settings = ConnectionSettings(
            sandbox.host, sandbox.port, database="master", user=sandbox.user, password=sandbox.password
        )
        yield TestServer(settings, sandbox)


@pytest.fixture(scope="module")
def server(host: TestServer) -> Iterator[TestServer]:
    """A server with a database of ours, in which change data capture is on."""
    name = f"dstream_{uuid.uuid4().hex[:8]}"
    sql(host, f"CREATE DATABASE {name}")
    here = TestServer(replace(host.settings, database=name), host.sandbox)
    try:
        sql(here, "EXEC sys.sp_cdc_enable_db")
        yield here
    finally:
        if host.sandbox is None:
            sql(host, f"ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE; DROP DATABASE {name}")


@pytest.fixture(scope="module")
def reader(server: TestServer) -> TestServer:
    """The same database as a login that may read the changes and nothing else."""
    name, password = f"reader_{uuid.uuid4().hex[:6]}", "Reader;'1\"x"
    quoted_password = password.replace("'", "''")
    sql(server, f"CREATE LOGIN {quoted(name)} WITH PASSWORD = N'{quoted_password}', CHECK_POLICY = OFF", "master")
    sql(server, f"CREATE USER {quoted(name)} FOR LOGIN {quoted(name)}")
    return TestServer(replace(server.settings, user=name, password=password), server.sandbox)
