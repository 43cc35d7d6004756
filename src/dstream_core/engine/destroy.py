"""`dstream destroy`: take away what init made."""

from __future__ import annotations

from dstream_core.engine.asking import CancelledError, ask, ask_until_decided
from dstream_core.engine.front import Front
from dstream_core.engine.lifecycle import VerbReport, ask_plan, losses, plans_ahead, report, require_verb
from dstream_core.engine.prepare import Prepared, prepare
from dstream_core.engine.request import Request
from dstream_core.runtime.claims import claim


def destroy(request: Request, task_name: str, front: Front, *, yes: bool = False) -> VerbReport:
    """Lets the output take its infrastructure away; shows its plan and asks on a terminal. Never asks the input.

    Args:
        request: what was asked.
        task_name: the task.
        front: shows what happens, and asks.
        yes: the user agrees to everything beforehand.

    Raises:
        NeedsConsentError: a decision is needed and nobody is there to take it.
        ClaimedError: the task runs.
        DStreamError: it failed.
    """
    prepared = prepare(request, task_name, front, needs_input=False)
    require_verb(prepared, "destroy")
    agreed = () if yes or not front.interactive else _agreed(prepared, front)
    command = f"dstream destroy {task_name}"
    # Invariant 6: not while the task runs, nor together with an init.
    run_lock, lifecycle_lock = (prepared.folder.lock(task_name, kind) for kind in ("run", "lifecycle"))
    with claim(run_lock, command) as running, claim(lifecycle_lock, command) as lifecycle:
        outcome = ask_until_decided(
            front,
            yes=yes,
            what=command,
            given=agreed,
            attempt=lambda consent: ask(
                prepared, "output", "destroy", front, claims=[running, lifecycle], consent=consent
            ),
        )
        return report(prepared, "destroy", outcome, front)


def _agreed(prepared: Prepared, front: Front) -> tuple[str, ...]:
    name = prepared.task.name
    if not plans_ahead(prepared):
        if not front.confirm(f"Destroy what init made for task {name}?"):
            raise CancelledError("cancelled: nothing was changed")
        return ()
    plan = ask_plan(prepared, front, None, destroy=True)
    front.show_plan(name, plan.result, destroy=True)
    if not plan.has_changes:
        return ()
    if not front.confirm(f"Destroy what is listed above for task {name}?"):
        raise CancelledError("cancelled: nothing was changed")
    return losses(plan.result)
