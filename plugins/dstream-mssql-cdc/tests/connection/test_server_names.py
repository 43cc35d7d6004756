"""Servers as connection strings name them."""

from __future__ import annotations

import pytest

from dstream_core.api import ConfigurationError
from dstream_mssql_cdc.connection.server_names import ServerName, parse_server


@pytest.mark.parametrize(
    ("text", "host", "instance", "port"),
    [
        ("sql", "sql", None, None),
        (" sql.example.com , 1444 ", "sql.example.com", None, 1444),
        ("tcp:sql,1444", "sql", None, 1444),
        ("TCP: sql", "sql", None, None),
        ("sql:1444", "sql", None, 1444),
        (r"sql\EXPRESS", "sql", "EXPRESS", None),
        (r"sql\EXPRESS,1444", "sql", "EXPRESS", 1444),
        (r"sql\EXPRESS:1444", "sql", "EXPRESS", 1444),
        (r"sql\MSSQLSERVER", "sql", None, None),
        (".", "localhost", None, None),
        ("(local)", "localhost", None, None),
        (r".\EXPRESS", "localhost", "EXPRESS", None),
        ("10.0.0.1,1444", "10.0.0.1", None, 1444),
        ("::1", "::1", None, None),
        ("[::1]", "::1", None, None),
        ("[::1],1444", "::1", None, 1444),
        ("[::1]:1444", "::1", None, 1444),
        ("tcp:[fe80::1%eth0],1444", "fe80::1%eth0", None, 1444),
        ("2001:db8::5,1444", "2001:db8::5", None, 1444),
        ("größe.example", "größe.example", None, None),
    ],
)
def test_names(text: str, host: str, instance: str | None, port: int | None) -> None:
    assert parse_server(text) == ServerName(host, instance, port)


@pytest.mark.parametrize(
    "text",
    [
        "np:sql",
        r"\\.\pipe\sql\query",
        r"(localdb)\MSSQLLocalDB",
        "sql,0",
        "sql,70000",
        "a b",
        "sql\\",
        "a\\b\\c",
        "a,b",
    ],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_server(text)
    assert caught.value.code == "mssql/server-name"
