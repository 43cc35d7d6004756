"""Hooks of a provider's implementation: one for each verb of the protocol.

They are called in the child process that holds exactly one provider; the first answer counts, and there is only one.
Every lifecycle verb is idempotent (invariant 9).
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Iterable
from typing import Any

import pluggy

from dstream_core.api.context import Context, InputContext, OutputContext
from dstream_core.api.envelope import Checkpoint, EncodedLines, Envelope
from dstream_core.api.markers import PROJECT
from dstream_core.protocol.result import Result

hookspec = pluggy.HookspecMarker(PROJECT)


@hookspec(firstresult=True)
def dstream_open(context: Context[Any]) -> Awaitable[None] | None:
    """Reach the remote side once, before `ready` is announced; called for the verb run only.

    Without this hook `ready` is announced as soon as the options are valid. Raise `ConfigurationError` for what the
    user must correct, `TemporaryError` for what is likely to pass.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def dstream_run_input(
    context: InputContext[Any],
) -> Iterable[Envelope | EncodedLines | Checkpoint] | AsyncIterable[Envelope | EncodedLines | Checkpoint]:
    """Yield the data; end when there is no more, or for ever.

    Positions are stored in `context.state` after the acknowledgement. At a stop the generator is closed at its next
    `yield`; one that is blocked for longer than two seconds is interrupted where it is. `context.wait` sleeps and
    ends early.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def dstream_run_output(context: OutputContext[Any]) -> Awaitable[None] | None:
    """Deliver `context.batches()` and acknowledge each batch once it is durable; return when they end."""
    raise NotImplementedError


@hookspec(firstresult=True)
def dstream_init(context: Context[Any]) -> Result | Awaitable[Result]:
    """Create what the output needs and answer what was done; a second time changes nothing."""
    raise NotImplementedError


@hookspec(firstresult=True)
def dstream_plan(context: Context[Any]) -> Result | Awaitable[Result]:
    """Answer what init would do, or destroy with `context.arguments["destroy"]`; change nothing."""
    raise NotImplementedError


@hookspec(firstresult=True)
def dstream_status(context: Context[Any]) -> Result | Awaitable[Result]:
    """Answer what is there, and whether it is healthy."""
    raise NotImplementedError


@hookspec(firstresult=True)
def dstream_destroy(context: Context[Any]) -> Result | Awaitable[Result]:
    """Take away what init made and nothing else; what is gone already is success."""
    raise NotImplementedError


@hookspec(firstresult=True)
def dstream_discover(context: Context[Any]) -> Result | Awaitable[Result]:
    """Answer what the input would read, in `Result.source`: server, database, tables with their columns."""
    raise NotImplementedError


@hookspec(firstresult=True)
def dstream_check(context: Context[Any]) -> Result | Awaitable[Result]:
    """Try whether a run could begin: reachable, permitted, complete; change nothing."""
    raise NotImplementedError


@hookspec(firstresult=True)
def dstream_state(context: Context[Any]) -> Result | Awaitable[Result]:
    """List, export, import or reset positions that the provider keeps elsewhere than in `context.state_dir`."""
    raise NotImplementedError
