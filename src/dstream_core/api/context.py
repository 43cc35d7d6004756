"""What a provider's hooks are given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from dstream_core.api.batch import Batch
from dstream_core.api.log import Log
from dstream_core.api.state import State
from dstream_core.api.stopping import StopSignal
from dstream_core.protocol.command import Session
from dstream_core.protocol.names import Role, Verb

OptionsT = TypeVar("OptionsT")

DEFAULT_BATCH_LINES = 1000
DEFAULT_BATCH_BYTES = 4 * 1024 * 1024


class Context(Generic[OptionsT]):
    """The run or the verb that a hook works for.

    Args:
        provider: the provider's ID.
        verb: what is asked.
        session: what the orchestrator told.
        options: validated options.
        log: where log records go.
        stop: the wish to stop.
    """

    def __init__(self, provider: str, verb: Verb, session: Session, options: OptionsT, log: Log, stop: StopSignal):
        self._session = session
        self._stop = stop
        self.provider = provider
        """The provider's ID."""
        self.verb: Verb = verb
        """The verb that is asked."""
        self.options: OptionsT = options
        """The options: an instance of the provider's model, or a dict if it has none."""
        self.log = log
        """The log."""

    @property
    def task(self) -> str:
        """Name of the task."""
        return self._session.task

    @property
    def role(self) -> Role:
        """The provider's position in the task."""
        return self._session.role

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What the command line asked of the verb, such as `{"destroy": True}`."""
        return self._session.arguments

    @property
    def consent(self) -> frozenset[str]:
        """Decisions that the user agreed to: `install`, `delete`, `replace`."""
        return frozenset(self._session.consent)

    @property
    def source(self) -> Mapping[str, Any] | None:
        """What the input's `discover` found, for outputs; None if it was not asked."""
        return self._session.source

    @property
    def state_dir(self) -> Path:
        """The provider's own directory for what it must remember; not created until something is stored."""
        return Path(self._session.state_dir or ".")

    @property
    def stopping(self) -> bool:
        """Somebody asked to stop: finish the line or the resource in hand, then return."""
        return self._stop.stopping

    def wait(self, seconds: float) -> bool:
        """Sleeps, but no longer than until somebody asks to stop.

        Returns:
            True: asked to stop.
        """
        return self._stop.wait(seconds)

    async def wait_async(self, seconds: float) -> bool:
        """As `wait`, for coroutines."""
        import asyncio  # noqa: PLC0415  costs 50 ms that only asynchronous providers need

        loop = asyncio.get_running_loop()
        asked = asyncio.Event()

        def ask() -> None:
            loop.call_soon_threadsafe(asked.set)

        forget = self._stop.on_stop(ask)
        try:
            await asyncio.wait_for(asked.wait(), max(seconds, 0.0))
        except TimeoutError:
            pass
        finally:
            forget()
        return self._stop.stopping

    def progress(self, **numbers: Any) -> None:
        """Reports numbers (lag, tables, queue depth) for live view, status and metrics."""
        self.log.progress(numbers)


class InputContext(Context[OptionsT]):
    """The run of an input.

    Args:
        state: the stored positions; the others as for `Context`.
    """

    def __init__(
        self,
        provider: str,
        verb: Verb,
        session: Session,
        options: OptionsT,
        log: Log,
        stop: StopSignal,
        state: State,
    ):
        super().__init__(provider, verb, session, options, log, stop)
        self.state = state
        """Where the input stood when it was last acknowledged."""


class BatchSource(Protocol):
    """Where an output's batches come from."""

    def next_batch(self, max_lines: int, max_bytes: int, max_wait: float) -> Batch | None:
        """The next batch; None at the end."""

    async def next_batch_async(self, max_lines: int, max_bytes: int, max_wait: float) -> Batch | None:
        """The same for coroutines."""


class Screen(Protocol):
    """The user's terminal, beyond the orchestrator."""

    def write(self, text: str) -> None:
        """Shows text."""


class Batches:
    """An output's batches, for `for` and for `async for`; they end at the end of the input."""

    def __init__(self, source: BatchSource, max_lines: int, max_bytes: int, max_wait: float):
        self._source = source
        self._bounds = (max_lines, max_bytes, max_wait)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        batch = self._source.next_batch(*self._bounds)
        if batch is None:
            raise StopIteration
        return batch

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self

    async def __anext__(self) -> Batch:
        batch = await self._source.next_batch_async(*self._bounds)
        if batch is None:
            raise StopAsyncIteration
        return batch


class OutputContext(Context[OptionsT]):
    """The run of an output.

    Args:
        batches: where its batches come from.
        screen: where `text` goes; the others as for `Context`.
    """

    def __init__(
        self,
        provider: str,
        verb: Verb,
        session: Session,
        options: OptionsT,
        log: Log,
        stop: StopSignal,
        batches: BatchSource,
        screen: Screen,
    ):
        super().__init__(provider, verb, session, options, log, stop)
        self._batches = batches
        self._screen = screen

    def batches(
        self,
        max_lines: int = DEFAULT_BATCH_LINES,
        max_bytes: int = DEFAULT_BATCH_BYTES,
        max_wait: float = 0.0,
    ) -> Batches:
        """The lines to deliver, in batches.

        A batch is handed out when it is full, when `max_wait` has passed since its first line, or at the end. With
        `max_wait` 0 it holds what is there: while the output works, the next batch grows. At most 64 MiB (or one
        line) are handed out and unacknowledged; then this waits for acknowledgements.

        Args:
            max_lines: lines in a batch, at most.
            max_bytes: bytes in a batch, at most, unless a single line is longer.
            max_wait: seconds to wait for a batch to fill.

        Returns:
            An iterator, plain and asynchronous, that ends at the end of the input.
        """
        if max_lines < 1 or max_bytes < 1 or max_wait < 0:
            raise ValueError("max_lines and max_bytes must be at least 1, max_wait at least 0")
        return Batches(self._batches, max_lines, max_bytes, max_wait)

    def text(self, text: str) -> None:
        """Shows text on the user's terminal, in whole lines; many lines in one call are one write.

        A final newline is added if there is none. A line that would look like a control line gets a space before it.
        """
        self._screen.write(text)
