"""Results of lifecycle verbs: one JSON object on stdout after the handshake (PROTOCOL "Results of lifecycle verbs")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dstream_core.protocol.exact_json import as_unicode, encode_json

Action = Literal["create", "update", "replace", "delete", "same", "read"]


@dataclass(frozen=True)
class Resource:
    """One thing a provider manages at the destination.

    Attributes:
        id: unique within the result.
        type: what kind of thing, such as `queue` or `directory`.
        name: as its owner calls it; the id if empty.
        action: what plan would do, or what init or destroy did.
        state: what status found, such as `exists` or `missing`.
        detail: one line for the reader.
        before, after: settings that change, by name.
    """

    id: str
    type: str = ""
    name: str = ""
    action: Action | None = None
    state: str | None = None
    detail: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Result:
    """What a lifecycle verb answers.

    Attributes:
        resources: what is, would be or was done.
        message: one line for the reader.
        failed: the verb did not do what was asked; `error` says why.
        needs: decisions wanted from the user before it can go on (`install`, `delete`, `replace`).
        source: what the input reads, for `discover`: `{"server","database","tables":[...]}`.
        healthy: for status and check; None if the provider does not judge.
        extra: further members, given to `--json` readers as they are.
    """

    resources: Sequence[Resource] = ()
    message: str | None = None
    failed: bool = False
    error: str | None = None
    needs: tuple[str, ...] = ()
    source: Mapping[str, Any] | None = None
    healthy: bool | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def count_changes(resources: Sequence[Resource]) -> dict[str, int]:
    """The counts of a plan's last line; a replacement is a create and a delete, as Terraform counts."""
    actions = [resource.action for resource in resources]
    replaced = actions.count("replace")
    return {
        "create": actions.count("create") + replaced,
        "update": actions.count("update"),
        "delete": actions.count("delete") + replaced,
        "same": actions.count("same"),
    }


def encode_result(result: Result) -> bytes:
    """The result's line."""
    document: dict[str, Any] = dict(result.extra)
    document["status"] = "Failed" if result.failed else "Success"
    document["resources"] = [_resource_document(resource) for resource in result.resources]
    if any(resource.action for resource in result.resources):
        document["changes"] = count_changes(result.resources)
    optional: dict[str, Any] = {
        "message": result.message,
        "error": result.error,
        "needs": list(result.needs) or None,
        "source": result.source,
        "healthy": result.healthy,
    }
    document.update({name: value for name, value in optional.items() if value is not None})
    return encode_json(as_unicode(document)) + b"\n"


_MEMBERS = frozenset({"status", "resources", "changes", "message", "error", "needs", "source", "healthy"})


def decode_result(document: Mapping[str, Any]) -> Result:
    """The result in a provider's object; resources may be plain strings (older providers)."""
    resources = document.get("resources")
    needs = document.get("needs")
    healthy = document.get("healthy")
    source = document.get("source")
    return Result(
        resources=tuple(map(_resource, resources)) if isinstance(resources, list) else (),
        message=_text(document.get("message")),
        failed=str(document.get("status", "")).lower() not in ("success", "ok"),
        error=_text(document.get("error")),
        needs=tuple(map(str, needs)) if isinstance(needs, list) else (),
        source=source if isinstance(source, dict) else None,
        healthy=healthy if isinstance(healthy, bool) else None,
        extra={name: value for name, value in document.items() if name not in _MEMBERS},
    )


def _resource_document(resource: Resource) -> dict[str, Any]:
    members = ("id", "type", "name", "action", "state", "detail", "before", "after")
    values = ((name, getattr(resource, name)) for name in members)
    return {name: value for name, value in values if value not in (None, "")}


def _resource(item: Any) -> Resource:
    if not isinstance(item, Mapping):
        return Resource(id=str(item))
    before, after = item.get("before"), item.get("after")
    identifier = item.get("id") or item.get("name") or ""
    return Resource(
        id=str(identifier),
        type=str(item.get("type") or ""),
        name=str(item.get("name") or ""),
        action=item.get("action"),
        state=_text(item.get("state")),
        detail=_text(item.get("detail")),
        before=before if isinstance(before, Mapping) else None,
        after=after if isinstance(after, Mapping) else None,
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
