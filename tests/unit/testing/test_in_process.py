"""Hooks called without a process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from dstream_core.api import Checkpoint, Envelope, InputContext, OutputContext, hookimpl
from dstream_core.testing import run_input, run_output


class Endless:
    closed = False

    @hookimpl
    def dstream_run_input(self, context: InputContext[Any]) -> Iterator[Envelope | Checkpoint]:
        number = context.state.resume() or 0
        try:
            while True:
                number += 1
                yield Envelope(number, position=number)
        finally:
            self.closed = context.stopping


class Asynchronous:
    @hookimpl
    async def dstream_run_input(self, context: InputContext[Any]) -> AsyncIterator[Envelope]:
        for number in range(context.state.resume(partition="p") or 0, 5):
            await asyncio.sleep(0)
            yield Envelope(number)

    @hookimpl
    async def dstream_run_output(self, context: OutputContext[Any]) -> None:
        async for batch in context.batches():
            batch.ack()


class Picky:
    @hookimpl
    def dstream_run_output(self, context: OutputContext[Any]) -> None:
        for batch in context.batches(max_lines=2):
            for envelope in batch:
                if envelope.data == "bad":
                    batch.reject(envelope, "it is bad")
            if context.options != "forgetful":
                batch.ack()
            context.text(f"{len(batch)} lines")


def test_an_endless_input_is_stopped_and_closed() -> None:
    provider = Endless()
    items = run_input(provider, positions={"": 7}, limit=3)
    assert items == [Envelope(number, position=number) for number in (8, 9, 10)]
    assert provider.closed


def test_an_asynchronous_input() -> None:
    assert run_input(Asynchronous(), positions={"p": 3}) == [Envelope(3), Envelope(4)]
    assert run_input(Asynchronous(), limit=1) == [Envelope(0)]


def test_an_output() -> None:
    delivered = run_output(Picky(), [{"data": 1}, {"data": "bad"}, b"nonsense", {"data": 4, "metadata": {}}])
    assert (delivered.acknowledged, delivered.unacknowledged) == (4, 0)
    assert [number for number, _ in delivered.rejected] == [3, 2] or [n for n, _ in delivered.rejected] == [2, 3]
    assert dict(delivered.rejected)[2] == "it is bad"
    assert delivered.text.endswith("lines\n")


def test_an_output_that_forgets_to_acknowledge() -> None:
    delivered = run_output(Picky(), [{"data": 1}, {"data": 2}], "forgetful")
    assert (delivered.acknowledged, delivered.unacknowledged) == (0, 2)


@pytest.mark.parametrize("count", [0, 3000])
def test_an_asynchronous_output(count: int) -> None:
    delivered = run_output(Asynchronous(), ({"data": number} for number in range(count)))
    assert delivered.acknowledged == count
