"""Showing records, and saying that they were shown."""

from __future__ import annotations

import os
from typing import Any

from dstream_console.config import ConsoleOptions
from dstream_console.render import renderer
from dstream_core.api import Context, OutputContext, Resource, Result, hookimpl

_NO_RESOURCES: tuple[Resource, ...] = ()


class Console:
    """The output `console`.

    The text goes to the orchestrator, which owns the terminal and says by `DSTREAM_COLOR=1` that it takes colours.
    """

    @hookimpl
    def dstream_run_output(self, context: OutputContext[ConsoleOptions]) -> None:
        """Show each record and acknowledge it."""
        colored = os.environ.get("DSTREAM_COLOR") == "1" and not os.environ.get("NO_COLOR")
        lines = renderer(context.options.output_format, colored=colored)
        for batch in context.batches():
            context.text("\n".join(lines(batch)))
            batch.ack()

    @hookimpl
    def dstream_init(self, context: Context[Any]) -> Result:
        """Nothing has to be made."""
        return Result(_NO_RESOURCES, message="the console needs no infrastructure")

    @hookimpl
    def dstream_plan(self, context: Context[Any]) -> Result:
        """Nothing would be made or removed."""
        return Result(_NO_RESOURCES, message="the console needs no infrastructure")

    @hookimpl
    def dstream_status(self, context: Context[Any]) -> Result:
        """There is nothing that could be missing."""
        return Result(_NO_RESOURCES, message="the console has no infrastructure", healthy=True)

    @hookimpl
    def dstream_destroy(self, context: Context[Any]) -> Result:
        """Nothing was made."""
        return Result(_NO_RESOURCES, message="the console has no infrastructure")

    @hookimpl
    def dstream_check(self, context: Context[Any]) -> Result:
        """The console is always there."""
        return Result(message="the console is ready", healthy=True)
