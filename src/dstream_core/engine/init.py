"""`dstream init`: provision what the output needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dstream_core.engine.asking import CancelledError, ask, ask_until_decided
from dstream_core.engine.front import Front
from dstream_core.engine.lifecycle import VerbReport, ask_plan, losses, plans_ahead, report, require_verb
from dstream_core.engine.prepare import Prepared, prepare
from dstream_core.engine.request import Request
from dstream_core.engine.source import discover_source
from dstream_core.runtime.claims import claim


def init(request: Request, task_name: str, front: Front, *, yes: bool = False) -> VerbReport:
    """Lets the output create what it needs.

    On a terminal it plans first and asks if something would be deleted or replaced. Without one it proceeds, unless
    the provider says that it needs a decision.

    Args:
        request: what was asked.
        task_name: the task.
        front: shows what happens, and asks.
        yes: the user agrees to everything beforehand.

    Raises:
        NeedsConsentError: a decision is needed and nobody is there to take it.
        DStreamError: it failed.
    """
    prepared = prepare(request, task_name, front)
    require_verb(prepared, "init")
    command = f"dstream init {task_name}"
    with claim(prepared.folder.lock(task_name, "lifecycle"), command) as held:
        source = discover_source(prepared, front)
        agreed = () if yes or not front.interactive else _agreed(prepared, front, source)
        outcome = ask_until_decided(
            front,
            yes=yes,
            what=command,
            given=agreed,
            attempt=lambda consent: ask(
                prepared, "output", "init", front, claims=[held], source=source, consent=consent
            ),
        )
        return report(prepared, "init", outcome, front)


def _agreed(prepared: Prepared, front: Front, source: Mapping[str, Any] | None) -> tuple[str, ...]:
    """What the user agrees to lose, asked with the plan in view; nothing if nothing would be lost."""
    if not plans_ahead(prepared):
        return ()
    plan = ask_plan(prepared, front, source, destroy=False)
    lost = losses(plan.result)
    if lost:
        front.show_plan(prepared.task.name, plan.result, destroy=False)
        if not front.confirm(f"init would {' and '.join(lost)} what is listed above. Go on?"):
            raise CancelledError("cancelled: nothing was changed")
    return lost
