"""The guardian: parent of every provider, so that none outlives its orchestrator (invariant 6).

A program of its own, started first as `python -I -S guardian.py SOCKET [CLAIM ...]` with a clean environment: one
thread, standard library only, no fork of the orchestrator. It spawns what the orchestrator asks for over a socket,
reports exits, and when the socket ends (the orchestrator ended, or was killed) it sends lifecycle verbs SIGTERM, gives
all one second and then ends all its descendants, daemons included: it is their subreaper.

Requests and reports are JSON with a length before it; a spawn request carries three descriptors (the child's standard
streams) and every byte of argv, environment and directory as one character. The environment of a provider travels in the request, never in an environment of the guardian's own.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from typing import Any

sys.path.append(os.path.dirname(os.path.abspath(__file__)))  # -I -S: the sibling below is not on the path otherwise

import posix_parts  # type: ignore[import-not-found]  # a program's own folder, see above

GRACE_SECONDS = 1.0
KILL_SECONDS = 10.0


class Channel:
    """The guardian's end of the socket to the orchestrator."""

    def __init__(self, descriptor: int):
        self._socket = socket.socket(fileno=descriptor)
        self._buffer = bytearray()
        self._descriptors: list[int] = []

    def fileno(self) -> int:
        """For poll."""
        return self._socket.fileno()

    def receive(self) -> list[tuple[dict[str, Any], list[int]]] | None:
        """The requests that are complete, each with its descriptors; None at end of file."""
        try:
            data, descriptors, _flags, _address = socket.recv_fds(self._socket, 1 << 20, 16)
        except OSError:
            return None
        self._descriptors += descriptors
        if not data:
            return None
        self._buffer += data
        return list(self._complete())

    def _complete(self) -> Any:
        while len(self._buffer) >= 4:
            end = 4 + int.from_bytes(self._buffer[:4], "big")
            if len(self._buffer) < end:
                return
            request = json.loads(self._buffer[4:end])
            del self._buffer[:end]
            taken = request.get("descriptors", 0)
            descriptors, self._descriptors = self._descriptors[:taken], self._descriptors[taken:]
            yield request, descriptors

    def send(self, report: dict[str, Any]) -> None:
        """Report to the orchestrator; one that is gone is noticed at the next receive."""
        body = json.dumps(report).encode()
        try:
            self._socket.sendall(len(body).to_bytes(4, "big") + body)
        except OSError:
            return


class Guardian:
    """Spawns, reaps, and ends everything below it."""

    def __init__(self, channel: Channel, claims: list[int]):
        self._channel = channel
        self._claims = claims
        self._children: dict[int, str] = {}
        self._pids: dict[str, int] = {}
        self._terminate_first: set[int] = set()

    def serve(self, wakeup: int) -> None:
        """Work until the orchestrator's end of the socket is closed."""
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(wakeup, select.POLLIN)
        while True:
            for descriptor, _event in poll.poll():
                if descriptor == wakeup:
                    os.read(wakeup, 4096)
                    self._reap()
                elif not self._serve_requests():
                    return

    def end(self, wakeup: int) -> None:
        """SIGTERM to lifecycle verbs, one second for all, then SIGKILL until nothing is left."""
        for pid in self._terminate_first & set(self._children):
            posix_parts.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + KILL_SECONDS
        gone = self._none_left(wakeup, GRACE_SECONDS)
        while not gone and time.monotonic() < deadline:
            for pid in self._children:
                posix_parts.kill_group(pid, signal.SIGKILL)
            for pid, _session in posix_parts.descendants(os.getpid()):
                posix_parts.kill(pid, signal.SIGKILL)
            gone = self._none_left(wakeup, 0.02)

    def _none_left(self, wakeup: int, seconds: float) -> bool:
        """Whether all descendants are gone within that time; a subreaper without children has none."""
        poll = select.poll()
        poll.register(wakeup, select.POLLIN)
        deadline = time.monotonic() + seconds
        while self._reap():
            if (left := deadline - time.monotonic()) <= 0:
                return False
            if poll.poll(left * 1000):
                os.read(wakeup, 4096)
        return True

    def _serve_requests(self) -> bool:
        requests = self._channel.receive()
        if requests is None:
            return False
        for request, descriptors in requests:
            if request["op"] == "spawn":
                self._spawn(request, descriptors)
            elif request["op"] == "signal":
                self._signal(request["id"], request["signal"])
            elif request["op"] == "end_session":
                self._end_session(request["session"])
        return True

    def _spawn(self, request: dict[str, Any], descriptors: list[int]) -> None:
        me = os.getpid()
        try:
            stdin, stdout, stderr = descriptors
            process = subprocess.Popen(
                [_bytes(argument) for argument in request["argv"]],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env={_bytes(name): _bytes(value) for name, value in request["env"].items()},
                cwd=_bytes(request["cwd"]),
                start_new_session=True,  # Ctrl-C reaches the orchestrator alone
                pass_fds=self._claims,
                preexec_fn=lambda: _prepare_child(me),  # noqa: PLW1509  one thread, by design
            )
        except (OSError, ValueError, LookupError, subprocess.SubprocessError) as error:
            self._channel.send({"op": "failed", "id": request["id"], "message": _reason(error)})
        else:
            process.returncode = 0  # reaped by waitpid below, never by subprocess
            self._children[process.pid] = request["id"]
            self._pids[request["id"]] = process.pid
            if request["terminate_first"]:
                self._terminate_first.add(process.pid)
            self._channel.send({"op": "spawned", "id": request["id"], "pid": process.pid})
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _signal(self, identifier: str, number: int) -> None:
        pid = self._pids.get(identifier)
        if pid in self._children:  # not reaped yet, so the number cannot belong to another process
            posix_parts.kill(pid, number)

    def _end_session(self, session: int) -> None:
        for pid, its_session in posix_parts.descendants(os.getpid()):
            if its_session == session:
                posix_parts.kill(pid, signal.SIGKILL)

    def _reap(self) -> bool:
        """Report who has exited; whether any child is left, orphans that came to us included."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if identifier := self._children.pop(pid, None):
                code = os.waitstatus_to_exitcode(status)
                self._channel.send({"op": "exited", "id": identifier, "code": code})


def _bytes(text: str) -> bytes:
    """What the orchestrator packed (`processes.packed`): one character a byte, so that no locale changes any."""
    return text.encode("latin-1")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        named = error.filename.decode("utf-8", "replace") if isinstance(error.filename, bytes) else error.filename
        return f"{error.strerror}: {named!r}" if named else error.strerror
    return str(error)


def _prepare_child(guardian: int) -> None:
    """Between fork and exec: default signals, no blocked ones, and an end with the guardian's."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    posix_parts.die_with_parent(guardian)


def main(arguments: list[str]) -> None:
    """Run the guardian; `arguments` are the socket's and the claims' descriptors."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    wakeup, wakeup_end = os.pipe()
    os.set_blocking(wakeup, False)
    os.set_blocking(wakeup_end, False)
    signal.set_wakeup_fd(wakeup_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    posix_parts.become_subreaper()
    descriptors = [int(argument) for argument in arguments]
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    guardian = Guardian(Channel(descriptors[0]), descriptors[1:])
    guardian.serve(wakeup)
    guardian.end(wakeup)


if __name__ == "__main__":
    main(sys.argv[1:])
