"""The end of a run, in order (invariant 7, PROTOCOL "End").

The input stops, the relay drains, the output flushes and acknowledges, the input commits, both exit. Each step has a
deadline, then SIGTERM, then SIGKILL, and the run says so.
"""

from __future__ import annotations

import asyncio
import signal

from dstream_core.errors import ProviderError
from dstream_core.runtime import posix_parts
from dstream_core.runtime.delivery import READ_POLL, Delivery
from dstream_core.runtime.relay import Relay
from dstream_core.runtime.run_state import RunState
from dstream_core.runtime.running import Running, first_of

_STOP_SHARE, _FLUSH_SHARE, _COMMIT_SHARE, _TERM_SHARE = 0.35, 0.35, 0.15, 0.04
"""Parts of the stop time-out: the input stops, the output flushes, the input commits; SIGTERM's grace, up to thrice."""

_WATCH_SECONDS = 0.25
"""How often the wait for a delivering output looks whether there is a hurry now."""


async def end(run: RunState) -> None:
    """End whatever was started, in order; what goes wrong is the run's failure."""
    if run.relay is not None and (run.output is None or run.output.exit_code is not None):
        run.relay.discard()
    if run.input is not None:
        await _stop_input(run, run.input)
    if run.output is not None:
        await _end_output(run, run.output)
    if run.input is not None:
        await _end_input(run, run.input)


async def _stop_input(run: RunState, source: Running) -> None:
    """The input stops and the relay drains."""
    relay = run.relay
    if relay is None or source.stdout is not relay:  # it was never ready
        source.child.close_stdin()
        if not await source.exits_within(_STOP_SHARE * run.stop_timeout):
            await source.terminate(_TERM_SHARE * run.stop_timeout)
        return
    if not relay.done.done():
        _ask_to_stop(run, source)
        await first_of(relay.done, run.alarms.guardian_lost, seconds=_STOP_SHARE * run.stop_timeout)
    if not relay.done.done():
        await _input_overdue(run, source, relay)
    if source.launch.older:
        await _finish_older_line(run, source, relay)


def _ask_to_stop(run: RunState, source: Running) -> None:
    run.stop_asked = True
    if source.launch.older:
        source.child.signal(signal.SIGTERM)
    elif run.delivery is not None and run.delivery.control is not None:
        run.delivery.control.send_stop()


async def _input_overdue(run: RunState, source: Running, relay: Relay) -> None:
    if posix_parts.unread_bytes(source.child.stdout) or source.exit_code is not None:
        run.observer.notice("warning", "the output does not take the lines that are left in time")
        relay.discard()
    else:
        run.observer.notice("warning", f"{source.launch} does not stop in time")
    if source.exit_code is None:
        await source.terminate(_TERM_SHARE * run.stop_timeout)
    relay.discard()
    await asyncio.wait({relay.done}, timeout=_TERM_SHARE * run.stop_timeout)


async def _finish_older_line(run: RunState, source: Running, relay: Relay) -> None:
    """A line without its newline is no line, except an older input's that exits with 0 (PROTOCOL "Data")."""
    if run.finder is not None and (held := run.finder.finish()):
        await relay.append(run.whole.feed(held) if run.whole is not None else held)
    complete = await source.exits_within(1.0) and source.exit_code == 0
    rest = b"\n" if relay.mid_line and complete else b""
    if run.whole is not None:
        rest = run.whole.finish(complete=complete)
    if rest:
        await relay.append(rest)


async def _end_output(run: RunState, output: Running) -> None:
    """The output gets end of file, flushes, acknowledges and exits."""
    if run.delivery is not None and run.delivery.best_effort:
        await _until_read(run, output, run.delivery)
    output.child.close_stdin()
    if not await _output_exits(run, output):
        run.observer.notice("warning", f"{output.launch} does not end in time")
        await output.terminate(_TERM_SHARE * run.stop_timeout)
        run.fail(output.failure() or ProviderError(f"{output.launch} did not end in time"))
    await output.settled
    run.fail(output.failure())


async def _until_read(run: RunState, output: Running, delivery: Delivery) -> None:
    """Best effort: what is unread when the pipe is closed could not be told any more, so wait until it is read."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _FLUSH_SHARE * run.stop_timeout
    while output.exit_code is None and posix_parts.unread_bytes(output.child.stdin):
        delivery.take_reads()
        if run.hurried and loop.time() > deadline:
            break
        await asyncio.wait({output.child.exited}, timeout=READ_POLL)
    delivery.take_reads()


async def _output_exits(run: RunState, output: Running) -> bool:
    """Whether it exits: it has all the time it needs to deliver, and a deadline once there is a hurry."""
    loop = asyncio.get_running_loop()
    deadline: float | None = None
    while not output.child.exited.done():
        if deadline is None and (run.hurried or _nothing_left_to_do(run, output)):
            deadline = loop.time() + _FLUSH_SHARE * run.stop_timeout
        if deadline is not None and loop.time() >= deadline:
            return False
        await first_of(output.child.exited, run.alarms.guardian_lost, seconds=_WATCH_SECONDS)
        if run.alarms.trouble.done():
            run.fail(run.alarms.trouble.result())
        if run.input is not None and not run.stop_asked:
            run.fail(run.input.failure())  # it died: the output is stopped in order too, with deadlines
    return True


def _nothing_left_to_do(run: RunState, output: Running) -> bool:
    """A version-1 output that has acknowledged everything can only exit."""
    delivery = run.delivery
    return not output.launch.older and delivery is not None and not delivery.best_effort and delivery.complete


async def _end_input(run: RunState, source: Running) -> None:
    """The input gets its last acknowledgement and end of file, stores its position and exits."""
    control = run.delivery.control if run.delivery is not None else None
    if control is not None:
        await control.flush(_COMMIT_SHARE * run.stop_timeout)
        control.close()
    source.child.close_stdin()
    if not await source.exits_within(_COMMIT_SHARE * run.stop_timeout):
        run.observer.notice("warning", f"{source.launch} does not end in time")
        await source.terminate(_TERM_SHARE * run.stop_timeout)
        run.fail(source.failure() or ProviderError(f"{source.launch} did not end in time"))
    await source.settled
    if source.launch.older and run.stop_asked:
        return  # it was ended by SIGTERM: its exit code says nothing
    run.fail(source.failure())
    if not source.launch.older and run.relay is not None and run.relay.mid_line:
        run.fail(ProviderError(f"{source.launch} ended in the middle of a line", code="protocol/partial-line"))
