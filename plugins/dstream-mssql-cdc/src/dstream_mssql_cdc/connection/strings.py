"""Connection strings of ADO.NET, ODBC, JDBC and as URLs into settings. Pure; no value in any message."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dstream_core.api import ConfigurationError
from dstream_mssql_cdc.connection.lexing import Pairs, ado_pairs, jdbc_pairs, odbc_pairs, url_pairs
from dstream_mssql_cdc.connection.server_names import parse_server
from dstream_mssql_cdc.connection.settings import encryption_of

_SYNONYMS = {
    "host": "server addr address datasource networkaddress server servername",
    "port": "port portnumber",
    "instance": "instance instancename",
    "database": "database initialcatalog databasename",
    "user": "user userid uid username",
    "password": "password pwd",
    "encrypt": "encrypt useencryptionfordata",
    "trust_server_certificate": "trustservercertificate",
    "certificate_authority": "certificate certificateauthority cafile",
    "certificate_host": "hostnameincertificate",
    "application_intent": "applicationintent",
    "multi_subnet_failover": "multisubnetfailover",
    "login_timeout": "connecttimeout connectiontimeout timeout logintimeout",
    "query_timeout": "commandtimeout defaultcommandtimeout querytimeout",
    "application_name": "applicationname app",
    "windows_login": "integratedsecurity trustedconnection",
    "authentication": "authentication authenticationscheme",
}
_MEANING = {synonym: name for name, synonyms in _SYNONYMS.items() for synonym in synonyms.split()}

_WITHOUT_EFFECT = frozenset(
    [
        "driver",
        "dsn",
        "description",
        "pooling",
        "minpoolsize",
        "maxpoolsize",
        "loadbalancetimeout",
        "connectionlifetime",
        "multipleactiveresultsets",
        "marsconnection",
        "persistsecurityinfo",
        "packetsize",
        "workstationid",
        "wsid",
        "connectretrycount",
        "connectretryinterval",
        "connectionreset",
        "enlist",
        "replication",
        "userinstance",
        "typesystemversion",
        "currentlanguage",
        "language",
        "tdsversion",
        "charset",
        "clientcharset",
        "autotranslate",
        "asynchronousprocessing",
        "contextconnection",
        "poolblockingperiod",
        "transactionbinding",
        "ipaddresspreference",
        "networklibrary",
        "network",
        "net",
        "provider",
        "quotedid",
        "ansinpw",
        "regional",
        "log",
        "dialtimeout",
        "keepalive",
        "disableretry",
        "sockettimeout",
        "locktimeout",
        "sendstringparametersasunicode",
        "selectmethod",
        "responsebuffering",
        "lastupdatecount",
        "xopenstates",
        "sendtimeasdatetime",
        "transparentnetworkipresolution",
        "serverspn",
        "failoverpartnerspn",
        "protocol",
        "guidconversion",
        "epaenabled",
        "columnencryptionsetting",
    ]
)
"""Keys that mean something to other drivers and change nothing here."""

_NEARLY = 0.85  # of a misspelt key's letters are those of the right one
_LONG_ENOUGH = 7

_LOGIN_BY_PASSWORD = frozenset({"", "sqlpassword", "sqlserver", "notspecified", "nativeauthentication"})


@dataclass(frozen=True)
class ConnectionString:
    """What a connection string says.

    Attributes:
        values: for `ConnectionSettings`, by its names; what is not said is not in it.
        warnings: keys that are unknown.
    """

    values: Mapping[str, Any] = field(repr=False)
    warnings: tuple[str, ...] = ()


def parse_connection_string(text: str) -> ConnectionString:
    """Reads a connection string of any form.

    Raises:
        ConfigurationError: `mssql/connection-string`, it is malformed; `mssql/windows-login`, `mssql/entra-login`, it
            asks for a login that is not supported; `mssql/server-name`.
    """
    meanings = dict(_MEANING)
    if match := re.match(r"(?is)\s*jdbc:sqlserver://(.*)", text):
        pairs = jdbc_pairs(match[1])
    elif match := re.match(r"(?is)\s*(mssql|sqlserver)(?:\+(\w+))?://(.*)", text):
        meanings["timeout"] = "query_timeout"  # of pymssql's own parameter, which SQLAlchemy's URLs hand on
        pairs = _url(match[3])
    elif re.match(r"(?i)\s*[a-z][a-z0-9+.:-]*://", text):
        raise ConfigurationError(
            "the connection string is a URL of another kind",
            code="mssql/connection-string",
            hint="URLs begin with mssql://, sqlserver:// or jdbc:sqlserver://",
        )
    else:
        pairs = _key_values(text)
    return _meaning(pairs, meanings)


def _url(text: str) -> Pairs:
    pairs = url_pairs(text)
    inner = next((value for key, value in pairs if key.casefold() == "odbc_connect"), None)
    return odbc_pairs(inner) if inner else pairs


def _key_values(text: str) -> Pairs:
    """ODBC if it names a driver or begins with `odbc:`, else ADO; braces that ADO does not know are ODBC's."""
    if match := re.match(r"(?is)\s*odbc:(.*)", text):
        return odbc_pairs(match[1])
    if re.search(r"(?i)(?:^|;)\s*(driver|dsn)\s*=", text):
        return odbc_pairs(text)
    try:
        return ado_pairs(text)
    except ConfigurationError:
        if re.search(r"=\s*\{", text):
            return odbc_pairs(text)
        raise


def _meaning(pairs: Pairs, meanings: Mapping[str, str]) -> ConnectionString:
    said: dict[str, tuple[str, str]] = {}
    warnings: list[str] = []
    previous = None
    for key, value in pairs:
        plain = re.sub(r"[\s_-]", "", key).casefold()
        name = meanings.get(plain)
        if name is not None:
            said[name] = (key, value)
        elif plain not in _WITHOUT_EFFECT:
            warnings.append(_unknown(key, previous))
        previous = name
    values: dict[str, Any] = {}
    for name, (key, value) in said.items():
        if value.strip() or name == "password":
            values.update(_converted(name, key, value))
    return ConnectionString(values, tuple(warnings))


def _unknown(key: str, previous: str | None) -> str:
    """A warning; what stands behind the password may be a part of it, and what is no word may be one too.

    A part of a password that looks like a misspelt key is not what passwords are made of.
    """
    if previous == "password" and not _nearly_known(key):
        return (
            "the part of the connection string behind the password is not known; a password with ; in it needs quotes"
        )
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9 _-]{0,39}", key):
        return "a part of the connection string is not known"
    return f"the connection string's key {key!r} is not known; it has no effect"


def _nearly_known(key: str) -> bool:
    plain = re.sub(r"[\s_-]", "", key).casefold()
    known = [*_MEANING, *_WITHOUT_EFFECT]
    return len(plain) >= _LONG_ENOUGH and bool(difflib.get_close_matches(plain, known, n=1, cutoff=_NEARLY))


def _converted(name: str, key: str, value: str) -> dict[str, Any]:
    try:
        return _CONVERSIONS[name](value)
    except ValueError as error:
        raise ConfigurationError(f"the connection string's {key!r} {error}", code="mssql/connection-string") from None


def _flag(value: str) -> bool:
    text = value.strip().lower()
    if text in ("true", "yes", "1", "on"):
        return True
    if text in ("false", "no", "0", "off"):
        return False
    raise ValueError("must be true or false")


def _number(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise ValueError("must be a number of seconds") from None
    return max(number, 0.0)


def _login_timeout(value: str) -> dict[str, Any]:
    """0 and -1 mean: wait without end. An hour is as good as that, and ends."""
    return {"login_timeout": _number(value) or 3600.0}


def _server(value: str) -> dict[str, Any]:
    server = parse_server(value)
    found: dict[str, Any] = {"host": server.host}
    if server.instance is not None:
        found["instance"] = server.instance
    if server.port is not None:
        found["port"] = server.port
    return found


def _port(value: str) -> dict[str, Any]:
    if not value.strip().isdecimal() or not 0 < int(value) < 65536:
        raise ValueError("must be between 1 and 65535")
    return {"port": int(value)}


def _intent(value: str) -> dict[str, Any]:
    known = {"readonly": "ReadOnly", "readwrite": "ReadWrite"}
    intent = known.get(re.sub(r"\s", "", value).lower())
    if intent is None:
        raise ValueError("must be ReadOnly or ReadWrite")
    return {"application_intent": intent}


def _windows_login(value: str) -> dict[str, Any]:
    if value.strip().lower() == "sspi" or _flag(value):
        raise ConfigurationError(
            "the connection string asks for a Windows login, which is not supported",
            code="mssql/windows-login",
            hint="use a SQL Server login: CREATE LOGIN [dstream] WITH PASSWORD = '…', and user and password here",
        )
    return {}


def _authentication(value: str) -> dict[str, Any]:
    if re.sub(r"[\s_]", "", value).lower() not in _LOGIN_BY_PASSWORD:
        raise ConfigurationError(
            "the connection string asks for an Entra ID or Windows login, which is not supported",
            code="mssql/entra-login",
            hint=(
                "use a user with a password in the database: CREATE USER [dstream] WITH PASSWORD = '…' (contained), or "
                "CREATE LOGIN; and Authentication=SqlPassword or nothing here"
            ),
        )
    return {}


def _text(name: str) -> Callable[[str], dict[str, Any]]:
    return lambda value: {name: value}


_CONVERSIONS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "host": _server,
    "port": _port,
    "instance": _text("instance"),
    "database": _text("database"),
    "user": _text("user"),
    "password": _text("password"),
    "encrypt": lambda value: {"encrypt": encryption_of(value)},
    "trust_server_certificate": lambda value: {"trust_server_certificate": _flag(value)},
    "certificate_authority": _text("certificate_authority"),
    "certificate_host": _text("certificate_host"),
    "application_intent": _intent,
    "multi_subnet_failover": lambda value: {"multi_subnet_failover": _flag(value)},
    "login_timeout": _login_timeout,
    "query_timeout": lambda value: {"query_timeout": _number(value)},
    "application_name": _text("application_name"),
    "windows_login": _windows_login,
    "authentication": _authentication,
}
