"""Connection string and separate options together."""

from __future__ import annotations

import pytest

from dstream_core.api import ConfigurationError
from dstream_mssql_cdc.connection.choosing import connection_settings
from dstream_mssql_cdc.connection.options import ConnectionOptions
from dstream_mssql_cdc.connection.settings import ConnectionSettings


def settings(**options: object) -> ConnectionSettings:
    return connection_settings(ConnectionOptions.model_validate(options), "nightly").settings


def test_the_string_alone() -> None:
    found = settings(db_connection_string="Server=s,1444;Database=d;User ID=u;Password=p")

    assert (found.host, found.port, found.database, found.user, found.password) == ("s", 1444, "d", "u", "p")
    assert (found.encrypt, found.trust_server_certificate) == ("request", True)
    assert found.application_name == "dstream nightly"


def test_options_alone_and_over_the_string() -> None:
    found = settings(
        db_connection_string="Server=s,1444;Database=d;User ID=u;Password=p;Encrypt=false",
        server=r"other\INST",
        password="q",
        encrypt=True,
        login_timeout="2s",
    )

    assert (found.host, found.port, found.instance) == ("other", None, "INST")
    assert (found.user, found.password, found.encrypt, found.login_timeout) == ("u", "q", "require", 2.0)


@pytest.mark.parametrize(
    ("encrypt", "trusts"), [(None, True), (False, True), (True, False), ("strict", False), ("disable", True)]
)
def test_a_certificate_is_checked_where_encryption_is_asked_for(encrypt: object, trusts: bool) -> None:
    found = settings(server="s", database="d", user="u", encrypt=encrypt)
    assert found.trust_server_certificate is trusts


def test_strict_always_checks() -> None:
    found = settings(server="s", database="d", user="u", encrypt="strict", trust_server_certificate=True)
    assert not found.trust_server_certificate


def test_what_is_said_of_the_certificate_holds() -> None:
    assert settings(
        server="s", database="d", user="u", encrypt=True, trust_server_certificate=True
    ).trust_server_certificate


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"server": "s", "user": "u"}, "mssql/no-database"),
        ({"server": "s", "database": "d"}, "mssql/no-user"),
        ({"db_connection_string": "Database=d;UID=u"}, "mssql/no-server"),
    ],
)
def test_what_is_missing_is_named(options: dict[str, object], code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(**options)
    assert caught.value.code == code


def test_the_password_is_in_no_representation() -> None:
    found = settings(db_connection_string="Server=s;Database=d;User ID=u;Password=hunter2")
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({"server": "s"}, "s:1433"),
        ({"server": "::1", "port": 1}, "[::1]:1"),
        ({"server": r"s\I"}, r"s\I"),
        ({"server": r"s\I,5"}, "s:5"),
    ],
)
def test_how_messages_name_the_server(options: dict[str, object], address: str) -> None:
    assert settings(database="d", user="u", **options).address == address
