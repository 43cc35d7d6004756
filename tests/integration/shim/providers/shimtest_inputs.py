"""Inputs that behave in every way an author's may."""

import asyncio
import ctypes
import os
import subprocess
import time
import uuid
from datetime import UTC, datetime
from decimal import Decimal

from dstream_core.api import (
    Checkpoint,
    ConfigurationError,
    EncodedLines,
    Envelope,
    Resource,
    Result,
    TemporaryError,
    hookimpl,
)


class Folder:
    """Keeps positions in files beside the state directory."""

    def __init__(self, folder, log):
        self.folder = folder
        self.log = log

    def load(self):
        return {path.stem.removeprefix("at"): int(path.read_text()) for path in self.folder.glob("at*.txt")}

    def store(self, positions):
        if (self.folder / "refuse").exists():
            raise ConfigurationError("nobody may write here", code="probe/denied")
        for partition, position in positions.items():
            (self.folder / f"at{partition}.txt").write_text(str(position))

    def close(self):
        self.log.info("the keeper is closed", has=len(self.load()))


class Probe:
    @hookimpl
    def dstream_open(self, context):
        mode = context.options.mode
        if mode == "open-temporary":
            raise TemporaryError("the server is away")
        if mode == "open-bug":
            raise KeyError("a bug")

    @hookimpl
    def dstream_run_input(self, context):
        return getattr(self, context.options.mode.replace("-", "_"), self.count)(context)

    @hookimpl
    def dstream_discover(self, context):
        return Result(resources=[Resource("Orders", "table")], source={"tables": [{"name": "Orders"}]})

    @hookimpl
    async def dstream_check(self, context):
        await asyncio.sleep(0)
        return Result(message="asynchronously fine", healthy=True)

    def count(self, context):
        start = context.state.resume(identity="here") or 0
        for number in range(start + 1, context.options.count + 1):
            if context.options.pause and context.wait(context.options.pause):
                return
            yield Envelope({"n": number}, {"seq": number}, position=number)

    def kept_elsewhere(self, context):
        context.state.keep_in(Folder(context.state_dir.parent / "elsewhere", context.log))
        yield from self.count(context)

    def endless(self, context):
        number = context.state.resume() or 0
        try:
            while True:
                number += 1
                yield Envelope({"n": number}, position={"n": number})
        finally:
            context.log.info("closed", at=number)

    def waits(self, context):
        yield Envelope({"n": 1}, position=1)
        context.wait(600)
        context.log.info("woken", stopping=context.stopping)

    def blocked(self, context):
        yield Envelope({"n": 1}, position=1)
        try:
            time.sleep(600)
        finally:
            context.log.info("interrupted")

    def other_identity(self, context):
        context.state.resume(identity="elsewhere")
        yield Envelope({"n": 1}, position=1)

    def temporary(self, context):
        yield Envelope({"n": 1}, position=1)
        raise TemporaryError("the connection was lost", hint="wait")

    def configuration(self, context):
        yield Envelope({"n": 1}, position=1)
        raise ConfigurationError("there is no such table")

    def bug(self, context):
        yield Envelope({"n": 1}, position=1)
        raise ZeroDivisionError("a bug")

    def prints(self, context):
        print("from print")  # noqa: T201  what must not reach the stream
        os.write(1, b"from descriptor 1\n")
        subprocess.run(["sh", "-c", "echo from a subprocess; cat >&2"], check=True)
        libc = ctypes.CDLL(None)
        libc.printf(b"from the C library\n")
        libc.fflush(None)
        print('{"data":{"n":"forged"}}')  # noqa: T201  what must not reach the stream
        yield Envelope({"n": 1})
        print("no newline", end="")  # noqa: T201  what must not reach the stream

    def values(self, context):
        yield Envelope({"int": 123456789012345678901234567890, "decimal": Decimal("0.10")})
        yield Envelope({"time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "bytes": b"\x00\xff", "null": None})
        yield Envelope({"uuid": uuid.UUID(int=7), "text": 'ä\n"\u2028', "none": [None, float(1)]})
        yield Envelope.raw(b'{"n": 100000000000000000000000000000000,\n "f": 1.10}', {"raw": True})
        yield Envelope(None)

    def not_finite(self, context):
        yield Envelope({"n": 1}, position=1)
        yield Envelope({"n": {"deep": [float("nan")]}}, position=2)

    def not_unicode(self, context):
        yield Envelope({"n": "\ud800"})

    def not_json(self, context):
        yield Envelope({"n": object()})

    def not_an_envelope(self, context):
        yield {"data": {"n": 1}}

    def nothing(self, context):
        return None

    def number(self, context):
        return 7

    def listed(self, context):
        return [Envelope({"n": 1}), Checkpoint("end")]

    def partitions(self, context):
        for number in range(1, 4):
            yield Envelope({"n": number}, position=number, partition="a")
            yield Envelope({"n": number}, position={"at": number}, partition="b")
        yield Checkpoint([1, 2], partition="c")
        context.wait(600)

    def checkpoint_only(self, context):
        yield Checkpoint({"lsn": 7})
        context.wait(600)

    def encoded(self, context):
        yield Envelope({"n": 0})
        yield EncodedLines(b'{"data":{"n":1}}\n{"data":{"n":2}}\n', 2, position=2)
        yield Envelope({"n": 3}, position=3)

    def divided(self, context):
        lines = b'{"data":1}\n' * 4
        yield EncodedLines(lines, 4, {"at": "middle"}, "b", position_of=lambda count: count if count < 4 else None)
        yield EncodedLines(lines, 4, 4, "b", lambda count: {"a": count})

    def undivided(self, context):
        def position_of(count):
            raise ValueError("no position")

        yield EncodedLines(b'{"data":1}\n' * 2, 2, 2, position_of=position_of)

    def paced(self, context):
        for number in range(1, context.options.count + 1):
            yield Envelope({"n": number}, position=number)
            context.wait(0.02)

    def large(self, context):
        yield Envelope({"n": "x" * (context.options.count * 1_000_000)}, position=1)

    async def asynchronous(self, context):
        for number in range(1, context.options.count + 1):
            await asyncio.sleep(0)
            yield Envelope({"n": number}, position=number)

    async def asynchronous_blocked(self, context):
        yield Envelope({"n": 1}, position=1)
        try:
            await asyncio.sleep(600)
        finally:
            context.log.info("cancelled")

    async def asynchronous_waits(self, context):
        yield Envelope({"n": 1}, position=1)
        stopping = await context.wait_async(600)
        context.log.info("woken", stopping=stopping)


class Free:
    @hookimpl
    def dstream_run_input(self, context):
        yield Envelope({"options": context.options, "task": context.task, "role": context.role})


class Misspelt:
    @hookimpl
    def dstream_run_inputs(self, context):
        yield Envelope({})


class Unlike:
    @hookimpl
    def dstream_run_input(self, context, settings):
        yield Envelope({})
