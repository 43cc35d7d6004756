"""From the first byte of a connection to the end of its login."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.results import EnvChange, Info
from dstream_sandbox.sqlserver.seam import Server, Session
from dstream_sandbox.sqlserver.tds import tokens
from dstream_sandbox.sqlserver.tds.channel import Channel
from dstream_sandbox.sqlserver.tds.collations import wire_collation
from dstream_sandbox.sqlserver.tds.faults import Fault, FaultBoard, Situation
from dstream_sandbox.sqlserver.tds.journal import Journal
from dstream_sandbox.sqlserver.tds.login import FEATURE_FEDERATED, TDS_7_2, TDS_7_4, Login, read_login
from dstream_sandbox.sqlserver.tds.packets import (
    DEFAULT_PACKET_SIZE,
    Message,
    PacketType,
    ProtocolError,
    packets_of,
)
from dstream_sandbox.sqlserver.tds.prelogin import (
    Agreement,
    TlsMode,
    agree,
    encryption_wanted,
    read_prelogin,
    write_prelogin,
)
from dstream_sandbox.sqlserver.tds.procedures import Convert
from dstream_sandbox.sqlserver.tds.response import CutError, Response
from dstream_sandbox.sqlserver.tds.tokens import DONE, DoneStatus


@dataclass(slots=True)
class Services:
    """What all connections share.

    Attributes:
        engine: Logs clients in.
        tls: How the server stands to encryption; `context` is there unless it is "off".
        convert: Brings an argument of a call to the type that it was declared with; None: it stays as it was sent.
    """

    engine: Server
    tls: TlsMode = "off"
    context: ssl.SSLContext | None = None
    convert: Convert | None = None
    faults: FaultBoard = field(default_factory=FaultBoard)
    journal: Journal = field(default_factory=Journal)


@dataclass(frozen=True, slots=True)
class Greeting:
    """A client that is logged in."""

    session: Session
    login: Login
    encrypted: bool


def greet(channel: Channel, services: Services) -> Greeting | None:
    """PRELOGIN, TLS, LOGIN7. None: the login was refused, and the client was told.

    Raises:
        DisconnectedError: The client went away.
        ProtocolError: It speaks something else.
        CutError: A fault.
    """
    _meet(channel, services, Situation("connect"))
    agreement = _prelogin(channel, services)
    if agreement.login and services.context is not None:
        channel.start_tls(services.context)
    message = channel.read_message()
    if agreement.login and not agreement.session:
        channel.end_tls()
    if message.type != PacketType.LOGIN7:
        raise ProtocolError(f"a message of kind {message.type} in place of the login")
    login = read_login(message.body)
    return _log_in(channel, services, login, agreement)


def _meet(channel: Channel, services: Services, situation: Situation) -> None:
    faults = services.faults.matching(situation)
    if faults:
        _response(channel, services, faults).begin()


def _response(channel: Channel, services: Services, faults: Sequence[Fault], spid: int = 0) -> Response:
    return Response(channel, DEFAULT_PACKET_SIZE, spid, services.faults, faults, threading.Event())


def _prelogin(channel: Channel, services: Services) -> Agreement:
    message: Message = channel.read_message()
    if message.type != PacketType.PRELOGIN:
        raise ProtocolError(f"a message of kind {message.type} in place of PRELOGIN")
    options = read_prelogin(message.body)
    agreement = agree(encryption_wanted(options), services.tls)
    channel.send(packets_of(PacketType.RESPONSE, write_prelogin(options, agreement.answer)))
    return agreement


def _log_in(channel: Channel, services: Services, login: Login, agreement: Agreement) -> Greeting | None:
    situation = Situation("login", "", login.database, login.application)
    response = _response(channel, services, services.faults.matching(situation))
    session: Session | None = None
    try:
        response.begin()
        _check(login)
        login = replace(login, tds_version=min(login.tds_version, TDS_7_4))
        session = services.engine.login(login.user, login.password, login.database, login.application, login.host)
        response.write(_welcome(login, session))
        response.finish()
    except SqlError as error:
        response.write(_refusal(error, login) + tokens.done(DONE, DoneStatus.ERROR))
        response.finish()
        return None
    except BaseException:
        if session is not None:
            session.close()
        raise
    return Greeting(session, login, agreement.session)


def _refusal(error: SqlError, login: Login) -> bytes:
    """A database that cannot be opened is told twice, as SQL Server does."""
    if error.number != 4060:
        return tokens.error(error)
    return tokens.error(error) + tokens.error(SqlError(18456, f"Login failed for user '{login.user}'.", severity=14))


def _check(login: Login) -> None:
    if login.tds_version < TDS_7_2:
        raise SqlError(
            50001, f"sandbox: not supported: TDS versions before 7.2 (the client speaks {login.tds_version:08x})", 20
        )
    if login.integrated or FEATURE_FEDERATED in login.features:
        raise SqlError(18452, "Login failed. The sandbox knows SQL Server logins with a password only.", severity=14)


def _welcome(login: Login, session: Session) -> bytes:
    database = session.database_name
    parts = [
        tokens.env_change(EnvChange("database", database, "master")),
        tokens.info(Info(5701, f"Changed database context to '{database}'.", state=2)),
        tokens.collation_change(wire_collation(None).raw),
        tokens.env_change(EnvChange("language", "us_english", "")),
        tokens.info(Info(5703, "Changed language setting to us_english.")),
        tokens.login_ack(login.tds_version),
        tokens.packet_size_change(login.packet_size, DEFAULT_PACKET_SIZE),
    ]
    if login.has_features:
        parts.append(tokens.feature_ack(login.features))
    return b"".join(parts) + tokens.done(DONE, DoneStatus.FINAL)


__all__ = ["CutError", "Greeting", "Services", "greet"]
