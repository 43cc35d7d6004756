"""A provider under test: started as DStream starts it, spoken to in the protocol, whatever its language."""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dstream_core.protocol.command import Command, Session, encode_command
from dstream_core.protocol.control import STOP_LINE, ack_of, decode_control, encode_ack
from dstream_core.protocol.exact_json import decode_json, encode_json
from dstream_core.protocol.handshake import Ready, Refusal, decode_handshake
from dstream_core.protocol.names import Role, Verb

PATIENCE = 20.0
"""Seconds that every wait of this module takes at most, unless told otherwise."""

_END = None


class ProviderProcessError(AssertionError):
    """The provider did not do what the test waited for; the message ends with its stderr."""


class ProviderProcess:
    """Runs one command line of a provider. A context manager: what is left of the process is ended behind it.

    ```python
    with ProviderProcess(["dstream-counter"], "input", {"max_count": 3}) as provider:
        provider.wait_ready()
        assert [line["data"]["value"] for line in provider.envelopes(3)] == [1, 2, 3]
        provider.ack(3)
        provider.close_stdin()
        assert provider.wait() == 0
    ```

    Args:
        command: program and arguments.
        role: its position.
        config: its options.
        verb: what is asked.
        session: what else the orchestrator tells; its role counts less than `role`, and a state directory is added.
        older: sends no `dstream` member, as an older orchestrator.
        state_dir: where it keeps positions; a new temporary directory if None.
        environment: variables beside those of this process.
        send_command: False leaves its stdin untouched.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        role: Role,
        config: Mapping[str, Any] | None = None,
        *,
        verb: Verb = "run",
        session: Session | None = None,
        older: bool = False,
        state_dir: Path | None = None,
        environment: Mapping[str, str] | None = None,
        send_command: bool = True,
    ):
        self._command = [str(part) for part in command]
        self._temporary = tempfile.TemporaryDirectory(prefix="dstream-test-") if state_dir is None else None
        self.state_dir = state_dir or Path(self._temporary.name if self._temporary else ".")
        """Where the provider keeps positions."""
        self.session = self._session(session, role)
        """What the provider is told; its dead letters lie in `session.dead_letters`."""
        self._line = encode_command(Command(verb, dict(config or {}), None if older else self.session))
        self._send_command = send_command
        self._verb = verb
        self._older = older
        self._environment = dict(os.environ) | dict(environment or {})
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._stderr: list[bytes] = []
        self.stdout: list[bytes] = []
        """Every whole line of stdout so far, without newlines."""
        self.unfinished = b""
        """What stdout ended with behind its last newline."""

    def __enter__(self) -> Self:
        if self._older:
            self._environment["DSTREAM_STATE_DIR"] = str(self.state_dir)
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environment,
                start_new_session=True,
            )
        except OSError:
            self._clean_up()
            raise
        self._threads = [
            threading.Thread(target=self._read_stdout, daemon=True),
            threading.Thread(target=self._read_stderr, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        if self._send_command:
            self.write(self._line)
            if self._verb != "run":
                self.close_stdin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self.close_stdin()
        for thread in self._threads:
            thread.join(PATIENCE)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        self._clean_up()

    @property
    def pid(self) -> int:
        """Its process ID."""
        return self._process.pid

    @property
    def stderr(self) -> str:
        """Its log so far."""
        return b"".join(self._stderr).decode(errors="replace")

    @property
    def dead_letters(self) -> Path:
        """The directory for lines that cannot be delivered."""
        return Path(self.session.dead_letters or self.state_dir)

    def write(self, data: bytes) -> None:
        """Writes bytes to its stdin; a provider that no longer reads is no error here."""
        stream = self._process.stdin
        if stream is None or stream.closed:
            return
        try:
            stream.write(data)
            stream.flush()
        except OSError:
            pass  # it has ended; its exit code says why

    def send(self, envelopes: Iterable[Mapping[str, Any]]) -> None:
        """Writes envelopes as data lines, in one piece."""
        self.write(b"".join(encode_json(envelope) + b"\n" for envelope in envelopes))

    def ack(self, count: int) -> None:
        """Tells an input that the first `count` lines are durable."""
        self.write(encode_ack(count))

    def stop(self) -> None:
        """Asks an input to stop."""
        self.write(STOP_LINE)

    def close_stdin(self) -> None:
        """Ends its stdin."""
        stream = self._process.stdin
        if stream is not None and not stream.closed:
            with contextlib.suppress(OSError):  # it has ended with bytes unread
                stream.close()

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Sends it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Ends it and all that it started in its session."""
        with contextlib.suppress(OSError):  # all gone
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def read_line(self, seconds: float = PATIENCE) -> bytes | None:
        """The next line of stdout without its newline; None at its end.

        Raises:
            ProviderProcessError: none came in time.
        """
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise self._failure(f"no line on stdout within {seconds:g} s") from None
        if line is _END:
            self._lines.put(_END)
        return line

    def read_lines(self, count: int, seconds: float = PATIENCE) -> list[bytes]:
        """The next `count` lines of stdout.

        Raises:
            ProviderProcessError: they did not come in time.
        """
        lines: list[bytes] = []
        deadline = time.monotonic() + seconds
        while len(lines) < count:
            line = self.read_line(self._until(deadline))
            if line is None:
                raise self._failure(f"stdout ended after {len(lines)} of {count} lines")
            lines.append(line)
        return lines

    def read_rest(self, seconds: float = PATIENCE) -> list[bytes]:
        """All lines of stdout up to its end."""
        lines: list[bytes] = []
        deadline = time.monotonic() + seconds
        while (line := self.read_line(self._until(deadline))) is not None:
            lines.append(line)
        return lines

    def handshake(self, seconds: float = PATIENCE) -> Ready | Refusal:
        """The first line, which must be a handshake.

        Raises:
            ProviderProcessError: it is something else.
        """
        line = self.read_line(seconds)
        answer = decode_handshake(line) if line is not None else None
        if answer is None:
            raise self._failure(f"the first line is no handshake: {line!r}")
        return answer

    def wait_ready(self, seconds: float = PATIENCE) -> Ready:
        """The handshake, which must be `ready`."""
        answer = self.handshake(seconds)
        if isinstance(answer, Refusal):
            raise self._failure(f"the provider refuses: {answer.message}")
        return answer

    def refusal(self, seconds: float = PATIENCE) -> Refusal:
        """The handshake, which must be an error."""
        answer = self.handshake(seconds)
        if isinstance(answer, Ready):
            raise self._failure("the provider is ready, although it should refuse")
        return answer

    def envelopes(self, count: int, seconds: float = PATIENCE) -> list[dict[str, Any]]:
        """The next data lines of an input, decoded."""
        return [decode_json(line) for line in self.read_lines(count, seconds)]

    def wait_ack(self, count: int, seconds: float = PATIENCE) -> list[int]:
        """Reads an output's lines until it has acknowledged `count`; returns the counts it sent on the way.

        Raises:
            ProviderProcessError: it did not, or its counts go back.
        """
        counts: list[int] = []
        deadline = time.monotonic() + seconds
        while not counts or counts[-1] < count:
            line = self.read_line(self._until(deadline))
            if line is None:
                raise self._failure(f"stdout ended, acknowledged are {counts[-1:] or 'no'} of {count} lines")
            number = ack_of(decode_control(line) or {})
            if number is not None:
                if counts and number < counts[-1]:
                    raise self._failure(f"acknowledgements go back: {counts[-1]}, {number}")
                counts.append(number)
        return counts

    def result(self, seconds: float = PATIENCE) -> dict[str, Any]:
        """The result of a lifecycle verb, behind `ready`."""
        line = self.read_line(seconds)
        document = decode_json(line) if line is not None else None
        if not isinstance(document, dict):
            raise self._failure(f"no result behind the handshake: {line!r}")
        return document

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float = PATIENCE) -> int:
        """Its exit code.

        Raises:
            ProviderProcessError: it has not ended in time.
        """
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise self._failure(f"still running after {seconds:g} s") from None
        for thread in self._threads:
            thread.join(seconds)
        return code

    def _clean_up(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()

    def _until(self, deadline: float) -> float:
        """Seconds left; a provider that writes for ever does not move the deadline."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._failure(f"not done in time, after {len(self.stdout)} lines on stdout")
        return left

    def _session(self, session: Session | None, role: Role) -> Session:
        base = session or Session(role=role, task="test")
        return replace(
            base,
            role=role,
            state_dir=base.state_dir or str(self.state_dir),
            dead_letters=base.dead_letters or str(self.state_dir / "dead-letters"),
        )

    def _read_stdout(self) -> None:
        stream = self._process.stdout
        while stream is not None and (line := stream.readline()):
            if line.endswith(b"\n"):
                self.stdout.append(line[:-1])
                self._lines.put(line[:-1])
            else:
                self.unfinished = line
        self._lines.put(_END)

    def _read_stderr(self) -> None:
        stream = self._process.stderr
        while stream is not None and (chunk := os.read(stream.fileno(), 65536)):
            self._stderr.append(chunk)

    def _failure(self, message: str) -> ProviderProcessError:
        state = self._process.poll()
        ended = "still running" if state is None else f"exit code {state}"
        return ProviderProcessError(f"{message} ({shlex.join(self._command)}, {ended})\nstderr:\n{self.stderr[-4000:]}")
