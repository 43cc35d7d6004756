"""The start of a run, in the protocol's order (PROTOCOL "Start").

Version-1 processes are spawned together; an older input only when the output is ready, since it may start working at
an empty stdin. An input gets its command line when the output is ready.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from dstream_core.protocol.handshake import Refusal
from dstream_core.runtime import posix_parts
from dstream_core.runtime.acks import AckError
from dstream_core.runtime.delivery import Delivery
from dstream_core.runtime.filters import HandshakeFinder, WholeLines
from dstream_core.runtime.output_stdout import OutputStdout
from dstream_core.runtime.processes import Guardian
from dstream_core.runtime.relay import Relay
from dstream_core.runtime.run_state import RunState, early_exit
from dstream_core.runtime.running import HandshakeError, Running, accept_handshake, first_line, first_of
from dstream_core.runtime.values import ProviderLaunch, refusal_error

OLDER_OUTPUT_SECONDS = 1.0
"""An older output counts as ready at its first line, or after this time."""

_T = TypeVar("_T")


class EndAskedError(Exception):
    """A signal asked for the end while providers were starting; no failure."""


async def start(run: RunState, guardian: Guardian, source: ProviderLaunch, sink: ProviderLaunch) -> None:
    """Start both providers; when it returns, data flows.

    Raises:
        DStreamError: a provider could not be started, refused, or ended.
        EndAskedError: a signal came first.
    """
    run.output = await _unless_cut_short(run, Running.start(guardian, sink, run.observer))
    run.output.send_command(close=False)
    if not source.older:
        run.input = await _unless_cut_short(run, Running.start(guardian, source, run.observer))
        posix_parts.enlarge_pipe(run.input.child.stdout)
    await _output_ready(run, run.output)
    run.delivery = Delivery(run.output)
    if run.delivery.best_effort:
        run.observer.notice("warning", f"delivery: best effort ({sink} does not acknowledge)")
    else:  # lines in the pipe of an output that does not acknowledge count as not read: that one stays small
        posix_parts.enlarge_pipe(run.output.child.stdin)
    if run.input is None:
        run.input = await _unless_cut_short(run, Running.start(guardian, source, run.observer))
    run.input.send_command(close=source.older)
    run.delivery.relay = _relay(run, run.input, run.output, run.delivery)
    await _input_ready(run, run.input, run.delivery)


async def _output_ready(run: RunState, output: Running) -> None:
    def take_ack(count: int) -> None:
        try:
            if run.delivery is not None:
                run.delivery.take(count)
        except AckError as error:
            run.alarms.raise_trouble(error)

    def given_lines() -> int:
        return run.delivery.written if run.delivery is not None else 0

    stdout = OutputStdout(output, run.observer, take_ack, given_lines, run.alarms.raise_trouble)
    if output.launch.older:
        stdout.start()
        await _unless_cut_short(run, _older_output_ready(output, stdout), output)
    else:
        behind: list[bytes] = []
        await _unless_cut_short(run, _in_time(first_line(output, behind.append), output.launch), output)
        stdout.start(b"".join(behind))


async def _older_output_ready(output: Running, stdout: OutputStdout) -> None:
    await first_of(stdout.first_line, output.child.exited, seconds=OLDER_OUTPUT_SECONDS)
    if stdout.first_line.done() and isinstance(refusal := stdout.first_line.result(), Refusal):
        await accept_handshake(output, refusal, b"")
    await first_of(output.command_taken, output.child.exited, seconds=output.launch.start_timeout)
    if output.child.exited.done():
        raise await early_exit(output, "it was ready")
    if not output.command_taken.done():
        raise HandshakeError(f"{output.launch} does not read its command line", code="provider/start-timeout")


async def _input_ready(run: RunState, source: Running, delivery: Delivery) -> None:
    assert delivery.relay is not None
    behind: list[bytes] = []
    if not source.launch.older:
        await _unless_cut_short(run, _in_time(first_line(source, behind.append), source.launch), source)
        delivery.connect(source)
    source.read_by(delivery.relay)
    delivery.relay.start(b"".join(behind))


def _relay(run: RunState, source: Running, output: Running, delivery: Delivery) -> Relay:
    run.finder = HandshakeFinder() if source.launch.older else None
    run.whole = WholeLines() if output.launch.older else None

    def transform(data: bytes) -> bytes:
        """Only where an older provider stands at one end."""
        if run.finder is not None and run.finder.searching:
            data = run.finder.feed(data)
            if isinstance(run.finder.found, Refusal):
                run.alarms.raise_trouble(refusal_error(source.launch, run.finder.found, None))
        return run.whole.feed(data) if run.whole is not None else data

    return Relay(
        source.child.stdout,
        output.child.stdin,
        transform if run.finder or run.whole else None,
        delivery.note_write if delivery.best_effort else None,
    )


async def _in_time(handshake: Coroutine[Any, Any, object], launch: ProviderLaunch) -> None:
    try:
        await asyncio.wait_for(handshake, launch.start_timeout)
    except TimeoutError:
        raise HandshakeError(
            f"{launch} did not get ready within {launch.start_timeout:g} s",
            code="provider/start-timeout",
            hint="see its log above; a slow start may set `start_timeout` in its block",
        ) from None


async def _unless_cut_short(run: RunState, step: Coroutine[Any, Any, _T], running: Running | None = None) -> _T:
    """Wait for a step of the start, unless a signal or trouble comes first, or the other provider dies."""
    task = asyncio.create_task(step)
    others = [other for other in run.providers() if other is not running]
    try:
        if run.alarms.signal is None:
            await first_of(task, *run.alarms.futures(), *(other.child.exited for other in others))
        if task.done():
            return task.result()
        run.alarms.check()
        if run.alarms.signal is not None:
            raise EndAskedError
        [dead, *_] = [other for other in others if other.child.exited.done()]
        raise await early_exit(dead, "it was ready")
    finally:
        task.cancel()
