"""A provider's hooks called in the test's own process: quick, and a debugger can follow."""

from __future__ import annotations

import asyncio
import inspect
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dstream_core.api.context import InputContext, OutputContext
from dstream_core.api.delivery.dead_letters import FILE_NAME, DeadLetters
from dstream_core.api.delivery.feed import Feed
from dstream_core.api.delivery.ledger import Ledger
from dstream_core.api.delivery.rejects import Rejects
from dstream_core.api.delivery.wire import encode_envelope_line, encode_position
from dstream_core.api.envelope import Checkpoint, EncodedLines, Envelope
from dstream_core.api.log import Log
from dstream_core.api.state import State
from dstream_core.api.stopping import StopSignal
from dstream_core.protocol.command import Session
from dstream_core.protocol.exact_json import decode_json

Item = Envelope | Checkpoint | EncodedLines


@dataclass
class Delivered:
    """What an output did with the lines it was given.

    Attributes:
        acknowledged: how many lines, counted from the first, it declared durable.
        unacknowledged: how many it was given and did not.
        rejected: line number and reason of each dead letter.
        text: what it showed to the user.
    """

    acknowledged: int
    unacknowledged: int
    rejected: list[tuple[int, str]] = field(default_factory=list)
    text: str = ""


def run_input(
    provider: Any,
    options: Any = None,
    *,
    positions: Mapping[str, Any] | None = None,
    limit: int | None = None,
    provider_id: str = "tested",
) -> list[Item]:
    """What an input yields.

    Args:
        provider: the object with the hook `dstream_run_input`.
        options: an instance of its options model.
        positions: stored positions by partition (`{"": 7}` for one without), as `context.state` gives them.
        limit: stop after so many items.
        provider_id: its ID.
    """
    with tempfile.TemporaryDirectory(prefix="dstream-test-") as directory:
        state = State(Path(directory), provider_id, "test")
        if positions:
            state.store({partition: encode_position(value) for partition, value in positions.items()})
        stop = StopSignal()
        session = Session(role="input", task="test", state_dir=directory)
        context = InputContext(provider_id, "run", session, options, Log(structured=False), stop, state)
        items = provider.dstream_run_input(context=context)
        if hasattr(items, "__aiter__"):
            return asyncio.run(_collect_async(items, limit, stop))
        return _collect(items, limit, stop)


def run_output(
    provider: Any,
    envelopes: Iterable[Mapping[str, Any] | bytes],
    options: Any = None,
    *,
    provider_id: str = "tested",
) -> Delivered:
    """What an output does with lines.

    Args:
        provider: the object with the hook `dstream_run_output`.
        envelopes: `{"data": …, "metadata": …}`, or lines as bytes without their newlines.
        options: an instance of its options model.
        provider_id: its ID.
    """
    with tempfile.TemporaryDirectory(prefix="dstream-test-") as directory, tempfile.TemporaryFile() as lines:
        lines.write(b"".join(_line(envelope) + b"\n" for envelope in envelopes))
        lines.seek(0)
        descriptor = os.dup(lines.fileno())
        try:
            return _deliver(provider, descriptor, options, Path(directory), provider_id)
        finally:
            os.close(descriptor)


class _Collected:
    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text if text.endswith("\n") or not text else text + "\n"


def _deliver(provider: Any, descriptor: int, options: Any, directory: Path, provider_id: str) -> Delivered:
    log, screen = Log(structured=False), _Collected()
    ledger = Ledger(lambda: None)
    dead_letters = DeadLetters(directory, "test", provider_id)
    rejects = Rejects(ledger, dead_letters, stop=False, limit=1_000_000)
    with Feed(descriptor, b"", ledger, rejects, None, log) as feed:
        session = Session(role="output", task="test", state_dir=str(directory), dead_letters=str(directory))
        context = OutputContext(provider_id, "run", session, options, log, StopSignal(), feed, screen)
        answer = provider.dstream_run_output(context=context)
        if inspect.isawaitable(answer):
            asyncio.run(_awaited(answer))
    dead_letters.close()
    kept = directory / FILE_NAME
    records = [decode_json(line) for line in kept.read_bytes().splitlines()] if kept.exists() else []
    rejected = [(record["number"], record["reason"]) for record in records]
    return Delivered(ledger.count, ledger.unacknowledged, rejected, screen.text)


async def _awaited(answer: Any) -> None:
    await answer


def _collect(items: Iterable[Item], limit: int | None, stop: StopSignal) -> list[Item]:
    collected: list[Item] = []
    for item in items:
        collected.append(item)
        if limit is not None and len(collected) >= limit:
            stop.set()
            break
    close = getattr(items, "close", None)
    if close is not None:
        close()
    return collected


async def _collect_async(items: Any, limit: int | None, stop: StopSignal) -> list[Item]:
    collected: list[Item] = []
    async for item in items:
        collected.append(item)
        if limit is not None and len(collected) >= limit:
            stop.set()
            break
    if hasattr(items, "aclose"):
        await items.aclose()
    return collected


def _line(envelope: Mapping[str, Any] | bytes) -> bytes:
    if isinstance(envelope, bytes):
        return envelope
    return encode_envelope_line(envelope.get("data"), envelope.get("metadata"))
