"""pymssql's `connect` with the settings."""

from __future__ import annotations

import math
from typing import Any

import pymssql

from dstream_mssql_cdc.connection.freetds import server_name
from dstream_mssql_cdc.connection.settings import ConnectionSettings

_LONGEST_NAME = 128  # sysname, which program_name in sys.dm_exec_sessions is

BASE = (
    # what indexed views and computed columns need of every session that reads them
    "SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; "
    "SET ANSI_WARNINGS ON; SET QUOTED_IDENTIFIER ON; SET TEXTSIZE 2147483647;"
)


def open_raw(settings: ConnectionSettings, port: int, purpose: str) -> pymssql.Connection:
    """Opens a session.

    Args:
        settings: the connection's.
        port: where the server listens.
        purpose: part of the session's name on the server.

    Raises:
        pymssql.Error: it cannot be opened; the number in it may be that of an earlier failure.
    """
    return pymssql.connect(server=server_name(settings, settings.host, port), **_arguments(settings, purpose))


def _arguments(settings: ConnectionSettings, purpose: str) -> dict[str, Any]:
    name = f"{settings.application_name}: {purpose}" if purpose else settings.application_name
    return {
        "user": settings.user,
        "password": settings.password or "",
        "database": settings.database or "",
        "timeout": math.ceil(settings.query_timeout),
        "login_timeout": math.ceil(settings.login_timeout),
        "charset": "UTF-8",
        "appname": name[:_LONGEST_NAME],
        # strict is no level that pymssql knows: the configuration file asks for it
        "encryption": None if settings.encrypt == "strict" else settings.encrypt,
        "read_only": settings.application_intent == "ReadOnly",
        "conn_properties": BASE,
        "autocommit": True,
        "tds_version": None if settings.encrypt == "strict" else "7.4",
        "arraysize": 1000,
    }
