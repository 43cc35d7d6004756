"""Running one lifecycle verb on one provider: command line in, result out."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from typing import Any

from dstream_core.errors import InterruptedRunError, ProviderError
from dstream_core.protocol.exact_json import decode_json
from dstream_core.protocol.handshake import decode_handshake
from dstream_core.protocol.result import decode_result
from dstream_core.runtime.claims import Claim
from dstream_core.runtime.interrupts import Interrupts
from dstream_core.runtime.posix_parts import occupy_standard_descriptors
from dstream_core.runtime.processes import Guardian, GuardianLostError
from dstream_core.runtime.running import HandshakeError, Running, accept_handshake, exit_error, first_of
from dstream_core.runtime.streams import Reader
from dstream_core.runtime.values import Observer, ProviderLaunch, VerbOutcome

OUTPUT_LIMIT = 256 * 1024 * 1024
"""Bytes of stdout that a verb may write."""


class NoResultError(ProviderError):
    """A version-1 provider ended a lifecycle verb without a result."""

    default_code = "protocol/no-result"


def run_verb(launch: ProviderLaunch, *, claims: Sequence[Claim] = (), observer: Observer) -> VerbOutcome:
    """Run a lifecycle verb and return what the provider answered; its other stdout lines go to `observer.text`.

    A result that says Failed is returned, not raised.

    Raises:
        RefusedError: the provider answered `status: error`.
        InterruptedRunError: Ctrl-C; the provider got SIGTERM and finished the resource in hand.
        DStreamError: it could not be started, broke the protocol or failed without a result.
    """
    occupy_standard_descriptors()
    return asyncio.run(_run(launch, claims, observer))


def run_describe(launch: ProviderLaunch, *, observer: Observer) -> bytes:
    """Ask a program to describe itself; the manifest it prints. It prints no handshake (PROTOCOL).

    Raises:
        DStreamError: it could not be started, or failed.
    """

    async def run() -> bytes:
        stdout, running = await _collect(launch, (), observer)
        if running.exit_code != 0:
            raise running.failure() or NoResultError(f"{launch} did not end")
        return stdout

    occupy_standard_descriptors()
    return asyncio.run(run())


async def _run(launch: ProviderLaunch, claims: Sequence[Claim], observer: Observer) -> VerbOutcome:
    stdout, running = await _collect(launch, claims, observer)
    read = _read_older if launch.older else _read_result
    document, text = await read(running, stdout)
    if text:
        observer.text(text)
    code = running.exit_code or 0
    if document is None:
        if code != 0:
            raise exit_error(launch, code, running.log)
        document = {"status": "Success"}
    return VerbOutcome(decode_result(document), document, code)


async def _collect(launch: ProviderLaunch, claims: Sequence[Claim], observer: Observer) -> tuple[bytes, Running]:
    """Start the provider, send the command line, close its stdin and read until it has ended."""
    stdout = bytearray()
    interrupts = Interrupts()
    async with Guardian(claims) as guardian:
        running = await Running.start(guardian, launch, observer, lifecycle=True)
        reader = _reader(running, stdout)
        running.send_command(close=True)
        try:
            await _until_ended(running, stdout, interrupts)
        finally:
            reader.stop()
            await running.close()
        if guardian.lost.done():
            raise GuardianLostError("the guardian process is gone; the provider was ended", hint="run it again")
    if interrupts.count:
        raise InterruptedRunError(
            f"{launch} was interrupted", hint="run the same command again to finish what it began"
        )
    return bytes(stdout), running


def _reader(running: Running, stdout: bytearray) -> Reader:
    def feed(chunk: bytes) -> None:
        stdout.extend(chunk)
        if len(stdout) > OUTPUT_LIMIT:
            reader.stop()

    reader = Reader(running.child.stdout, feed)
    running.read_by(reader)
    reader.start()
    return reader


async def _until_ended(running: Running, stdout: bytearray, interrupts: Interrupts) -> None:
    launch = running.launch
    started = asyncio.get_running_loop().time()
    told = 0
    while not running.settled.done():
        await first_of(running.settled, interrupts.changed(), seconds=0.25)
        if interrupts.count > told:
            told = interrupts.count
            if told == 1:
                running.child.signal(signal.SIGTERM)  # it finishes the resource in hand
            else:
                await running.terminate(0)
        if len(stdout) > OUTPUT_LIMIT:
            await running.terminate()
            raise ProviderError(f"{launch} wrote more than {OUTPUT_LIMIT} bytes", code="protocol/too-much-output")
        silent = not launch.older and b"\n" not in stdout
        if silent and asyncio.get_running_loop().time() - started > launch.start_timeout:
            await running.terminate()
            raise HandshakeError(f"{launch} did not answer within {launch.start_timeout:g} s")
    running.settled.result()


async def _read_result(running: Running, stdout: bytes) -> tuple[dict[str, Any] | None, bytes]:
    """A version-1 provider's result and its other lines; its first line is the handshake."""
    line, newline, rest = stdout.partition(b"\n")
    if not newline:
        raise running.failure() or HandshakeError(f"{running.launch} ended without a handshake")
    await accept_handshake(running, decode_handshake(line), line)
    document, text = _last_object(rest)
    if document is None and running.exit_code == 0:
        raise NoResultError(f"{running.launch} ended without a result")
    return document, text


async def _read_older(running: Running, stdout: bytes) -> tuple[dict[str, Any] | None, bytes]:
    """An older provider's result: one object on a line of its own, or all of stdout; other lines are the user's."""
    lines = stdout.splitlines(keepends=True)
    for index, line in enumerate(lines):
        if (handshake := decode_handshake(line)) is not None:
            await accept_handshake(running, handshake, line)
            stdout = b"".join(lines[:index] + lines[index + 1 :])
            break
    document, text = _last_object(stdout)
    if document is None and (whole := _object(stdout)) is not None:
        return whole, b""
    return document, text


def _last_object(text: bytes) -> tuple[dict[str, Any] | None, bytes]:
    """The last line that is a JSON object with a `status`, and the other lines."""
    lines = text.splitlines(keepends=True)
    for index in range(len(lines) - 1, -1, -1):
        document = _object(lines[index])
        if document is not None:
            return document, b"".join(lines[:index] + lines[index + 1 :])
    return None, text


def _object(text: bytes) -> dict[str, Any] | None:
    if not text.strip().startswith(b"{"):
        return None
    try:
        document = decode_json(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and "status" in document else None
