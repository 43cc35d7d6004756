"""Everything that is known before connecting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Encryption = Literal["off", "request", "require", "strict"]
"""`off`: nothing is encrypted, not even the login; `request`: the login is, the rest if the server insists;
`require`: all of it or no connection; `strict`: TLS first, then TDS 8.0."""

_ENCRYPTIONS: dict[str, Encryption] = {
    "disable": "off",
    "disabled": "off",
    "off": "off",
    "false": "request",
    "no": "request",
    "0": "request",
    "optional": "request",
    "request": "request",
    "true": "require",
    "yes": "require",
    "1": "require",
    "mandatory": "require",
    "require": "require",
    "required": "require",
    "strict": "strict",
}

ApplicationIntent = Literal["ReadWrite", "ReadOnly"]

DEFAULT_PORT = 1433
DEFAULT_LOGIN_TIMEOUT = 15
DEFAULT_QUERY_TIMEOUT = 300


@dataclass(frozen=True)
class ConnectionSettings:
    """How to reach a database.

    Attributes:
        host: name or address of the server; IPv6 addresses without brackets.
        port: TCP port; None: 1433, or the one that SQL Server Browser names for `instance`.
        instance: a named instance; asked for only if there is no port.
        database: its name; None: the login's default database.
        user: the login.
        password: its password; never part of a message.
        encrypt: how much is encrypted.
        trust_server_certificate: take any certificate; False, and always with `strict`: it must lead to a trusted
            authority and bear the server's name.
        certificate_authority: file with trusted certificates (PEM) instead of the machine's own.
        certificate_host: the name that the certificate must bear, if it is not `host`.
        application_intent: `ReadOnly` asks a listener for a readable secondary.
        multi_subnet_failover: try all addresses of the host at the same time. FreeTDS does so anyway.
        login_timeout: seconds, at most, until the session stands.
        query_timeout: seconds of silence, at most, while waiting for the server; 0: none.
        application_name: how the session is called in `sys.dm_exec_sessions`.
    """

    host: str
    port: int | None = None
    instance: str | None = None
    database: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    encrypt: Encryption = "request"
    trust_server_certificate: bool = True
    certificate_authority: str | None = None
    certificate_host: str | None = None
    application_intent: ApplicationIntent = "ReadWrite"
    multi_subnet_failover: bool = False
    login_timeout: float = DEFAULT_LOGIN_TIMEOUT
    query_timeout: float = DEFAULT_QUERY_TIMEOUT
    application_name: str = "dstream"

    @property
    def address(self) -> str:
        """The server as messages name it: `host:port`, or host and instance."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.instance and self.port is None:
            return f"{host}\\{self.instance}"
        return f"{host}:{self.port or DEFAULT_PORT}"


def encryption_of(text: str) -> Encryption:
    """What a value of `Encrypt` means, in the words of any driver.

    Raises:
        ValueError: it means nothing.
    """
    try:
        return _ENCRYPTIONS[text.strip().lower()]
    except KeyError:
        raise ValueError("must be true, false, mandatory, optional, strict or disable") from None
