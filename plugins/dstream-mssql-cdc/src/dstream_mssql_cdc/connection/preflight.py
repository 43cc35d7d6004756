"""What stands in the way before any login: name, network, no SQL Server there, no encryption, its certificate.

pymssql tells these apart badly, and after one failed login in a process it reports that one's number for every later
failure to connect. So a failure is looked at again, without sending a user or a password.
"""

from __future__ import annotations

import socket
import ssl
import struct

from dstream_core.api import DStreamError
from dstream_mssql_cdc.connection.addresses import resolve
from dstream_mssql_cdc.connection.errors import SetupError, UnreachableError
from dstream_mssql_cdc.connection.freetds import authorities, checks_certificate
from dstream_mssql_cdc.connection.settings import ConnectionSettings

_PRELOGIN = 0x12
_LAST_PACKET = 0x01
_ENCRYPTION = 0x01
_NOT_SUPPORTED = 2
_LONGEST_WAIT = 5.0  # seconds for one step


def obstacle(settings: ConnectionSettings, port: int) -> DStreamError | None:
    """What keeps sessions from being opened, as far as that shows without a login; None: nothing of this kind.

    Args:
        settings: of the connection.
        port: where the server listens.
    """
    try:
        channel = _connected(settings, port)
    except DStreamError as error:
        return error
    with channel:
        try:
            return _greeting(channel, settings)
        except ssl.SSLCertVerificationError as error:
            return _untrusted(settings, error.verify_message)
        except ssl.SSLError as error:
            hint = "strict needs SQL Server 2022 or Azure SQL" if settings.encrypt == "strict" else _IS_IT_THERE
            return UnreachableError(
                f"{settings.address} does not encrypt: {error.reason}", code="mssql/encryption", hint=hint
            )
        except TimeoutError:
            return UnreachableError(f"{settings.address} takes connections and says nothing", hint=_IS_IT_THERE)
        except (OSError, ValueError, IndexError, struct.error):
            return UnreachableError(f"{settings.address} takes connections and drops them", hint=_IS_IT_THERE)


_IS_IT_THERE = "check that a SQL Server listens there, and that it is not just starting"


def _connected(settings: ConnectionSettings, port: int) -> socket.socket:
    """A connection to the first address that takes one."""
    wait = min(settings.login_timeout, _LONGEST_WAIT)
    reasons: dict[str, None] = {}
    for family, kind, protocol, _, address in resolve(settings.host, port):
        channel = socket.socket(family, kind, protocol)
        channel.settimeout(wait)
        try:
            channel.connect(address)
        except OSError as error:
            channel.close()
            reasons["no answer" if isinstance(error, TimeoutError) else (error.strerror or str(error)).lower()] = None
        else:
            return channel
    where = f"{settings.host}:{port}" if ":" not in settings.host else f"[{settings.host}]:{port}"
    raise UnreachableError(
        f"{where} is not reached: {', '.join(reasons)}",
        hint="check that the server runs, that TCP/IP is enabled in it, the port, and the firewalls between",
    )


def _greeting(channel: socket.socket, settings: ConnectionSettings) -> DStreamError | None:
    if settings.encrypt == "strict":
        with _context(settings, alpn=True).wrap_socket(channel, server_hostname=_name(settings)):
            return None
    encryption = _prelogin(channel, settings.encrypt == "require")
    if settings.encrypt == "off":
        return None
    if encryption == _NOT_SUPPORTED:
        return _no_encryption(settings) if settings.encrypt == "require" else None
    _handshake(channel, _context(settings), _name(settings))
    return None


def _no_encryption(settings: ConnectionSettings) -> DStreamError:
    return SetupError(
        f"{settings.address} cannot encrypt, and the connection asks for it",
        code="mssql/encryption",
        hint="install a certificate on the server, or say Encrypt=false",
    )


def _untrusted(settings: ConnectionSettings, why: str) -> DStreamError:
    return SetupError(
        f"the certificate of {settings.address} is not trusted: {why}",
        code="mssql/certificate",
        hint=(
            "name the authority's certificate in certificate_authority, the certificate's name in certificate_host, or "
            "take any certificate with TrustServerCertificate=true"
        ),
    )


def _name(settings: ConnectionSettings) -> str:
    return settings.certificate_host or settings.host


def _context(settings: ConnectionSettings, *, alpn: bool = False) -> ssl.SSLContext:
    if checks_certificate(settings):
        context = ssl.create_default_context(cafile=authorities(settings))
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(["tds/8.0"])
    else:
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # inside TDS packets there is no later one
    return context


def _prelogin(channel: socket.socket, required: bool) -> int:
    """Sends PRELOGIN (MS-TDS 2.2.6.5) and returns the server's word on encryption.

    Raises:
        ValueError: no SQL Server answers there.
    """
    options = struct.pack(">BHHBHHB", 0, 11, 6, _ENCRYPTION, 17, 1, 0xFF)
    _send(channel, options + bytes(6) + bytes([1 if required else 0]))
    answer = _receive(channel)
    position = 0
    while answer[position] != 0xFF:
        kind, offset, _ = struct.unpack_from(">BHH", answer, position)
        if kind == _ENCRYPTION:
            return int(answer[offset])
        position += 5
    raise ValueError("no word on encryption")


def _handshake(channel: socket.socket, context: ssl.SSLContext, name: str) -> None:
    """TLS inside PRELOGIN packets, as TDS 7 has it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            if outgoing.pending:
                _send(channel, outgoing.read())
            incoming.write(_receive(channel))
        else:
            return


def _send(channel: socket.socket, body: bytes) -> None:
    channel.sendall(struct.pack(">BBHHBB", _PRELOGIN, _LAST_PACKET, len(body) + 8, 0, 0, 0) + body)


def _receive(channel: socket.socket) -> bytes:
    body = b""
    while True:
        kind, status, length, _, _, _ = struct.unpack(">BBHHBB", _exactly(channel, 8))
        if kind not in (_PRELOGIN, 0x04) or length < 8:
            raise ValueError("no TDS packet")
        body += _exactly(channel, length - 8)
        if status & _LAST_PACKET:
            return body


def _exactly(channel: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = channel.recv(count - len(found))
        if not part:
            raise ConnectionResetError("closed")
        found += part
    return found
