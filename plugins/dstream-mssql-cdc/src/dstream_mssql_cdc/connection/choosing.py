"""The options' word on the connection, over that of the connection string. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from dstream_core.api import ConfigurationError
from dstream_mssql_cdc.connection.options import ConnectionOptions
from dstream_mssql_cdc.connection.server_names import parse_server
from dstream_mssql_cdc.connection.settings import ConnectionSettings
from dstream_mssql_cdc.connection.strings import ConnectionString, parse_connection_string

_SAME_NAMES = (
    "port",
    "instance",
    "database",
    "user",
    "encrypt",
    "trust_server_certificate",
    "certificate_authority",
    "certificate_host",
    "application_intent",
    "multi_subnet_failover",
    "login_timeout",
    "query_timeout",
    "application_name",
)


@dataclass(frozen=True)
class ChosenConnection:
    """The settings, and what is odd about where they came from."""

    settings: ConnectionSettings
    warnings: tuple[str, ...] = ()


def connection_settings(options: ConnectionOptions, task: str = "") -> ChosenConnection:
    """The settings that the options ask for.

    Args:
        options: of the input.
        task: name of the task, for the sessions' name.

    Raises:
        ConfigurationError: the connection string is wrong (see `strings`), or `mssql/no-server`, `mssql/no-database`,
            `mssql/no-user`: something is missing.
    """
    said = _connection_string(options.db_connection_string)
    values: dict[str, Any] = dict(said.values)
    if options.server is not None:
        for name in ("host", "instance", "port"):  # they belong together
            values.pop(name, None)
        server = parse_server(options.server)
        values.update({name: value for name, value in server._asdict().items() if value is not None})
    values.update({name: value for name in _SAME_NAMES if (value := getattr(options, name)) is not None})
    if options.password is not None:
        values["password"] = options.password.get_secret_value()
    _complete(values)
    values.setdefault("trust_server_certificate", values.get("encrypt") != "require")
    if values.get("encrypt") == "strict":  # which always checks, whatever is said of trust; FreeTDS too
        values["trust_server_certificate"] = False
    values.setdefault("application_name", f"dstream {task}".strip())
    return ChosenConnection(ConnectionSettings(**values), said.warnings)


def _connection_string(secret: SecretStr | None) -> ConnectionString:
    return parse_connection_string(secret.get_secret_value()) if secret is not None else ConnectionString({})


def _complete(values: dict[str, Any]) -> None:
    wanted = {
        "host": ("server", "Server=…"),
        "database": ("database", "Database=…"),
        "user": ("user", "User ID=…"),
    }
    for name, (option, key) in wanted.items():
        if not values.get(name):
            raise ConfigurationError(
                f"the connection names no {option}",
                code=f"mssql/no-{option}",
                hint=f"add {key} to the connection string, or the option {option}",
            )
