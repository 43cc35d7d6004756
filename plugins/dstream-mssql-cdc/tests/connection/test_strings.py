"""Connection strings of all forms."""

from __future__ import annotations

import string
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.api import ConfigurationError
from dstream_mssql_cdc.connection.strings import parse_connection_string

PASSWORD = "Pa55;w0rd"

FORMS = [
    'Server=tcp:sql.example.com,1444;Database=Shop;User ID=reader;Password="Pa55;w0rd";Encrypt=True',
    "Data Source = sql.example.com,1444 ; Initial Catalog=Shop;UID=reader;PWD='Pa55;w0rd';encrypt=mandatory;",
    "Driver={ODBC Driver 18 for SQL Server};Server=sql.example.com,1444;Database=Shop;UID=reader;PWD={Pa55;w0rd};Encrypt=yes",
    "Server=sql.example.com,1444;Database=Shop;User ID=reader;Password={Pa55;w0rd};Encrypt=true",
    "odbc:server=sql.example.com,1444;database=Shop;uid=reader;pwd={Pa55;w0rd};encrypt=true",
    "jdbc:sqlserver://sql.example.com:1444;databaseName=Shop;user=reader;password={Pa55;w0rd};encrypt=true;",
    "jdbc:sqlserver://;serverName=sql.example.com;portNumber=1444;database=Shop;userName=reader;password={Pa55;w0rd};encrypt=true",
    "mssql://reader:Pa55%3Bw0rd@sql.example.com:1444/Shop?encrypt=true",
    "sqlserver://reader:Pa55%3Bw0rd@sql.example.com:1444?database=Shop&encrypt=true",
    "mssql+pymssql://reader:Pa55%3Bw0rd@sql.example.com:1444/Shop?encrypt=true&charset=utf8",
    "mssql+pyodbc:///?odbc_connect="
    + quote_plus("Driver={X};Server=sql.example.com,1444;Database=Shop;UID=reader;PWD={Pa55;w0rd};Encrypt=yes"),
]


@pytest.mark.parametrize("text", FORMS)
def test_all_forms_say_the_same(text: str) -> None:
    found = parse_connection_string(text)

    assert found.warnings == ()
    assert found.values == {
        "host": "sql.example.com",
        "port": 1444,
        "database": "Shop",
        "user": "reader",
        "password": PASSWORD,
        "encrypt": "require",
    }


@pytest.mark.parametrize(
    ("text", "password"),
    [
        ("Server=s;Password=plain", "plain"),
        ("Server=s;Password= spaced out ;Database=d", "spaced out"),
        ('Server=s;Password=" kept ";Database=d', " kept "),
        ('Server=s;Password="say ""no"""', 'say "no"'),
        ("Server=s;Password='it''s'", "it's"),
        ("Server=s;Password='\"'", '"'),
        ('Server=s;Password=a"b', 'a"b'),
        ("Server=s;Password=a=b==c", "a=b==c"),
        ("Server=s;Password={ab}", "{ab}"),
        ("Server=s;Password=", ""),
        ("Server=s;Password=;Database=d", ""),
        ("Server=s;Password=one;Password=two", "two"),
        ("Server=s;PWD=one;Password=two", "two"),
        ("Driver={x};Server=s;PWD={a;b}}c}", "a;b}c"),
        ("Driver={x};Server=s;PWD=one;PWD=two", "one"),
        ("Driver={x};Server=s;PWD='quoted'", "'quoted'"),
        ("jdbc:sqlserver://s;password={a;b}}c}", "a;b}c"),
        ("jdbc:sqlserver://s;password=one;password=two", "two"),
        ("mssql://u:p%40ss%2Fw%25rd@s/d", "p@ss/w%rd"),
        ("mssql://u:p@ss@s/d", "p@ss"),
        ("mssql://u:a:b@s/d", "a:b"),
    ],
)
def test_passwords_by_the_rules_of_each_form(text: str, password: str) -> None:
    assert parse_connection_string(text).values["password"] == password


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30)


@given(ANY_TEXT)
def test_any_password_survives_ado_quoting(password: str) -> None:
    for quoted in ('"' + password.replace('"', '""') + '"', "'" + password.replace("'", "''") + "'"):
        found = parse_connection_string(f"Server=s;Password={quoted};Database=d")
        assert (found.values["password"], found.values["database"]) == (password, "d")


@given(ANY_TEXT)
def test_any_password_survives_braces(password: str) -> None:
    braced = "{" + password.replace("}", "}}") + "}"
    for text in (f"Driver={{x}};Server=s;PWD={braced};Database=d", f"jdbc:sqlserver://s;password={braced};database=d"):
        found = parse_connection_string(text)
        assert (found.values["password"], found.values["database"]) == (password, "d")


@given(ANY_TEXT, ANY_TEXT)
def test_any_password_and_database_survive_a_url(password: str, database: str) -> None:
    found = parse_connection_string(f"mssql://u:{quote(password, safe='')}@h:1/{quote(database, safe='')}")

    assert found.values["password"] == password
    assert found.values.get("database", "").strip("/") == database.strip("/") or not database.strip()


@given(
    st.text(max_size=60),
    st.sampled_from(["Server=s;Password={0}", "mssql://u:{0}@h/d", "jdbc:sqlserver://s;password={0}"]),
)
def test_no_message_holds_any_of_a_malformed_password(tail: str, form: str) -> None:
    secret = "Xy7" + "".join(letter for letter in tail if letter not in string.ascii_letters + string.digits) + "Zq9"
    try:
        found = parse_connection_string(form.format(secret))
    except ConfigurationError as error:
        told = f"{error} {error.hint}"
    else:
        told = " ".join(found.warnings) + repr(found)
    assert "Xy7" not in told
    assert "Zq9" not in told


def test_a_part_of_the_password_is_not_told_as_an_unknown_key() -> None:
    found = parse_connection_string("Server=s;Password=abc;Secret2=x;Database=d")

    assert "Secret2" not in " ".join(found.warnings)
    assert "needs quotes" in found.warnings[0]


def test_unknown_keys_are_named_and_known_ones_without_effect_are_not() -> None:
    found = parse_connection_string("Server=s;Database=d;Colour=red;MultipleActiveResultSets=true;Pooling=no")

    assert found.warnings == ("the connection string's key 'Colour' is not known; it has no effect",)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Server=s;Encrypt=false", {"encrypt": "request"}),
        ("Server=s;Encrypt=Optional", {"encrypt": "request"}),
        ("Server=s;Encrypt=strict", {"encrypt": "strict"}),
        ("Server=s;Encrypt=disable", {"encrypt": "off"}),
        ("Server=s;TrustServerCertificate=yes", {"trust_server_certificate": True}),
        ("Server=s;Trust Server Certificate=False", {"trust_server_certificate": False}),
        ("Server=s;HostNameInCertificate=*.x", {"certificate_host": "*.x"}),
        ("Server=s;ApplicationIntent=READONLY", {"application_intent": "ReadOnly"}),
        ("Server=s;MultiSubnetFailover=true", {"multi_subnet_failover": True}),
        ("Server=s;Connect Timeout=30", {"login_timeout": 30.0}),
        ("Server=s;Connection Timeout=0", {"login_timeout": 3600.0}),
        ("Server=s;Timeout=7", {"login_timeout": 7.0}),
        ("mssql://s/?timeout=7&login_timeout=3", {"query_timeout": 7.0, "login_timeout": 3.0}),
        ("Server=s;Command Timeout=60", {"query_timeout": 60.0}),
        ("Server=s;App=me", {"application_name": "me"}),
        ("Server=s;Application Name=me too", {"application_name": "me too"}),
        ("Server=s;Integrated Security=false", {}),
        ("Server=s;Authentication=SqlPassword", {}),
        ("sqlserver://s/INST?database=d", {"instance": "INST", "database": "d"}),
        ("jdbc:sqlserver://s\\INST;instanceName=OTHER", {"instance": "OTHER"}),
    ],
)
def test_other_keys(text: str, values: dict[str, object]) -> None:
    assert parse_connection_string(text).values == {"host": "s", **values}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Server=s;Integrated Security=SSPI", "mssql/windows-login"),
        ("Server=s;Trusted_Connection=yes", "mssql/windows-login"),
        ("Server=s;Authentication=Active Directory Password", "mssql/entra-login"),
        ("jdbc:sqlserver://s;authentication=ActiveDirectoryMSI", "mssql/entra-login"),
        ("Server=np:s", "mssql/server-name"),
        ("postgres://s/d", "mssql/connection-string"),
        ("Server=s;nonsense", "mssql/connection-string"),
        ('Server=s;Password="open', "mssql/connection-string"),
        ("Driver={x};PWD={open", "mssql/connection-string"),
        ("Server=s;Encrypt=perhaps", "mssql/connection-string"),
        ("Server=s;Connect Timeout=soon", "mssql/connection-string"),
        ("Server=s;TrustServerCertificate=maybe", "mssql/connection-string"),
        ("jdbc:sqlserver://s;portNumber=99999", "mssql/connection-string"),
        ("mssql://u:p#x@s/d", "mssql/connection-string"),
    ],
)
def test_what_is_refused(text: str, code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_connection_string(text)
    assert caught.value.code == code


def test_a_misspelt_key_behind_the_password_is_named_and_a_part_of_a_password_is_not() -> None:
    found = parse_connection_string("Server=x;Password=abc;TrustServerCertifikate=true;Initial Katalog=x")
    assert [text for text in found.warnings if "TrustServerCertifikate" in text]
    assert [text for text in found.warnings if "Initial Katalog" in text]
    for secret in ("hunter2", "S3cret", "Encrypt1on", "TrustNoOne"):
        (warning,) = parse_connection_string(f"Server=x;Password=abc;{secret}=1").warnings
        assert secret not in warning
