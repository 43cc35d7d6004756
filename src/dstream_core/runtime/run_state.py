"""What the stages of a run share: who runs, how far it got, what went wrong first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dstream_core.errors import DStreamError, ProviderError
from dstream_core.runtime.alarms import Alarms
from dstream_core.runtime.delivery import Delivery
from dstream_core.runtime.filters import HandshakeFinder, WholeLines
from dstream_core.runtime.relay import Relay
from dstream_core.runtime.running import Running
from dstream_core.runtime.values import Observer


@dataclass
class RunState:
    """One run of a task, from the first process to the last.

    Attributes:
        alarms: what can cut it short.
        observer: told what happens.
        stop_timeout: seconds for all the steps of the shutdown together.
        input, output: the providers, once started.
        delivery: how far the data got, once the output is ready.
        finder, whole: what is done to the data of older providers.
        failure: the first thing that went wrong.
        stop_asked: the input was asked to stop.
        on_counts: told how far the data got, for a live view.
    """

    alarms: Alarms
    observer: Observer
    stop_timeout: float
    input: Running | None = None
    output: Running | None = None
    delivery: Delivery | None = None
    finder: HandshakeFinder | None = None
    whole: WholeLines | None = None
    failure: DStreamError | None = None
    stop_asked: bool = field(default=False)
    on_counts: Callable[[int, int, int], None] | None = None

    @property
    def relay(self) -> Relay | None:
        """The relay, once data may flow."""
        return self.delivery.relay if self.delivery is not None else None

    @property
    def hurried(self) -> bool:
        """Whether deadlines run: not while an input that ended by itself is being delivered, however slowly."""
        return self.alarms.signal is not None or self.failure is not None or self.alarms.trouble.done()

    @property
    def flowing(self) -> bool:
        """Whether data may have flowed: both were ready."""
        return self.relay is not None and self.input is not None and self.input.stdout is self.relay

    def fail(self, error: DStreamError | None) -> None:
        """Keep the first failure: the others follow from it."""
        if self.failure is None and error is not None:
            self.failure = error

    def providers(self) -> tuple[Running, ...]:
        """The providers that were started."""
        return tuple(running for running in (self.input, self.output) if running is not None)


async def early_exit(running: Running, when: str) -> DStreamError:
    """The error for a provider that exited although it should not have, code 0 included."""
    await running.settled
    return running.failure() or ProviderError(
        f"{running.launch} exited with code 0 before {when}", code="provider/ended-early"
    )
