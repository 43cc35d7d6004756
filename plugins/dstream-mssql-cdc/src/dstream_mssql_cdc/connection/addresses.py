"""Where a server listens: its name's addresses, and the port of a named instance."""

from __future__ import annotations

import socket
from typing import Any

from dstream_mssql_cdc.connection.errors import SetupError, UnreachableError
from dstream_mssql_cdc.connection.settings import DEFAULT_PORT, ConnectionSettings

Address = tuple[int, int, int, str, Any]
"""As `socket.getaddrinfo` gives it: family, kind, protocol, name, address."""

BROWSER_PORT = 1434
_BROWSER_WAIT = 2.0  # seconds for one datagram; three are sent


def port_of(settings: ConnectionSettings) -> int:
    """The TCP port: the one that is given, 1433, or the one that SQL Server Browser names for the instance.

    Raises:
        UnreachableError: `mssql/browser`, it does not answer.
        SetupError: `mssql/no-such-instance`, it does not know the instance; `mssql/unknown-host`.
    """
    if settings.port is not None or not settings.instance:
        return settings.port or DEFAULT_PORT
    family, _, _, _, address = resolve(settings.host, BROWSER_PORT, socket.SOCK_DGRAM)[0]
    answer = _ask(family, address, settings)
    fields = answer.split(";")
    try:
        return int(fields[fields.index("tcp") + 1])
    except (ValueError, IndexError):
        raise SetupError(
            f"the instance {settings.address} takes no TCP connections",
            code="mssql/no-such-instance",
            hint="enable TCP/IP for it in SQL Server Configuration Manager, or give its port",
        ) from None


def resolve(host: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> list[Address]:
    """The addresses of a host.

    Raises:
        SetupError: `mssql/unknown-host`.
        UnreachableError: `mssql/name-service`, nobody could be asked.
    """
    try:
        return list(socket.getaddrinfo(host, port, type=kind))
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise UnreachableError(
                f"the address of {host} cannot be found now: {error.strerror}", code="mssql/name-service"
            ) from None
        raise _unknown(host) from None
    except UnicodeError:
        raise _unknown(host) from None


def _unknown(host: str) -> SetupError:
    return SetupError(
        f"there is no server {host}",
        code="mssql/unknown-host",
        hint="check the server's name in the connection string or in the option server",
    )


def _ask(family: int, address: Any, settings: ConnectionSettings) -> str:
    """What SQL Server Browser says of the instance (MC-SQLR: CLNT_UCAST_INST, answered by SVR_RESP)."""
    name = (settings.instance or "").encode("ascii", "replace")
    with socket.socket(family, socket.SOCK_DGRAM) as channel:
        channel.settimeout(_BROWSER_WAIT)
        for _ in range(3):
            try:
                channel.sendto(b"\x04" + name + b"\0", address)
                answer = channel.recv(65536)
            except OSError:
                continue
            if answer[:1] == b"\x05":
                return answer[3:].decode("ascii", "replace")
    raise UnreachableError(
        f"SQL Server Browser does not say where the instance {settings.address} listens",
        code="mssql/browser",
        hint=f"start SQL Server Browser there and open UDP port {BROWSER_PORT}, or give the instance's TCP port",
    )
