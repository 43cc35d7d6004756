"""Everything that a Python provider imports.

A complete input and a complete output:

```python
# dstream_ticker/provider.py
from collections.abc import Iterator

from pydantic import BaseModel

from dstream_core.api import Envelope, InputContext, OutputContext, hookimpl


class TickerOptions(BaseModel):
    count: int = 3


class Ticker:
    @hookimpl
    def dstream_run_input(self, context: InputContext[TickerOptions]) -> Iterator[Envelope]:
        start = context.state.resume() or 0
        for number in range(start + 1, context.options.count + 1):
            yield Envelope({"value": number}, position=number)


class Screen:
    @hookimpl
    def dstream_run_output(self, context: OutputContext[None]) -> None:
        for batch in context.batches():
            for envelope in batch:
                context.text(f"{envelope.number}: {envelope.data}")
            batch.ack()
```

and the plugin module that the entry point in the group `dstream.providers` names:

```python
# dstream_ticker/plugin.py
from dstream_core.api import ProviderInfo, RoleInfo, executable, hookimpl

main = executable("ticker")


@hookimpl
def dstream_provider() -> ProviderInfo:
    options = "dstream_ticker.provider:TickerOptions"
    return ProviderInfo("ticker", "Counts.", input=RoleInfo("dstream_ticker.provider:Ticker", options))
```
"""

from __future__ import annotations

from dstream_core.api.batch import Batch, ReceivedEnvelope
from dstream_core.api.context import Context, InputContext, OutputContext
from dstream_core.api.envelope import Checkpoint, EncodedLines, Envelope
from dstream_core.api.executable import executable
from dstream_core.api.info import NOT_SECRET, CommandInfo, ProviderInfo, RoleInfo
from dstream_core.api.log import Log
from dstream_core.api.markers import hookimpl
from dstream_core.api.state import PositionKeeper, State
from dstream_core.durations import parse_duration
from dstream_core.errors import ConfigurationError, DStreamError, ProviderError, TemporaryError
from dstream_core.protocol.result import Resource, Result

__all__ = [
    "NOT_SECRET",
    "Batch",
    "Checkpoint",
    "CommandInfo",
    "ConfigurationError",
    "Context",
    "DStreamError",
    "EncodedLines",
    "Envelope",
    "InputContext",
    "Log",
    "OutputContext",
    "PositionKeeper",
    "ProviderError",
    "ProviderInfo",
    "ReceivedEnvelope",
    "Resource",
    "Result",
    "RoleInfo",
    "State",
    "TemporaryError",
    "executable",
    "hookimpl",
    "parse_duration",
]
