"""What is shown, as text: plans, results, tables, summaries. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dstream_core.cli.columns import colored
from dstream_core.protocol.result import Resource, Result, count_changes

if TYPE_CHECKING:
    from dstream_core.runtime.values import RunOutcome

_SIGNS = {"create": "+", "update": "~", "delete": "-", "replace": "-/+", "same": " ", "read": " "}
_SIGN_COLORS = {"create": "32", "update": "33", "delete": "31", "replace": "35"}
_COUNT_NAMES = {
    "plan": ("to create", "to update", "to delete", "unchanged"),
    "done": ("created", "updated", "deleted", "unchanged"),
}


def plan_lines(result: Result, changes: Mapping[str, int], *, done: bool, color: bool) -> Iterator[str]:
    """A plan, or what was done, as Terraform shows it: a block per resource that changes, last the counts."""
    shown = [resource for resource in result.resources if resource.action not in ("same", "read")]
    for resource in shown:
        yield from _resource_lines(resource, color=color)
    if shown:
        yield ""
    if result.message:
        yield result.message
    yield _counts(changes, done=done)


def counts_of(result: Result) -> dict[str, int]:
    """The counts of a result's resources."""
    return count_changes(result.resources)


def status_rows(result: Result) -> list[tuple[str, ...]]:
    """The resources of a status as rows: type, name, state, detail."""
    return [
        (resource.type, resource.name or resource.id, resource.state or resource.action or "", resource.detail or "")
        for resource in result.resources
    ]


def summary_line(outcome: RunOutcome, dead_letters: str) -> str:
    """What came of a run, in one line."""
    rate = outcome.records / outcome.seconds if outcome.seconds > 0 else 0.0
    word = "read by the output" if outcome.best_effort else "acknowledged"
    parts = [
        f"{outcome.records} records",
        f"{outcome.acknowledged} {word}",
        size_text(outcome.bytes),
        f"{rate:.1f} records/s" if rate < 100 else f"{rate:.0f} records/s",
        duration_text(outcome.seconds),
    ]
    missing = outcome.records - outcome.acknowledged
    if missing:
        parts.append(f"{missing} NOT {word}")
    if outcome.discarded:
        parts.append(f"{outcome.discarded} not delivered (the next run repeats them)")
    if outcome.rejected:
        parts.append(f"{outcome.rejected} dead letters in {dead_letters}")
    return f"{_end(outcome)}: {', '.join(parts)}"


def summary_document(task: str, outcome: RunOutcome, dead_letters: str) -> dict[str, Any]:
    """What came of a run, as data."""
    seconds = outcome.seconds
    return {
        "task": task,
        "reason": outcome.reason,
        "records": outcome.records,
        "acknowledged": outcome.acknowledged,
        "not_acknowledged": outcome.records - outcome.acknowledged,
        "discarded": outcome.discarded,
        "dead_letters": outcome.rejected,
        "dead_letters_directory": dead_letters,
        "bytes": outcome.bytes,
        "seconds": round(seconds, 3),
        "records_per_second": round(outcome.records / seconds, 1) if seconds > 0 else 0.0,
        "delivery": "best effort" if outcome.best_effort else "acknowledged",
        "error": outcome.failure.message if outcome.failure is not None else None,
    }


def size_text(size: int) -> str:
    """Bytes for people."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def duration_text(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def hcl_value(value: Any) -> str:
    """A value from JSON as HCL writes it on one line."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        inner = ", ".join(f"{name} = {hcl_value(item)}" for name, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(hcl_value, value))}]"
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("${", "$${").replace("%{", "%%{") if isinstance(value, str) else text


def _end(outcome: RunOutcome) -> str:
    if outcome.failure is not None:
        return "failed"
    return "done" if outcome.reason == "end of input" else f"stopped by {outcome.reason}"


def _resource_lines(resource: Resource, *, color: bool) -> Iterator[str]:
    action = resource.action or ""
    sign = _SIGNS.get(action, "?" if action else "*").rjust(3)
    name = " ".join(filter(None, (resource.type, resource.name or resource.id)))
    detail = f"  ({resource.detail})" if resource.detail else ""
    yield f"{colored(sign, _SIGN_COLORS.get(action, ''), color=color)} {name}{detail}"
    before, after = resource.before or {}, resource.after or {}
    names = list(dict.fromkeys([*before, *after]))
    changed = [name for name in names if before.get(name) != after.get(name)]
    width = max(map(len, changed), default=0)
    for name in changed:
        yield f"      {name.ljust(width)} = {_change(before, after, name)}"


def _change(before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> str:
    old, new = hcl_value(before.get(name)), hcl_value(after.get(name))
    if name not in before:
        return new
    return f"{old} -> {new}" if name in after else f"{old} -> (none)"


def _counts(changes: Mapping[str, int], *, done: bool) -> str:
    words = _COUNT_NAMES["done" if done else "plan"]
    counts = [changes.get(name, 0) for name in ("create", "update", "delete", "same")]
    text = ", ".join(f"{count} {word}" for count, word in zip(counts, words, strict=True))
    if done:
        return f"Done: {text}."
    return f"Plan: {text}." if any(counts[:3]) else f"No changes: {text}."
