"""Provider processes, as the orchestrator sees them: started by the guardian, with the orchestrator's ends of the pipes."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from dstream_core.errors import ConfigurationError, DStreamError, ProviderError, TemporaryError
from dstream_core.runtime import posix_parts
from dstream_core.runtime.claims import Claim
from dstream_core.runtime.values import ProviderLaunch

_GUARDIAN = Path(__file__).with_name("guardian.py")
_GUARDIAN_END_SECONDS = 15.0
_ORPHAN_SECONDS = 2.0

MARK = "DSTREAM_RUN_ID"
"""In the environment of every provider: what the processes of a run are known by when their guardian is gone."""


class GuardianLostError(ProviderError):
    """The guardian is gone: nothing protects the providers any more, so the run ends."""

    default_code = "runtime/guardian-lost"


class Child:
    """One provider process with the orchestrator's ends of its pipes, all non-blocking.

    Attributes:
        launch: what it was started from.
        pid: its process ID and, as every provider has a session of its own, its session's.
        stdin, stdout, stderr: descriptors; -1 once closed.
        exited: its exit code when it has exited; negative for a signal.
    """

    def __init__(self, launch: ProviderLaunch, guardian: Guardian, pipes: tuple[int, int, int]):
        self.launch = launch
        self.pid = 0
        self.stdin, self.stdout, self.stderr = pipes
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._guardian = guardian

    def signal(self, number: int) -> None:
        """Send a signal to the provider's process, if it has not exited."""
        self._guardian.request({"op": "signal", "id": self.launch.role, "signal": number})

    def kill(self) -> None:
        """SIGKILL for the provider and all of its session."""
        self.signal(signal.SIGKILL)
        self.end_session()

    def abandon(self) -> None:
        """It does not even end by SIGKILL, or nobody tells us that it did: count it as killed, the guardian with it."""
        self._guardian.kill()

    def end_session(self) -> None:
        """End what is left of its session (PROTOCOL "End")."""
        self._guardian.request({"op": "end_session", "session": self.pid})

    def close_stdin(self) -> None:
        """End of file for the provider."""
        if self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1

    def close(self) -> None:
        """Close every pipe end that is still open."""
        self.close_stdin()
        for name in ("stdout", "stderr"):
            if (descriptor := getattr(self, name)) >= 0:
                os.close(descriptor)
                setattr(self, name, -1)


class Guardian:
    """The orchestrator's side of the guardian process.

    Use as `async with Guardian(claims) as guardian`. Leaving the block ends every provider that is still there and waits
    until the guardian is gone, so that the claim is free afterwards.
    """

    def __init__(self, claims: Sequence[Claim] = ()):
        self._claims = [claim.descriptor for claim in claims]
        self._children: dict[str, Child] = {}
        self._starting: dict[str, asyncio.Future[int]] = {}
        self._buffer = bytearray()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        # If the guardian is killed its descendants come to a program that asked for orphans, as the command line does;
        # then all below that program is a provider's. One that embeds the runtime has children of its own as well.
        self._owns_descendants = posix_parts.is_subreaper()
        self._run_id = uuid.uuid4().hex
        try:
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            with theirs:
                self._process = _start_guardian([theirs.fileno(), *self._claims])
        except OSError as error:
            raise _short_of(error) from error
        self._loop.add_reader(self._socket.fileno(), self._receive)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        for child in self._children.values():
            child.close()
        try:
            await asyncio.to_thread(self._process.wait, _GUARDIAN_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        if self.lost.done():
            await self._until_no_orphans()

    async def spawn(self, launch: ProviderLaunch, *, lifecycle: bool = False) -> Child:
        """Start a provider; `lifecycle` verbs get SIGTERM first if the orchestrator dies.

        Raises:
            ConfigurationError: the program is missing or cannot be executed.
            TemporaryError: this process has no descriptors left.
            GuardianLostError: the guardian is gone.
        """
        ours, theirs = _pipes()
        child = Child(launch, self, ours)
        started = self._starting[launch.role] = self._loop.create_future()
        self._children[launch.role] = child
        request = {
            "op": "spawn",
            "id": launch.role,
            "argv": list(map(packed, launch.argv)),
            "env": {packed(name): packed(value) for name, value in self._environment(launch)},
            "cwd": packed(str(launch.directory)),
            "terminate_first": lifecycle,
            "descriptors": len(theirs),
        }
        try:
            self.request(request, theirs)
        finally:
            _close_all(theirs)
        child.pid = await started
        return child

    def kill(self) -> None:
        """SIGKILL for a guardian that does not answer; what that means for the providers is noticed as its loss."""
        self._process.kill()
        self._lose()

    def request(self, request: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Ask the guardian for something; a guardian that is gone is noticed by `lost`."""
        body = json.dumps(request).encode()
        message = memoryview(len(body).to_bytes(4, "big") + body)
        try:
            sent = socket.send_fds(self._socket, [message], list(descriptors))
            self._socket.sendall(message[sent:])
        except OSError:
            self._lose()

    def _receive(self) -> None:
        try:
            data = self._socket.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._socket.fileno())
            self._lose()
            return
        self._buffer += data
        while len(self._buffer) >= 4 and len(self._buffer) >= (end := 4 + int.from_bytes(self._buffer[:4], "big")):
            report = json.loads(self._buffer[4:end])
            del self._buffer[:end]
            self._take(report)

    def _take(self, report: dict[str, Any]) -> None:
        child, starting = self._children[report["id"]], self._starting[report["id"]]
        if report["op"] == "exited":
            if not child.exited.done():
                child.exited.set_result(report["code"])
        elif starting.done():
            return  # cancelled meanwhile: nobody waits for it any more
        elif report["op"] == "spawned":
            starting.set_result(report["pid"])
        else:
            starting.set_exception(_start_error(child.launch, report["message"]))

    def _lose(self) -> None:
        if self.lost.done():
            return
        self.lost.set_result(None)
        for future in self._starting.values():
            if not future.done():
                future.set_exception(GuardianLostError("the guardian process is gone"))
        self._end_orphans()
        for child in self._children.values():
            if not child.exited.done():
                child.exited.set_result(-signal.SIGKILL)

    def _environment(self, launch: ProviderLaunch) -> Iterable[tuple[str, str]]:
        return {**launch.environment, MARK: self._run_id}.items()

    def _orphans(self) -> list[int]:
        """What a lost guardian left behind."""
        if self._owns_descendants:
            return [pid for pid, _session in posix_parts.descendants(os.getpid())]
        sessions = {child.pid for child in self._children.values() if child.pid}
        return posix_parts.relatives(sessions, f"{MARK}={self._run_id}".encode())

    def _end_orphans(self) -> bool:
        """Invariant 6 without a guardian; whether there was anything left to end."""
        orphans = self._orphans()
        for pid in orphans:
            posix_parts.kill(pid, signal.SIGKILL)
        if self._owns_descendants:
            _reap_all()
        return bool(orphans)

    async def _until_no_orphans(self) -> None:
        """Again and again: each look at the process table may miss what was forked meanwhile."""
        deadline = time.monotonic() + _ORPHAN_SECONDS
        while self._end_orphans():
            if time.monotonic() >= deadline:
                return
            await asyncio.sleep(0.02)


def packed(text: str) -> str:
    """Its bytes as the system gave or gets them, one character a byte: what travels to the guardian.

    Raises:
        ConfigurationError: it holds a character that no name or variable of the system can hold.
    """
    try:
        return os.fsencode(text).decode("latin-1")
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"not a text for a program: {error.reason}", code="provider/cannot-start") from None


def _reap_all() -> None:
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def _start_guardian(descriptors: list[int]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_GUARDIAN), *map(str, descriptors)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={"PATH": os.defpath},
        start_new_session=True,
        pass_fds=descriptors,
    )


def _pipes() -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Our ends and the child's ends of its stdin, stdout and stderr."""
    opened: list[tuple[int, int]] = []
    try:
        for _ in range(3):
            opened.append(os.pipe())  # noqa: PERF401  what is open already must be known when the next fails
    except OSError as error:
        for pair in opened:
            _close_all(pair)
        raise _short_of(error) from error
    (stdin_read, stdin_write), (stdout_read, stdout_write), (stderr_read, stderr_write) = opened
    ours = (stdin_write, stdout_read, stderr_read)
    for descriptor in ours:
        os.set_blocking(descriptor, False)
    return ours, (stdin_read, stdout_write, stderr_write)


def _close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _short_of(error: OSError) -> DStreamError:
    """The system refused a process or a descriptor."""
    hint = "raise the limit: ulimit -n" if error.errno == errno.EMFILE else None
    return TemporaryError(f"cannot start a provider: {error.strerror}", code="runtime/no-resources", hint=hint)


def _start_error(launch: ProviderLaunch, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{launch} cannot be started: {reason}",
        code="provider/cannot-start",
        hint="check that the program exists, is executable and begins with a valid #! line",
    )
