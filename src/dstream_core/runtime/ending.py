"""The end of a run, in order (invariant 7, PROTOCOL "End").

The input stops, the relay drains, the output flushes and acknowledges, the input commits, both exit. Each step has a
deadline, then SIGTERM, then SIGKILL, and the run says so.
"""

from __future__ import annotations

import asyncio
import signal

from dstream_core.errors import DStreamError, ProviderError
from dstream_core.runtime import posix_parts
from dstream_core.runtime.delivery import READ_POLL, Delivery
from dstream_core.runtime.relay import Relay
from dstream_core.runtime.run_state import RunState, early_exit
from dstream_core.runtime.running import Running, first_of

_STOP_SHARE, _FLUSH_SHARE, _COMMIT_SHARE, _TERM_SHARE = 0.35, 0.35, 0.15, 0.04
"""Parts of the stop time-out: the input stops, the output flushes, the input commits; SIGTERM's grace, up to thrice."""

_NOTHING_AT_STAKE_SECONDS = 2.0
"""For a provider that never got ready, at most: it has nothing to finish."""

_WATCH_SECONDS = 0.25
"""How often the wait for a delivering output looks whether there is a hurry now."""


class _Patience:
    """How long a step may take: as long as it likes, and so many seconds once there is a hurry."""

    def __init__(self, seconds: float):
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._deadline: float | None = None

    def is_over(self, hurried: bool) -> bool:
        """Whether its time is up; the first hurry starts the clock."""
        if self._deadline is None and hurried:
            self._deadline = self._loop.time() + self._seconds
        return self._deadline is not None and self._loop.time() >= self._deadline

    @property
    def left(self) -> float:
        """Seconds until its time is up, once the clock runs."""
        return max(0.0, (self._deadline or 0.0) - self._loop.time())


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
    if relay is None or not run.flowing:
        source.close_stdin()
        if not await source.exits_within(min(_NOTHING_AT_STAKE_SECONDS, _STOP_SHARE * run.stop_timeout)):
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
    await first_of(relay.done, seconds=_TERM_SHARE * run.stop_timeout)
    relay.discard()
    relay.end_source()  # who still writes now is none of the provider's


async def _finish_older_line(run: RunState, source: Running, relay: Relay) -> None:
    """A line without its newline is no line, except an older input's that exits with 0 (PROTOCOL "Data")."""
    if run.finder is not None and (held := run.finder.finish()):
        await _append(run, relay, run.whole.feed(held) if run.whole is not None else held)
    complete = await source.exits_within(1.0) and source.exit_code == 0
    rest = b"\n" if relay.mid_line and complete else b""
    if run.whole is not None:
        rest = run.whole.finish(complete=complete)
    if rest:
        await _append(run, relay, rest)


async def _append(run: RunState, relay: Relay, data: bytes) -> None:
    relay.append(data)
    patience = _Patience(_TERM_SHARE * run.stop_timeout)
    while not relay.done.done():
        if patience.is_over(run.hurried) or run.output is None or run.output.exit_code is not None:
            relay.discard()
            return
        await first_of(relay.done, run.output.child.exited, seconds=_WATCH_SECONDS)


async def _end_output(run: RunState, output: Running) -> None:
    """The output gets end of file, flushes, acknowledges and exits."""
    if output.exit_code is not None and run.relay is not None and run.relay.discarded:
        run.fail(await early_exit(output, "end of file"))
    share = _FLUSH_SHARE * run.stop_timeout
    patience = _Patience(share if run.flowing else min(_NOTHING_AT_STAKE_SECONDS, share))
    if run.delivery is not None and run.delivery.best_effort:
        await _until_read(run, output, run.delivery, patience)
    if output.launch.older and run.relay is not None and run.relay.torn:
        await output.terminate(0)  # at end of file it would take half a line for a line (PROTOCOL "Data")
    output.close_stdin()
    if not await _output_exits(run, output, patience):
        run.observer.notice("warning", f"{output.launch} does not end in time")
        await output.terminate(_TERM_SHARE * run.stop_timeout)
        run.fail(output.failure() or ProviderError(f"{output.launch} did not end in time"))
    await output.settled
    run.fail(_trouble(run) or output.failure())


def _trouble(run: RunState) -> DStreamError | None:
    return run.alarms.trouble.result() if run.alarms.trouble.done() else None


async def _until_read(run: RunState, output: Running, delivery: Delivery, patience: _Patience) -> None:
    """Best effort: what is unread when the pipe is closed could not be told any more, so wait until it is read."""
    while output.exit_code is None and posix_parts.unread_bytes(output.child.stdin):
        delivery.take_reads()
        if patience.is_over(run.hurried):
            break
        await asyncio.wait({output.child.exited}, timeout=READ_POLL)
    delivery.take_reads()


async def _output_exits(run: RunState, output: Running, patience: _Patience) -> bool:
    """Whether it exits: it has all the time it needs to deliver, and a deadline once there is a hurry."""
    while not output.child.exited.done():
        if patience.is_over(run.hurried or _nothing_left_to_do(run, output)):
            return False
        await first_of(output.child.exited, seconds=_WATCH_SECONDS)
        run.fail(_trouble(run))
        if run.input is not None and not run.stop_asked:
            run.fail(run.input.failure())  # it died: the output is stopped in order too, with deadlines
    return True


def _nothing_left_to_do(run: RunState, output: Running) -> bool:
    """A version-1 output that has acknowledged everything, or cannot any more, can only exit."""
    delivery = run.delivery
    if output.launch.older or delivery is None or delivery.best_effort:
        return False
    return delivery.complete or (output.stdout is not None and output.stdout.done.done())


async def _end_input(run: RunState, source: Running) -> None:
    """The input gets its last acknowledgement and end of file, stores its position and exits."""
    control = run.delivery.control if run.delivery is not None else None
    patience = _Patience(_COMMIT_SHARE * run.stop_timeout)
    patience.is_over(True)
    if control is not None:
        _tell_of_repeats(run, source)
        await control.flush(patience.left)
        control.close()
    source.close_stdin()
    if not await source.exits_within(patience.left):
        run.observer.notice("warning", f"{source.launch} does not end in time")
        await source.terminate(_TERM_SHARE * run.stop_timeout)
        run.fail(source.failure() or ProviderError(f"{source.launch} did not end in time"))
    await source.settled
    if source.launch.older and run.stop_asked:
        return  # it was ended by SIGTERM: its exit code says nothing
    run.fail(source.failure())
    if not source.launch.older and run.relay is not None and run.relay.mid_line:
        run.fail(ProviderError(f"{source.launch} ended in the middle of a line", code="protocol/partial-line"))


def _tell_of_repeats(run: RunState, source: Running) -> None:
    """An input that announced `ack` and did not wait for the last one has not stored where it stands."""
    delivery = run.delivery
    if delivery is not None and delivery.acks_wanted and delivery.acknowledged and source.exit_code == 0:
        run.observer.notice(
            "warning", f"{source.launch} exited before its last acknowledgement: the next run may repeat records"
        )
