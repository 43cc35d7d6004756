"""One run of a task: start in order, stream, and shut down in order (invariant 7)."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Sequence
from contextlib import suppress

from dstream_core.errors import DStreamError, ProviderError
from dstream_core.protocol.handshake import Refusal
from dstream_core.protocol.names import ACK_CAPABILITY
from dstream_core.runtime import posix_parts
from dstream_core.runtime.ack_sender import AckSender
from dstream_core.runtime.acks import AckCount, AckError, ReadCount
from dstream_core.runtime.claims import Claim
from dstream_core.runtime.filters import HandshakeFinder, WholeLines
from dstream_core.runtime.interrupts import Interrupts
from dstream_core.runtime.output_stdout import OutputStdout
from dstream_core.runtime.processes import Guardian, GuardianLostError
from dstream_core.runtime.relay import Relay
from dstream_core.runtime.running import HandshakeError, Running, accept_handshake, first_line, first_of
from dstream_core.runtime.values import STOP_TIMEOUT, Observer, ProviderLaunch, RunOutcome, StopReason, refusal_error

OLDER_OUTPUT_SECONDS = 1.0
"""An older output counts as ready at its first line, or after this time (PROTOCOL "Start")."""
BEST_EFFORT_POLL = 0.05

_STOP_SHARE, _FLUSH_SHARE, _COMMIT_SHARE, _TERM_SHARE = 0.35, 0.35, 0.15, 0.04
"""Parts of the stop time-out: the input stops, the output flushes, the input commits; SIGTERM's grace, up to thrice."""


class UndeliveredError(ProviderError):
    """Lines were relayed that nobody acknowledged."""

    default_code = "run/undelivered"


class _Ending(Exception):  # noqa: N818  not an error: a signal asked for the end while providers were starting
    pass


def run_pipeline(
    input: ProviderLaunch,  # noqa: A002  the role's own name
    output: ProviderLaunch,
    *,
    claims: Sequence[Claim],
    observer: Observer,
    stop_timeout: float = STOP_TIMEOUT,
) -> RunOutcome:
    """Stream from the input to the output until the input ends, a signal asks for the end, or something fails.

    SIGINT, SIGTERM and SIGHUP end the run in order; a second SIGINT ends it at once.

    Args:
        input: the provider whose data lines are relayed.
        output: the provider that delivers them.
        claims: held claims that the guardian and every child inherit (invariant 6).
        observer: told what happens.
        stop_timeout: seconds for all the steps of the shutdown together.

    Returns:
        What came of it; a failure is in the outcome, not raised.
    """
    return asyncio.run(_Pipeline(input, output, claims, observer, stop_timeout).run())


class _Pipeline:
    def __init__(
        self,
        input_launch: ProviderLaunch,
        output_launch: ProviderLaunch,
        claims: Sequence[Claim],
        observer: Observer,
        stop_timeout: float,
    ):
        self._input_launch = input_launch
        self._output_launch = output_launch
        self._claims = claims
        self._observer = observer
        self._stop_timeout = stop_timeout
        self._input: Running | None = None
        self._output: Running | None = None
        self._relay: Relay | None = None
        self._acks = AckCount()
        self._reads: ReadCount | None = None
        self._failure: DStreamError | None = None
        self._finder: HandshakeFinder | None = None
        self._whole: WholeLines | None = None
        self._control: AckSender | None = None
        self._asked_to_stop = False

    async def run(self) -> RunOutcome:
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        self._trouble: asyncio.Future[DStreamError] = loop.create_future()
        self._all_acknowledged = asyncio.Event()
        async with Guardian(self._claims) as guardian:
            self._guardian = guardian
            self._interrupts = Interrupts()
            killed = asyncio.create_task(self._killed())
            work = asyncio.create_task(self._work(guardian))
            await asyncio.wait({work, killed}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                self._kill_all()
                work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            killed.cancel()
            await self._close()
        return self._outcome(time.monotonic() - began)

    async def _killed(self) -> None:
        """Done at the second Ctrl-C."""
        while self._interrupts.count < 2:
            await self._interrupts.changed()

    async def _work(self, guardian: Guardian) -> None:
        try:
            await self._start(guardian)
            await self._stream()
        except DStreamError as error:
            self._fail(error)
        except _Ending:
            pass
        await self._end()

    # Start

    async def _start(self, guardian: Guardian) -> None:
        """Version-1 processes are spawned together; an older input only when the output is ready (PROTOCOL "Start")."""
        self._output = await Running.start(guardian, self._output_launch, self._observer)
        self._output.send_command(close=False)
        if not self._input_launch.older:
            self._input = await Running.start(guardian, self._input_launch, self._observer)
        await self._output_ready(self._output)
        if self._input is None:
            self._input = await Running.start(guardian, self._input_launch, self._observer)
        self._input.send_command(close=self._input_launch.older)
        self._make_relay(self._input, self._output)
        await self._input_ready(self._input)

    async def _output_ready(self, output: Running) -> None:
        stdout = OutputStdout(output, self._observer, self._take_ack, self._given_lines, self._take_trouble)
        if output.launch.older:
            stdout.start()
            await self._unless_ended(self._older_output_ready(output, stdout), output)
        else:
            behind: list[bytes] = []
            await self._unless_ended(self._in_time(first_line(output, behind.append), output.launch), output)
            stdout.start(b"".join(behind))
        if output.ready is None or ACK_CAPABILITY not in output.ready.capabilities:
            self._reads = ReadCount()
            self._observer.notice("warning", f"delivery: best effort ({output.launch} does not acknowledge)")

    async def _older_output_ready(self, output: Running, stdout: OutputStdout) -> None:
        await first_of(stdout.first_line, output.child.exited, seconds=OLDER_OUTPUT_SECONDS)
        if stdout.first_line.done() and isinstance(refusal := stdout.first_line.result(), Refusal):
            await accept_handshake(output, refusal, b"")
        if output.child.exited.done():
            await output.settled
            raise self._early_exit(output)

    async def _input_ready(self, source: Running) -> None:
        assert self._relay is not None
        if source.launch.older:
            source.stdout = self._relay
            self._relay.start()
            return
        behind: list[bytes] = []
        await self._unless_ended(self._in_time(first_line(source, behind.append), source.launch), source)
        source.stdout = self._relay
        self._control = AckSender(source.child.stdin)
        self._relay.start(b"".join(behind))

    def _make_relay(self, source: Running, output: Running) -> None:
        self._finder = HandshakeFinder() if source.launch.older else None
        self._whole = WholeLines() if output.launch.older else None
        transform = self._transform if self._finder or self._whole else None
        on_write = self._reads.wrote if self._reads is not None else None
        self._relay = Relay(source.child.stdout, output.child.stdin, transform, on_write)

    def _transform(self, data: bytes) -> bytes:
        """Only where an older provider stands at one end."""
        passed = self._feed_finder(data) if self._finder is not None else data
        return self._whole.feed(passed) if self._whole is not None else passed

    def _feed_finder(self, data: bytes) -> bytes:
        assert self._finder is not None
        if not self._finder.searching:
            return data
        passed = self._finder.feed(data)
        if isinstance(self._finder.found, Refusal):
            self._take_trouble(refusal_error(self._input_launch, self._finder.found, None))
        return passed

    async def _in_time(self, handshake: Awaitable[object], launch: ProviderLaunch) -> None:
        try:
            await asyncio.wait_for(handshake, launch.start_timeout)
        except TimeoutError:
            raise HandshakeError(
                f"{launch} did not get ready within {launch.start_timeout:g} s",
                code="provider/start-timeout",
                hint="see its log above; a slow start may set `start_timeout` in its block",
            ) from None

    async def _unless_ended(self, step: Awaitable[None], running: Running) -> None:
        """Wait for a step of the start, unless a signal or trouble comes first, or the other provider dies."""
        task = asyncio.ensure_future(step)
        others = [other for other in (self._output, self._input) if other is not None and other is not running]
        ends = [other.child.exited for other in others]
        try:
            await first_of(task, self._trouble, self._guardian.lost, self._interrupts.changed(), *ends)
            if task.done():
                task.result()
                return
            self._raise_trouble()
            if self._interrupts.first is not None:
                raise _Ending
            for other in others:
                if other.child.exited.done():
                    await other.settled
                    raise self._early_exit(other)
        finally:
            task.cancel()

    # Stream

    async def _stream(self) -> None:
        """Until the input ends, the output ends, a signal comes, or there is trouble."""
        assert self._relay is not None
        assert self._output is not None
        relay, output = self._relay, self._output
        counting = asyncio.create_task(self._count_reads()) if self._reads is not None else None
        try:
            while not relay.done.done() and self._interrupts.first is None:
                self._raise_trouble()
                if output.child.exited.done() or relay.sink_broken.done():
                    relay.discard()
                    await output.exits_within(1.0)
                    raise await self._output_failed(output)
                ends = (relay.done, relay.sink_broken, output.child.exited)
                await first_of(*ends, self._trouble, self._guardian.lost, self._interrupts.changed())
        finally:
            if counting is not None:
                counting.cancel()

    async def _count_reads(self) -> None:
        while True:
            await asyncio.sleep(BEST_EFFORT_POLL)
            self._take_reads()

    def _take_reads(self) -> None:
        """Best effort: lines count once the output has read them from its pipe (PROTOCOL "Control")."""
        if self._reads is None or self._output is None or self._output.child.stdin < 0:
            return
        unread = posix_parts.unread_bytes(self._output.child.stdin)
        self._advance(self._reads.lines_read(unread))

    def _take_ack(self, count: int) -> None:
        try:
            self._advance(count)
        except AckError as error:
            self._take_trouble(error)

    def _advance(self, count: int) -> None:
        """Invariant 2, and the count's way on to the input."""
        if self._acks.advance(count, self._given_lines()) and self._control is not None and self._input_takes_acks():
            self._control.send(count)
        if self._relay is not None and self._relay.done.done() and count == self._relay.lines:
            self._all_acknowledged.set()

    def _input_takes_acks(self) -> bool:
        ready = self._input.ready if self._input is not None else None
        return ready is not None and ACK_CAPABILITY in ready.capabilities

    def _given_lines(self) -> int:
        return self._relay.lines if self._relay is not None else 0

    # End

    async def _end(self) -> None:
        """Invariant 7: the input stops, the relay drains, the output flushes, the input commits, both exit."""
        if self._relay is not None and (self._output is None or self._output.exit_code is not None):
            self._relay.discard()
        if self._input is not None:
            await self._stop_input(self._input)
        if self._output is not None:
            await self._end_output(self._output)
        if self._input is not None:
            await self._end_input(self._input)

    async def _stop_input(self, source: Running) -> None:
        """The input stops and the relay drains."""
        relay = self._relay
        if relay is None or source.stdout is not relay:  # it was never ready
            source.child.close_stdin()
            if not await source.exits_within(_STOP_SHARE * self._stop_timeout):
                await source.terminate(self._term_grace)
            return
        if not relay.done.done():
            self._ask_to_stop(source)
            await first_of(relay.done, self._guardian.lost, seconds=_STOP_SHARE * self._stop_timeout)
        if not relay.done.done():
            await self._input_overdue(source, relay)
        await self._finish_last_line(source, relay)

    def _ask_to_stop(self, source: Running) -> None:
        self._asked_to_stop = True
        if source.launch.older:
            source.child.signal(signal.SIGTERM)
        elif self._control is not None:
            self._control.send_stop()

    async def _input_overdue(self, source: Running, relay: Relay) -> None:
        if posix_parts.unread_bytes(source.child.stdout) or source.exit_code is not None:
            self._observer.notice("warning", f"{self._output_launch} does not take the lines that are left in time")
            relay.discard()
        else:
            self._observer.notice("warning", f"{source.launch} does not stop in time")
        if source.exit_code is None:
            await source.terminate(self._term_grace)
        relay.discard()
        await asyncio.wait({relay.done}, timeout=self._term_grace)

    async def _finish_last_line(self, source: Running, relay: Relay) -> None:
        """A line without its newline is no line, except an older input's that exits with 0 (PROTOCOL "Data")."""
        if self._finder is not None and (held := self._finder.finish()):
            await relay.append(self._whole.feed(held) if self._whole is not None else held)
        if source.launch.older:
            whole_exit = await source.exits_within(1.0) and source.exit_code == 0
            rest = b"\n" if relay.mid_line and whole_exit else b""
            if self._whole is not None:
                rest = self._whole.finish(complete=whole_exit)
            if rest:
                await relay.append(rest)

    async def _end_output(self, output: Running) -> None:
        """The output gets end of file, flushes, acknowledges and exits."""
        self._take_reads()
        if self._acks.value == self._given_lines():
            self._all_acknowledged.set()
        if self._reads is None:
            output.child.close_stdin()
        else:
            await self._close_when_read(output)
        if not await self._output_exits(output):
            self._observer.notice("warning", f"{output.launch} does not end in time")
            await output.terminate(self._term_grace)
            self._fail(output.failure() or ProviderError(f"{output.launch} did not end in time"))
        await output.settled
        if output.failure() is not None:
            self._fail(output.failure())

    async def _close_when_read(self, output: Running) -> None:
        """Best effort: what is unread when the pipe is closed could not be told any more, so wait until it is read."""
        ending = asyncio.get_running_loop().time() + _FLUSH_SHARE * self._stop_timeout
        while output.exit_code is None and posix_parts.unread_bytes(output.child.stdin):
            self._take_reads()
            if self._in_a_hurry() and asyncio.get_running_loop().time() > ending:
                break
            await asyncio.wait({output.child.exited}, timeout=BEST_EFFORT_POLL)
        self._take_reads()
        output.child.close_stdin()

    def _in_a_hurry(self) -> bool:
        """Whether deadlines run: not while an input that ended by itself is being delivered, however slowly."""
        return self._interrupts.first is not None or self._failure is not None or self._trouble.done()

    async def _output_exits(self, output: Running) -> bool:
        deadline: float | None = None
        loop = asyncio.get_running_loop()
        while not output.child.exited.done():
            if deadline is None and (self._in_a_hurry() or self._must_end_now(output)):
                deadline = loop.time() + _FLUSH_SHARE * self._stop_timeout
            if deadline is not None and loop.time() >= deadline:
                return False
            await first_of(output.child.exited, self._guardian.lost, self._interrupts.changed(), seconds=0.5)
            if self._trouble.done():
                self._fail(self._trouble.result())
            if self._input is not None and not self._asked_to_stop:
                self._fail(self._input.failure())  # it died: the output is stopped in order too, with deadlines
        return True

    def _must_end_now(self, output: Running) -> bool:
        """A version-1 output that has acknowledged everything has nothing left but to exit."""
        return not output.launch.older and self._reads is None and self._all_acknowledged.is_set()

    async def _end_input(self, source: Running) -> None:
        """The input gets its last acknowledgement and end of file, stores its position and exits."""
        if self._control is not None:
            await self._control.flush(_COMMIT_SHARE * self._stop_timeout)
            self._control.close()
        source.child.close_stdin()
        asked = source.launch.older and self._asked_to_stop
        if not await source.exits_within(_COMMIT_SHARE * self._stop_timeout):
            self._observer.notice("warning", f"{source.launch} does not end in time")
            await source.terminate(self._term_grace)
            self._fail(source.failure() or ProviderError(f"{source.launch} did not end in time"))
        await source.settled
        if source.exit_code == 0 and not source.launch.older and self._relay is not None and self._relay.mid_line:
            self._fail(ProviderError(f"{source.launch} ended in the middle of a line", code="protocol/partial-line"))
        if not asked:  # an older input was ended by SIGTERM: its exit code says nothing
            self._fail(source.failure())

    # What came of it

    @property
    def _term_grace(self) -> float:
        return _TERM_SHARE * self._stop_timeout

    def _take_trouble(self, error: DStreamError) -> None:
        if not self._trouble.done():
            self._trouble.set_result(error)

    def _raise_trouble(self) -> None:
        if self._trouble.done():
            raise self._trouble.result()
        if self._guardian.lost.done():
            raise GuardianLostError("the guardian process is gone; the run was ended", hint="run it again")

    def _fail(self, error: DStreamError | None) -> None:
        """Keep the first failure: the others follow from it."""
        if self._failure is None and error is not None:
            self._failure = error

    def _early_exit(self, running: Running) -> DStreamError:
        return running.failure() or ProviderError(f"{running.launch} exited with code 0 before it was ready")

    async def _output_failed(self, output: Running) -> DStreamError:
        if output.exit_code is None:
            return ProviderError(f"{output.launch} closed its stdin before end of file", code="provider/closed-stdin")
        await output.settled
        if self._trouble.done():
            return self._trouble.result()
        return output.failure() or ProviderError(
            f"{output.launch} exited with code 0 before end of file", code="provider/ended-early"
        )

    def _kill_all(self) -> None:
        for running in (self._input, self._output):
            if running is not None:
                running.child.kill()

    async def _close(self) -> None:
        if self._relay is not None:
            self._relay.stop()
        for running in (self._input, self._output):
            if running is not None:
                if running.stdout is not None and running.stdout is not self._relay:
                    running.stdout.end_source()
                await running.close()

    def _reason(self) -> StopReason:
        if self._interrupts.first is not None:
            return "SIGINT" if self._interrupts.first == signal.SIGINT else "SIGTERM"
        return "failure" if self._failure is not None else "end of input"

    def _outcome(self, seconds: float) -> RunOutcome:
        relay, output = self._relay, self._output
        records = relay.lines if relay is not None else 0
        unacknowledged = records - self._acks.value
        discarded = relay.discarded if relay is not None else 0
        if unacknowledged:
            what = "not read by the output" if self._reads is not None else "not acknowledged"
            self._fail(UndeliveredError(f"{unacknowledged} of {records} records were {what}"))
        rejected = output.log.progress.get("dead_letters", 0) if output is not None else 0
        return RunOutcome(
            reason=self._reason(),
            records=records,
            acknowledged=self._acks.value,
            rejected=rejected if isinstance(rejected, int) else 0,
            bytes=relay.bytes if relay is not None else 0,
            seconds=seconds,
            best_effort=self._reads is not None,
            discarded=discarded,
            failure=self._failure,
        )
