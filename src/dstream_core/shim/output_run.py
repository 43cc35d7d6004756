"""The run of an output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dstream_core.api.context import OutputContext
from dstream_core.api.delivery.dead_letters import DeadLetters
from dstream_core.api.delivery.feed import Feed, StrayLine
from dstream_core.api.delivery.ledger import Ledger
from dstream_core.api.delivery.rejects import Rejects
from dstream_core.api.log import Log
from dstream_core.api.stopping import StopSignal
from dstream_core.errors import ProviderError
from dstream_core.protocol.handshake import decode_handshake, encode_ready
from dstream_core.shim.acknowledger import Acknowledger
from dstream_core.shim.awaiting import settled
from dstream_core.shim.hooks import Hooks
from dstream_core.shim.job import Job, load_options, state_directory
from dstream_core.shim.signals import on_first_signal
from dstream_core.shim.stdio import CommandInput, ProtocolOutput, UserScreen


class DeliveryError(ProviderError):
    """The output ended without having delivered all of its lines."""

    default_code = "output/not-delivered"


class OutputRun:
    """Hands batches to the output and sends its acknowledgements.

    Args:
        job: what is asked.
        stdin: the real stdin; everything behind the command line is data.
        stdout: the real stdout.
    """

    def __init__(self, job: Job, stdin: CommandInput, stdout: ProtocolOutput):
        self._job = job
        self._stdin = stdin
        self._stdout = stdout
        self._stop = StopSignal()
        directory = job.session.dead_letters or state_directory(job.session) / "dead-letters"
        self._dead_letters = DeadLetters(Path(directory), job.session.task, job.info.id)
        self._ledger = Ledger(self._advance)
        self._acknowledger = Acknowledger(
            stdout, self._dead_letters, lambda: self._ledger.count, job.log, self._cannot_acknowledge, silent=job.older
        )

    def run(self) -> None:
        """Runs to the end of the lines.

        Raises:
            DStreamError: the provider failed, or not every line was delivered.
        """
        job = self._job
        options = load_options(job)
        hooks = Hooks(job.info, job.role)
        hook = hooks.require("run")
        feed = self._feed()
        screen = UserScreen(self._stdout)
        context = OutputContext(job.info.id, "run", job.session, options, job.log, self._stop, feed, screen)
        on_first_signal(self._on_signal(feed))
        if hooks.has("dstream_open"):
            settled(hooks.call("dstream_open", context))
        self._stdout.announce(encode_ready(job.role, job.capabilities))
        try:
            settled(hooks.call(hook, context), feed.end)
        finally:
            self._finish()
        self._check(feed)

    def _feed(self) -> Feed:
        session, log = self._job.session, self._job.log
        stop = session.on_reject == "stop"
        rejects = Rejects(self._ledger, self._dead_letters, stop=stop, limit=session.max_rejects)
        stray = stray_line(log, by_hand=self._job.older) if session.input_protocol == 0 else None
        return Feed(self._stdin.descriptor, self._stdin.leftover, self._ledger, rejects, stray, log)

    def _finish(self) -> None:
        """The last count, behind the dead letters that it covers."""
        try:
            self._acknowledger.finish()
            self._dead_letters.close()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _unacknowledgeable(error) from None

    def _check(self, feed: Feed) -> None:
        """What must be so when an output returns."""
        if self._ledger.failure is not None:
            raise self._ledger.failure
        if self._stop.stopping:
            raise DeliveryError("a signal ended the output before its input did")
        if missing := self._ledger.unacknowledged:
            raise DeliveryError(
                f"the output returned without acknowledging {missing} of the lines it was given",
                hint="call `batch.ack()` once a batch is durable",
            )
        if not feed.at_end:
            raise DeliveryError("the output ended before its input did")

    def _advance(self) -> None:
        self._acknowledger.advance()

    def _cannot_acknowledge(self, error: OSError) -> None:
        self._ledger.fail(_unacknowledgeable(error))

    def _on_signal(self, feed: Feed) -> Any:
        def end() -> None:
            self._stop.set()
            feed.end()

        def go_on() -> None:
            self._job.log.info("delivering what is left; a second signal ends at once")

        return go_on if self._job.older else end


def _unacknowledgeable(error: OSError) -> DeliveryError:
    return DeliveryError(f"lines cannot be acknowledged: {error.strerror or error}")


def stray_line(log: Log, *, by_hand: bool) -> StrayLine:
    """What an older input may write among its data: log lines count as done, but nothing that could be data.

    Args:
        log: where such lines go.
        by_hand: nobody took the input's handshake out before.
    """

    def take(line: bytes) -> bool:
        text = line.strip()
        if text.startswith(b"{"):
            return by_hand and decode_handshake(line) is not None
        if text:
            log.info(text.decode(errors="backslashreplace"))
        return True

    return take
