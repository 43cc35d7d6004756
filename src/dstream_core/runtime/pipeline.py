"""One run of a task: start in order, stream, end in order."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from dstream_core.errors import DStreamError, ProviderError
from dstream_core.runtime.alarms import Alarms
from dstream_core.runtime.claims import Claim
from dstream_core.runtime.ending import end
from dstream_core.runtime.interrupts import Interrupts
from dstream_core.runtime.posix_parts import occupy_standard_descriptors
from dstream_core.runtime.processes import Guardian
from dstream_core.runtime.relay import Relay
from dstream_core.runtime.run_state import RunState, early_exit
from dstream_core.runtime.running import Running, first_of
from dstream_core.runtime.starting import EndAskedError, start
from dstream_core.runtime.values import STOP_TIMEOUT, Observer, ProviderLaunch, RunOutcome, StopReason

COUNTS_EVERY = 0.5
"""Seconds between two looks at how far the data got."""


class UndeliveredError(ProviderError):
    """Lines were relayed that nobody acknowledged."""

    default_code = "run/undelivered"


def run_pipeline(
    input: ProviderLaunch,  # noqa: A002  the role's own name
    output: ProviderLaunch,
    *,
    claims: Sequence[Claim],
    observer: Observer,
    stop_timeout: float = STOP_TIMEOUT,
    on_counts: Callable[[int, int, int], None] | None = None,
) -> RunOutcome:
    """Stream from the input to the output until the input ends, a signal asks for the end, or something fails.

    SIGINT, SIGTERM and SIGHUP end the run in order; a second SIGINT ends it at once.

    Args:
        input: the provider whose data lines are relayed.
        output: the provider that delivers them.
        claims: held claims that the guardian and every child inherit (invariant 6).
        observer: told what happens.
        stop_timeout: seconds for all the steps of the shutdown together.
        on_counts: told (records, acknowledged, bytes) twice a second while data may flow, for a live view.

    Returns:
        What came of it; a failure is in the outcome, not raised.

    Raises:
        TemporaryError: the system had no process or descriptor left to begin with.
    """
    occupy_standard_descriptors()
    return asyncio.run(_run(input, output, claims, observer, stop_timeout, on_counts))


async def _run(
    source: ProviderLaunch,
    sink: ProviderLaunch,
    claims: Sequence[Claim],
    observer: Observer,
    stop_timeout: float,
    on_counts: Callable[[int, int, int], None] | None,
) -> RunOutcome:
    began = time.monotonic()
    interrupts = Interrupts()
    async with Guardian(claims) as guardian:
        run = RunState(Alarms(guardian, interrupts), observer, stop_timeout, on_counts=on_counts)
        work = asyncio.create_task(_start_stream_end(run, guardian, source, sink))
        at_once = asyncio.create_task(run.alarms.second_interrupt())
        await first_of(work, at_once)
        if not work.done():
            for running in run.providers():
                running.child.kill()
            work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        at_once.cancel()
        await _close(run)
    return _outcome(run, time.monotonic() - began)


async def _start_stream_end(run: RunState, guardian: Guardian, source: ProviderLaunch, sink: ProviderLaunch) -> None:
    try:
        await start(run, guardian, source, sink)
        await _stream(run)
    except EndAskedError:
        pass  # the signal is the reason; what was started is ended in order
    except DStreamError as error:
        run.fail(error)
    await end(run)


async def _stream(run: RunState) -> None:
    """Until the input's data is at its end, the output ends, a signal comes, or there is trouble."""
    assert run.delivery is not None
    assert run.relay is not None
    assert run.output is not None
    reads = asyncio.create_task(run.delivery.keep_taking_reads())
    counts = asyncio.create_task(_keep_telling_counts(run))
    output, relay = run.output, run.relay
    ends: list[asyncio.Future[Any]] = [output.child.exited, relay.sink_broken]
    if not run.delivery.best_effort and output.stdout is not None:
        ends.append(output.stdout.done)  # no acknowledgement can come any more
    try:
        while not relay.done.done() and run.alarms.signal is None:
            run.alarms.check()
            if any(one.done() for one in ends):
                raise await _output_failed(run, output, relay)
            await first_of(relay.done, *ends, *run.alarms.futures())
    finally:
        reads.cancel()
        counts.cancel()


async def _keep_telling_counts(run: RunState) -> None:
    """Look again and again, until cancelled, if anybody wants to know."""
    while run.on_counts is not None and run.delivery is not None and run.relay is not None:
        run.on_counts(run.delivery.written, run.delivery.acknowledged, run.relay.bytes)
        await asyncio.sleep(COUNTS_EVERY)


async def _output_failed(run: RunState, output: Running, relay: Relay) -> DStreamError:
    exited = await output.exits_within(1.0)
    relay.discard()
    if not exited:
        which = "stdin" if relay.sink_broken.done() else "stdout"
        return ProviderError(f"{output.launch} closed its {which} before end of file", code=f"provider/closed-{which}")
    error = await early_exit(output, "end of file")
    return run.alarms.trouble.result() if run.alarms.trouble.done() else error


async def _close(run: RunState) -> None:
    if run.relay is not None:
        run.relay.stop()
    if run.delivery is not None and run.delivery.control is not None:
        run.delivery.control.close()
    for running in run.providers():
        if running.stdout is not None and running.stdout is not run.relay:
            running.stdout.end_source()
        await running.close()


def _outcome(run: RunState, seconds: float) -> RunOutcome:
    delivery, relay = run.delivery, run.relay
    written = delivery.written if delivery is not None else 0
    acknowledged = delivery.acknowledged if delivery is not None else 0
    best_effort = delivery is not None and delivery.best_effort
    if written > acknowledged:
        what = "not read by the output" if best_effort else "not acknowledged"
        run.fail(UndeliveredError(f"{written - acknowledged} of {written} records were {what}"))
    elif relay is not None and relay.discarded:
        run.fail(UndeliveredError(f"{relay.discarded} records could not be delivered any more"))
    rejected = run.output.log.progress.get("dead_letters", 0) if run.output is not None else 0
    return RunOutcome(
        reason=_reason(run),
        records=written,
        acknowledged=acknowledged,
        rejected=rejected if isinstance(rejected, int) else 0,
        bytes=relay.bytes if relay is not None else 0,
        seconds=seconds,
        best_effort=best_effort,
        discarded=relay.discarded if relay is not None else 0,
        failure=run.failure,
    )


def _reason(run: RunState) -> StopReason:
    if run.alarms.signal is not None:
        return "SIGINT" if run.alarms.signal == signal.SIGINT else "SIGTERM"
    return "failure" if run.failure is not None else "end of input"
