"""One running provider: its process, its log, its handshake, its end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from dstream_core.errors import ConfigurationError, DStreamError, ProviderError, TemporaryError
from dstream_core.protocol.handshake import HANDSHAKE_LIMIT, Ready, Refusal, decode_handshake
from dstream_core.protocol.names import PROTOCOL_VERSION
from dstream_core.runtime import posix_parts
from dstream_core.runtime.processes import Child, Guardian
from dstream_core.runtime.streams import LogReader, Reader, Writer
from dstream_core.runtime.values import Observer, ProviderLaunch, refusal_error

EMPTY_SECONDS = 1.0
"""How long the pipes of an exited provider must stay empty before what still holds them is ended (PROTOCOL "End")."""
TERM_SECONDS = 2.0
"""Between SIGTERM and SIGKILL."""
KILL_SECONDS = 1.0
"""How soon an exit by SIGKILL must be reported."""


class HandshakeError(ProviderError):
    """A version-1 provider did not begin as the protocol says."""

    default_code = "protocol/handshake"


class Drained(Protocol):
    """Something that reads a provider's pipe: the relay, or a reader."""

    done: asyncio.Future[None]
    chunks: int
    left_behind_seconds: float

    @property
    def held_up(self) -> bool:
        """Whether it cannot read on now."""

    def end_source(self) -> None:
        """Take the pipe for ended."""


class Running:
    """A provider process while it runs.

    Attributes:
        child: the process and its pipes.
        log: its stderr.
        ready: its handshake, once there was one.
        stdout: what reads its stdout.
        settled: done when it has exited and its pipes are read out.
    """

    def __init__(self, child: Child, observer: Observer):
        self.child = child
        self.launch = child.launch
        self.log = LogReader(child.stderr, child.launch.name, observer)
        self.log.reader.start()
        self.ready: Ready | None = None
        self.stdout: Drained | None = None
        self.settled = asyncio.create_task(self._settle())
        self._writer: Writer | None = None

    @classmethod
    async def start(
        cls, guardian: Guardian, launch: ProviderLaunch, observer: Observer, *, lifecycle: bool = False
    ) -> Running:
        """Spawn the provider and drain its log from the first byte."""
        return cls(await guardian.spawn(launch, lifecycle=lifecycle), observer)

    @property
    def exit_code(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self.child.exited.result() if self.child.exited.done() else None

    def send_command(self, *, close: bool) -> None:
        """Write the command line, without waiting for the provider to read it; then end of file if `close`."""
        self._writer = Writer(self.child.stdin, self.launch.command)
        if close:
            self._writer.done.add_done_callback(lambda _: self.close_stdin())

    @property
    def command_taken(self) -> asyncio.Future[None]:
        """Set when the whole command line is in its pipe: before that nothing else may be written there."""
        assert self._writer is not None
        return self._writer.done

    def close_stdin(self) -> None:
        """End of file for the provider, wherever its command line stands."""
        if self._writer is not None:
            self._writer.stop()
        self.child.close_stdin()

    def read_by(self, drained: Drained) -> None:
        """From now on this reads its stdout; that it is read out may have to be waited for anew."""
        self.stdout = drained
        if self.settled.done():
            self.settled = asyncio.create_task(self._settle())

    async def terminate(self, grace: float = TERM_SECONDS) -> None:
        """SIGTERM, then SIGKILL for its whole session; on return it has exited or counts as killed."""
        self.child.signal(signal.SIGTERM)
        if await self.exits_within(grace):
            return
        self.child.kill()
        if not await self.exits_within(KILL_SECONDS):
            self.child.abandon()

    async def exits_within(self, seconds: float) -> bool:
        """Whether it exits in that time."""
        await asyncio.wait({self.child.exited}, timeout=max(0.0, seconds))
        return self.child.exited.done()

    def failure(self) -> DStreamError | None:
        """The error for its exit code, with its own last words; None if it exited with 0 or has not exited."""
        if self.exit_code in (0, None):
            return None
        return exit_error(self.launch, self.exit_code or 0, self.log)

    async def close(self) -> None:
        """Stop every task and reader; the guardian ends the process."""
        self.close_stdin()
        self.settled.cancel()
        with suppress(asyncio.CancelledError):
            await self.settled
        self.log.finish()

    async def _settle(self) -> None:
        """After the exit: the pipes are read to end of file, or until they have been empty for a second."""
        await self.child.exited
        log = asyncio.create_task(_read_out(self.log.reader, self.child.stderr))
        try:
            stdout = None
            while self.stdout is not stdout:
                stdout = self.stdout
                if stdout is not None:
                    await _read_out(stdout, self.child.stdout)
            await log
        finally:
            log.cancel()
        self.log.finish()
        self.child.end_session()


async def first_of(*futures: asyncio.Future[Any], seconds: float | None = None) -> None:
    """Wait until one of the futures is done, or for so many seconds."""
    await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


async def _read_out(drained: Drained, descriptor: int) -> None:
    talked = 0.0
    while not drained.done.done():
        chunks = drained.chunks
        await asyncio.wait({drained.done}, timeout=EMPTY_SECONDS)
        silent = drained.chunks == chunks and posix_parts.unread_bytes(descriptor) == 0
        talked += 0 if drained.held_up else EMPTY_SECONDS
        if not drained.done.done() and (silent or talked >= drained.left_behind_seconds):
            drained.end_source()


async def first_line(running: Running, rest: Callable[[bytes], None]) -> Ready:
    """Read a version-1 provider's handshake; `rest` gets what came behind it in the same read.

    Raises:
        DStreamError: it refused, wrote something else, or ended before.
    """
    buffer = bytearray()

    def feed(chunk: bytes) -> None:
        buffer.extend(chunk)
        if b"\n" in chunk or len(buffer) > HANDSHAKE_LIMIT:
            reader.stop()

    reader = Reader(running.child.stdout, feed)
    running.read_by(reader)
    reader.start()
    try:
        await reader.done
    finally:
        reader.stop()
    line, newline, behind = bytes(buffer).partition(b"\n")
    if not newline and len(line) <= HANDSHAKE_LIMIT:
        raise await _ended_early(running)
    running.ready = await accept_handshake(running, decode_handshake(line), line)
    await first_of(running.command_taken, running.child.exited)
    if behind:
        rest(behind)
    return running.ready


async def accept_handshake(running: Running, handshake: Ready | Refusal | None, line: bytes) -> Ready:
    """The handshake if it says ready and means this role; else its error."""
    launch = running.launch
    if isinstance(handshake, Refusal):
        await running.exits_within(EMPTY_SECONDS)
        raise refusal_error(launch, handshake, running.exit_code)
    if handshake is None:
        shown = line[:80].decode("utf-8", "replace")
        raise HandshakeError(
            f"{launch} wrote {shown!r} where its handshake belongs",
            hint='the first line on stdout must be {"status":"ready",…}; a log belongs on stderr',
        )
    if handshake.protocol > PROTOCOL_VERSION:
        raise HandshakeError(
            f"{launch} speaks protocol {handshake.protocol}, this version speaks {PROTOCOL_VERSION}",
            code="protocol/version",
            hint="upgrade dstream-core",
        )
    if handshake.role not in (None, launch.role):
        raise HandshakeError(f"{launch} answered as {handshake.role} provider", code="provider/role")
    return handshake


async def _ended_early(running: Running) -> DStreamError:
    if not await running.exits_within(EMPTY_SECONDS):
        return HandshakeError(f"{running.launch} closed its stdout before its handshake")
    await running.settled
    return running.failure() or HandshakeError(
        f"{running.launch} exited with code 0 before its handshake{_last_lines(running.log)}"
    )


def exit_error(launch: ProviderLaunch, code: int, log: LogReader) -> DStreamError:
    """The error for an exit code, in the provider's own words where it has them.

    Codes 2 and 75 mean what the table says from version-1 providers only (PROTOCOL "End").
    """
    kinds: dict[int, type[DStreamError]] = {2: ConfigurationError, 75: TemporaryError}
    kind = ProviderError if launch.older else kinds.get(code, ProviderError)
    if log.last_error is not None and code > 0:
        record = log.last_error
        return kind(f"{launch}: {record.get('message')}", code=record.get("code"), hint=record.get("hint"))
    return kind(f"{launch} {_how(code)}{_last_lines(log)}", code="provider/exited")


def _how(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def _last_lines(log: LogReader) -> str:
    return "; the last lines of its log:\n" + "\n".join(f"  {line}" for line in log.tail) if log.tail else ""
