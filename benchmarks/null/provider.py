"""Parses data and metadata of every envelope; reports how many and how long from the first batch to the last."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from dstream_core.api import OutputContext, hookimpl


class Null:
    """The output of the `shims` benchmark."""

    @hookimpl
    def dstream_run_output(self, context: OutputContext[Any]) -> None:
        """Takes batches until the stream ends."""
        lines, first = 0, 0.0
        for batch in context.batches():
            first = first or time.perf_counter()
            for envelope in batch:
                envelope.data, envelope.metadata  # noqa: B018  parsing is what is measured
                lines += 1
            batch.ack()
        Path(context.options["report"]).write_text(json.dumps({"lines": lines, "seconds": time.perf_counter() - first}))
