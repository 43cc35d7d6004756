"""One client: greeting, login, then requests one after another, with attention at any time in between."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from enum import Enum

from dstream_sandbox.sqlserver.errors import CancelledError, KilledError, SqlError, not_supported
from dstream_sandbox.sqlserver.results import Item
from dstream_sandbox.sqlserver.seam import Session
from dstream_sandbox.sqlserver.tds import tokens
from dstream_sandbox.sqlserver.tds.answer import Answer
from dstream_sandbox.sqlserver.tds.channel import Assembler, Channel
from dstream_sandbox.sqlserver.tds.faults import Fault, Situation
from dstream_sandbox.sqlserver.tds.greeting import Greeting, Services, greet
from dstream_sandbox.sqlserver.tds.packets import DisconnectedError, Message, PacketType, ProtocolError
from dstream_sandbox.sqlserver.tds.procedures import Execution, Procedures
from dstream_sandbox.sqlserver.tds.requests import Call, read_request
from dstream_sandbox.sqlserver.tds.response import CutError, Response
from dstream_sandbox.sqlserver.tds.tokens import DONE, DoneStatus

LOG = logging.getLogger("dstream_sandbox.sqlserver")

_INSIST = 0.05
"""Seconds between two requests to the engine to stop: the first may come before what is to be stopped has begun."""


class _Mark(Enum):
    ATTENTION = "attention"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """What is told about a connection."""

    spid: int
    user: str
    database: str
    application: str
    host: str
    encrypted: bool
    read_only: bool
    tds_version: str
    packet_size: int
    since: float
    running: str


class Connection:
    """Serves one client on the calling thread, with a thread beside it that reads ahead for attention."""

    def __init__(self, channel: Channel, services: Services) -> None:
        self._channel = channel
        self._services = services
        self._inbox: queue.SimpleQueue[Message | _Mark] = queue.SimpleQueue()
        self._interrupted = threading.Event()
        self._running = ""
        self._open: Response | None = None
        self._greeting: Greeting | None = None
        self._procedures = Procedures(services.convert)
        self._since = time.time()

    @property
    def _session(self) -> Session:
        assert self._greeting is not None
        return self._greeting.session

    @property
    def spid(self) -> int:
        """The session's number; 0 before the login."""
        return self._greeting.session.spid if self._greeting else 0

    def info(self) -> ConnectionInfo | None:
        """About it; None before the login."""
        greeting = self._greeting
        if greeting is None:
            return None
        login = greeting.login
        return ConnectionInfo(
            self.spid, login.user, greeting.session.database_name, login.application, login.host, greeting.encrypted,
            login.read_only, f"{login.tds_version:08x}", login.packet_size, self._since, self._running,
        )  # fmt: skip

    def cut(self) -> None:
        """Ends it from another thread, without a word."""
        self._channel.reset()

    def serve(self) -> None:
        """From the first byte to the last."""
        try:
            self._greeting = greet(self._channel, self._services)
            if self._greeting is not None:
                self._serve_requests()
        except (DisconnectedError, CutError):
            pass
        except ProtocolError as error:
            LOG.warning("a client was disconnected: %s", error)
        except KilledError:
            self._channel.reset()
        finally:
            if self._greeting is not None:
                self._greeting.session.close()
            self._channel.finish()

    def _serve_requests(self) -> None:
        reader = threading.Thread(target=self._read, name=f"reader {self.spid}", daemon=True)
        reader.start()
        try:
            while (request := self._inbox.get()) is not _Mark.GONE:
                if isinstance(request, Message):
                    self._answer(request)
                else:
                    self._acknowledge()
        finally:
            self._channel.finish()
            reader.join(5)

    # -- the reading thread

    def _read(self) -> None:
        assembler = Assembler()
        try:
            while True:
                packet = self._channel.read_packet()
                if packet.type == PacketType.ATTENTION:
                    self._interrupt(_Mark.ATTENTION)
                elif (message := assembler.add(packet)) is not None:
                    self._inbox.put(message)
        except DisconnectedError:
            pass
        except ProtocolError as error:
            LOG.warning("session %s was disconnected: %s", self.spid, error)
        except Exception:
            LOG.exception("session %s: the reading side failed", self.spid)
        self._channel.closed.set()
        self._interrupt(_Mark.GONE)

    def _interrupt(self, mark: _Mark) -> None:
        self._interrupted.set()
        self._inbox.put(mark)
        if self._running:
            threading.Thread(target=self._insist, name=f"cancel {self.spid}", daemon=True).start()

    def _insist(self) -> None:
        while self._running and self._interrupted.is_set():
            self._session.cancel()
            time.sleep(_INSIST)

    # -- the serving thread

    def _acknowledge(self) -> None:
        self._interrupted.clear()
        response = self._open or self._response(())
        self._open = None
        response.write(tokens.done(DONE, DoneStatus.ATTENTION))
        response.finish()

    def _response(self, armed: Sequence[Fault]) -> Response:
        assert self._greeting is not None
        return Response(
            self._channel, self._greeting.login.packet_size, self.spid, self._services.faults, armed, self._interrupted
        )

    def _answer(self, message: Message) -> None:
        """Runs a request; whatever happens in it, the client hears of it or loses the connection."""
        try:
            executions = self._executions(message)
        except SqlError as error:
            executions = [error]
        call = message.type == PacketType.RPC
        for execution in executions:
            shown = execution.shown if isinstance(execution, Execution) else ""
            self._note(message, execution)
            self._running = shown or "?"
        response = self._response(self._armed(executions))
        answer = Answer(response, self._version, lambda: self._session.database_name, call=call)
        try:
            if message.reset:
                self._session.reset()
                response.write(tokens.reset_done())
            fatal = self._run_all(answer, response, executions, call)
            response.finish()
        except CancelledError:
            self._open = response
            return
        finally:
            self._running = ""
        if fatal:
            raise CutError

    def _executions(self, message: Message) -> list[Execution | SqlError]:
        if message.type == PacketType.BULK_LOAD:
            return [not_supported("bulk load")]
        request = read_request(message)
        if isinstance(request, str):
            return [Execution(request, request)]
        return [self._execution(call) for call in request]

    def _execution(self, call: Call) -> Execution | SqlError:
        try:
            return self._procedures.execution(call)
        except SqlError as error:
            return error

    def _note(self, message: Message, execution: Execution | SqlError) -> None:
        if isinstance(execution, SqlError):
            return
        kinds = {PacketType.RPC: "call", PacketType.TRANSACTION: "transaction"}
        self._services.journal.note(
            self.spid, self._session.database_name, self._application, kinds.get(PacketType(message.type), "batch"),
            execution.shown, len(execution.parameters),
        )  # fmt: skip

    def _armed(self, executions: Sequence[Execution | SqlError]) -> list[Fault]:
        text = "\n".join(execution.shown for execution in executions if isinstance(execution, Execution))
        situation = Situation("statement", text, self._session.database_name, self._application, self.spid)
        return self._services.faults.matching(situation)

    def _run_all(
        self, answer: Answer, response: Response, executions: Sequence[Execution | SqlError], call: bool
    ) -> bool:
        """Runs what a message asked for; whether the connection ends with it."""
        fatal = False
        for at, execution in enumerate(executions):
            fatal = self._run(answer, response, execution, first=at == 0) or fatal
            if call:
                done = execution if isinstance(execution, Execution) else Execution("", "")
                answer.end_call(done.outputs, done.ready, more=at + 1 < len(executions))
        if not call:
            answer.end_batch()
        return fatal

    def _run(self, answer: Answer, response: Response, execution: Execution | SqlError, *, first: bool) -> bool:
        try:
            if first:
                response.begin()
            if isinstance(execution, SqlError):
                raise execution
            if execution.reset:
                self._session.reset()
            if execution.text or not (execution.ready or execution.shown):
                with contextlib.closing(self._items(execution)) as items:
                    answer.write(items)
        except SqlError as error:
            answer.error(error)
            return error.fatal
        except (CancelledError, KilledError, CutError, DisconnectedError):
            raise
        except Exception as error:
            LOG.exception("session %s: an internal error in %r", self.spid, execution)
            answer.error(SqlError(50002, f"sandbox: internal error: {type(error).__name__}: {error}"))
        return False

    def _items(self, execution: Execution) -> Generator[Item]:
        if self._interrupted.is_set():
            raise CancelledError
        try:
            yield from self._session.execute(execution.text, execution.parameters, tuple(execution.outputs))
        except CancelledError:
            if self._interrupted.is_set():
                raise
            raise SqlError(3617, "The request was cancelled.", severity=11) from None

    @property
    def _version(self) -> int:
        assert self._greeting is not None
        return self._greeting.login.tds_version

    @property
    def _application(self) -> str:
        assert self._greeting is not None
        return self._greeting.login.application
