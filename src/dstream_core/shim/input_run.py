"""The run of an input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dstream_core.api.context import InputContext
from dstream_core.api.delivery.positions import Positions
from dstream_core.api.state import State
from dstream_core.api.stopping import StopSignal
from dstream_core.errors import ProviderError
from dstream_core.protocol.handshake import encode_ready
from dstream_core.protocol.names import ACK_CAPABILITY
from dstream_core.shim.awaiting import settled
from dstream_core.shim.committer import Committer
from dstream_core.shim.control_reader import ControlReader
from dstream_core.shim.emission import Emission, StopInterrupt
from dstream_core.shim.hooks import Hooks
from dstream_core.shim.job import Job, OrchestratorGoneError, load_options, state_directory
from dstream_core.shim.line_writer import LineWriter
from dstream_core.shim.signals import Interrupter, on_first_signal
from dstream_core.shim.stdio import CommandInput, ProtocolOutput


class InputRun:
    """Emits what the input yields, takes acknowledgements, stores positions behind them.

    Args:
        job: what is asked.
        stdin: the real stdin.
        stdout: the real stdout.
        report: tells a failure at once, since the end waits for the last acknowledgements.
    """

    def __init__(self, job: Job, stdin: CommandInput, stdout: ProtocolOutput, report: Callable[[BaseException], None]):
        self._job = job
        self._stdin = stdin
        self._stdout = stdout
        self._stop = StopSignal()
        self._positions = Positions()
        self._report = report
        self._interruptible = False
        self._emitting = True
        self._orphaned = False
        self._acknowledged_ahead: int | None = None
        self._counts_written = job.older or ACK_CAPABILITY not in job.capabilities

    def run(self) -> None:
        """Runs to the end of the input, or to the stop.

        Raises:
            DStreamError: the provider failed, or was left alone.
        """
        job = self._job
        options = load_options(job)
        hooks = Hooks(job.info, job.role)
        hook = hooks.require("run")
        state = State(state_directory(job.session), job.info.id, job.session.task)
        state.partitions()  # a state file of another provider or task is refused before anything begins
        context = InputContext(job.info.id, "run", job.session, options, job.log, self._stop, state)
        on_first_signal(self._stop.set)
        try:
            if hooks.has("dstream_open"):
                settled(hooks.call("dstream_open", context))
            self._stdout.announce(encode_ready(job.role, job.capabilities))
            self._stream(hooks, hook, context, state)
        finally:
            state.close()

    def _stream(self, hooks: Hooks, hook: str, context: InputContext[Any], state: State) -> None:
        committer = Committer(self._positions, state, self._job.log, self._stop.set)
        writer = LineWriter(self._stdout, self._positions, self._on_written(committer), self._leave)
        interrupter = Interrupter(lambda: self._interruptible and not writer.busy, StopInterrupt)
        self._stop.on_stop(interrupter.begin)
        control = None if self._job.older else self._read_control(writer, committer)
        emission = Emission(writer, self._positions, self._stop, committer.advance)
        try:
            self._emit(emission, hooks, hook, context)
        except BaseException as error:
            if error is not writer.failure:
                self._report(error)
            raise
        finally:
            interrupter.finish()
            self._end(writer, control, committer)

    def _emit(self, emission: Emission, hooks: Hooks, hook: str, context: InputContext[Any]) -> None:
        """Emits what the hook yields; ends quietly where the author's code had to be interrupted."""
        try:
            try:
                self._interruptible = True
                _drive(emission, hooks.call(hook, context), self._forbid_interrupts)
            finally:
                self._emitting = self._interruptible = False
        except StopInterrupt:
            self._emitting = self._interruptible = False  # again: it may have come inside the line above

    def _forbid_interrupts(self) -> None:
        self._interruptible = False

    def _end(self, writer: LineWriter, control: ControlReader | None, committer: Committer) -> None:
        """The lines' rest, the last acknowledgements, the last position (invariant 7: the order of the end)."""
        try:
            writer.finish()
        except OSError:
            self._orphaned = True
        self._stdout.close()
        if control is not None and not self._orphaned:
            control.join()
        committer.finish()
        if self._acknowledged_ahead is not None:
            raise ProviderError(
                f"{self._acknowledged_ahead} lines were acknowledged, but only {writer.begun} were written",
                code="protocol/ack-ahead",
            )
        if self._orphaned:
            raise OrchestratorGoneError("the orchestrator has gone")

    def _on_written(self, committer: Committer) -> Any:
        """Without acknowledgements (an older orchestrator) a line counts once it is written."""

        def written(count: int) -> None:
            self._positions.acknowledge(count)
            committer.advance()

        return written if self._counts_written else lambda count: None

    def _read_control(self, writer: LineWriter, committer: Committer) -> ControlReader:
        def acknowledged(count: int) -> None:
            if count > writer.begun:
                self._acknowledged_ahead = count
                self._stop.set()
            else:
                self._positions.acknowledge(count)
                committer.advance()

        def ended() -> None:
            # Without a stop before it the orchestrator has died: nothing more will be acknowledged.
            if self._emitting and not self._stop.stopping:
                self._leave()

        return ControlReader(self._stdin.descriptor, self._stdin.leftover, acknowledged, self._stop.set, ended)

    def _leave(self) -> None:
        self._orphaned = True
        self._stop.set()


def _drive(emission: Emission, items: Any, forbid_interrupts: Callable[[], None]) -> None:
    if items is None:
        return
    if hasattr(items, "__aiter__"):
        import asyncio  # noqa: PLC0415  costs 50 ms that only asynchronous providers need

        forbid_interrupts()  # a coroutine is cancelled, which its author expects, rather than interrupted
        asyncio.run(emission.run_async(items))
    elif hasattr(items, "__iter__"):
        emission.run(items)
    else:
        raise ProviderError(
            f"dstream_run_input answered {type(items).__name__}, which cannot be iterated",
            code="input/not-iterable",
            hint="write it as a generator: `yield Envelope(…)`",
        )
