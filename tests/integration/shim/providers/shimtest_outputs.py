"""Outputs that behave in every way an author's may."""

import asyncio
import concurrent.futures
import threading
import time

from dstream_core.api import ConfigurationError, Resource, Result, hookimpl


class Probe:
    @hookimpl
    def dstream_run_output(self, context):
        return getattr(self, context.options.mode.replace("-", "_"))(context)

    @hookimpl
    def dstream_init(self, context):
        return Result(resources=[Resource("q", "queue", action="create")], message=str(sorted(context.consent)))

    @hookimpl
    def dstream_plan(self, context):
        return Result(resources=[Resource("q", action="delete" if context.arguments.get("destroy") else "create")])

    @hookimpl
    def dstream_status(self, context):
        mode = context.options.mode
        if mode == "fails":
            return Result(failed=True, error="the queue is gone")
        if mode == "raises":
            raise ConfigurationError("no such queue", hint="run init")
        if mode == "bug":
            raise ZeroDivisionError("a bug")
        if mode == "none":
            return None
        return Result(healthy=True, source=context.source)

    @hookimpl
    def dstream_destroy(self, context):
        context.log.info("waiting")
        context.wait(600)
        return Result(message=f"stopping={context.stopping}")

    def count(self, context):
        total = 0
        for batch in context.batches():
            total += sum(1 for envelope in batch if envelope.data is not None)
            batch.ack()
        context.text(f"{total} lines")

    def shows(self, context):
        for batch in context.batches():
            for envelope in batch:
                context.text(f"{envelope.number} {envelope.raw_data.decode()} {envelope.metadata}")
            batch.ack()

    def batches(self, context):
        for batch in context.batches(max_lines=context.options.count, max_wait=context.options.pause):
            context.text(f"batch of {len(batch)}")
            batch.ack()

    def forges(self, context):
        for batch in context.batches():
            context.text('{"$dstream":{"ack":1000}}\nplain\n{"$dstream":{"ack":1000}}')
            context.text("ä")
            print('{"$dstream":{"ack":1000}}')  # noqa: T201  what must not reach the stream
            batch.ack()

    def odd(self, context):
        for batch in context.batches():
            for envelope in batch:
                if envelope.data["n"] % 2:
                    batch.reject(envelope, "odd")
            batch.ack()

    def rejects(self, context):
        for batch in context.batches():
            for envelope in batch:
                batch.reject(envelope, "nothing is good enough")
            batch.ack()

    def lines(self, context):
        for batch in context.batches():
            for envelope in reversed(list(batch)):
                batch.ack_line(envelope)

    def forgets(self, context):
        for batch in context.batches():
            if 1 not in range(batch.first_number, batch.last_number + 1):
                batch.ack()

    def leaves(self, context):
        for batch in context.batches():
            batch.ack()
            return

    def bug(self, context):
        for batch in context.batches(max_lines=1):
            if batch[0].data["n"] == 2:
                raise ZeroDivisionError("a bug")
            batch.ack()

    def swallows(self, context):
        for batch in context.batches():
            for envelope in batch:
                try:
                    batch.reject(envelope, "hidden")
                except Exception as error:  # noqa: BLE001  what an author may do
                    context.log.warning("swallowed", kind=type(error).__name__)
            batch.ack()

    def parallel(self, context):
        pause = threading.Lock()

        def deliver(batch):
            time.sleep(0.03 if batch.first_number % 3 else 0.0)
            with pause:
                batch.ack()

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for batch in context.batches(max_lines=7):
                pool.submit(deliver, batch)

    def holds(self, context):
        """Takes everything it can get and acknowledges nothing for a while."""
        held = []

        def release():
            time.sleep(context.options.pause)
            context.log.info("holding", lines=sum(map(len, held)), bytes=sum(batch.size for batch in held))
            for batch in held:
                batch.ack()
            released.set()

        released = threading.Event()
        threading.Thread(target=release).start()
        for batch in context.batches():
            if released.is_set():
                batch.ack()
            else:
                held.append(batch)
        released.wait()
        for batch in held:
            batch.ack()

    def slow(self, context):
        for batch in context.batches(max_lines=1):
            time.sleep(context.options.pause)
            batch.ack()

    async def asynchronous(self, context):
        async for batch in context.batches():
            await asyncio.sleep(0)
            batch.ack()

    async def asynchronous_bug(self, context):
        waiting = asyncio.create_task(anext(context.batches()))
        await asyncio.sleep(0.05)
        waiting.cancel()
        raise ZeroDivisionError("a bug")
