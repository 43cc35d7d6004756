r"""Servers as connection strings name them: `host`, `tcp:host,1433`, `host\instance`, `(local)`, `[::1],1433`. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from dstream_core.api import ConfigurationError

_LOCAL = frozenset({".", "(local)", ""})
_PORT = re.compile(r"(?P<name>.*?)\s*(?:,\s*(?P<comma>\d+)|(?<=[^:]):(?P<colon>\d+))?", re.DOTALL)
_IPV6 = re.compile(r"\[(?P<bracketed>[0-9A-Fa-f:.%\w]+)\]|(?P<plain>[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)")


class ServerName(NamedTuple):
    """A server: host name or address, instance and port where they were named."""

    host: str
    instance: str | None = None
    port: int | None = None


def parse_server(text: str) -> ServerName:
    r"""Reads a server's name.

    Args:
        text: `[tcp:]host[\instance][,port]`; a port behind a colon is taken too.

    Raises:
        ConfigurationError: `mssql/server-name`, it is reached in another way than by TCP, or is no name.
    """
    rest = text.strip()
    if re.match(r"(?i)tcp:", rest):
        rest = rest[4:].strip()
    if re.match(r"(?i)(np|lpc|admin):|\\\\|\(localdb\)", rest):
        raise _wrong("only TCP is supported: no named pipes, shared memory, admin connections or LocalDB")
    rest, port = _port(rest)
    host, backslash, instance = rest.partition("\\")
    if backslash and (not instance.strip() or "\\" in instance):
        raise _wrong("the instance behind the backslash is missing or not understood")
    host, instance = host.strip(), instance.strip()
    if instance and port is None:
        instance, port = _port(instance)
    if instance.lower() == "mssqlserver":  # how the default instance is called; nobody needs to be asked for its port
        instance = ""
    address = _IPV6.fullmatch(host)
    if address:
        host = address["bracketed"] or address["plain"]
    elif host.lower() in _LOCAL:
        host = "localhost"
    elif re.search(r"[\s,;\[\]]", host):
        raise _wrong("it is no name or address")
    return ServerName(host, instance or None, port)


def _port(text: str) -> tuple[str, int | None]:
    if _IPV6.fullmatch(text):
        return text, None
    match = _PORT.fullmatch(text)
    if match is None:
        return text, None
    digits = match["comma"] or match["colon"]
    if digits is None:
        return text, None
    if not 0 < int(digits) < 65536:
        raise _wrong("the port must be between 1 and 65535")
    return match["name"], int(digits)


def _wrong(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the server's name is not understood: {why}",
        code="mssql/server-name",
        hint=r"write host, host,port or host\instance",
    )
