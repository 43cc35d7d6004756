"""A provider's options as rows for people, from their JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_DEPTH = 4
"""Options nested deeper are shown as an object."""


@dataclass(frozen=True)
class Option:
    """One option of a provider.

    Attributes:
        name: dotted for an option inside another.
        type: such as `string`, `list of string` or `"simple" | "json"`.
        required: whether it must be set.
        default: as JSON has it; None if there is none.
        description: what it does.
        secret: whether it is declared secret.
        example: a value to show, if the schema names one.
    """

    name: str
    type: str
    required: bool = False
    default: Any = None
    description: str = ""
    secret: bool = False
    example: Any = None


def option_rows(schema: Mapping[str, Any]) -> tuple[Option, ...]:
    """The options in the order of the schema; those inside an object follow it."""
    return tuple(_rows(schema, schema, "", 0))


def _rows(root: Mapping[str, Any], schema: Mapping[str, Any], prefix: str, depth: int) -> Iterator[Option]:
    required = schema.get("required") or ()
    for name, declared in (schema.get("properties") or {}).items():
        found = _followed(root, declared)
        examples = found.get("examples") or ()
        yield Option(
            name=f"{prefix}{name}",
            type=_type(root, found),
            required=name in required,
            default=found.get("default"),
            description=" ".join(str(found.get("description") or "").split()),
            secret=_secret(root, found),
            example=examples[0] if examples else None,
        )
        inner = _object(root, found)
        if inner is not None and depth < _DEPTH:
            yield from _rows(root, inner, f"{prefix}{name}.", depth + 1)


def _followed(root: Mapping[str, Any], schema: Any) -> Mapping[str, Any]:
    """The schema that a local reference names, with what stands beside the reference."""
    seen = 0
    while isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str) and seen < 32:
        seen += 1
        target: Any = root
        for part in schema["$ref"].removeprefix("#").strip("/").split("/"):
            target = target.get(part, {}) if isinstance(target, Mapping) else {}
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        schema = {**(target if isinstance(target, Mapping) else {}), **beside}
    return schema if isinstance(schema, Mapping) else {}


def _choices(root: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The alternatives of a schema, null left out; itself if it has none."""
    alternatives = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if not alternatives:
        return [schema]
    found = [_followed(root, item) for item in alternatives]
    return [item for item in found if item.get("type") != "null"]


def _object(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((item for item in _choices(root, schema) if item.get("properties")), None)


def _type(root: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    names = dict.fromkeys(_one_type(root, item) for item in _choices(root, schema))
    return " or ".join(names) or "any"


def _one_type(root: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(f'"{value}"' if isinstance(value, str) else str(value).lower() for value in schema["enum"])
    if "const" in schema:
        return f'"{schema["const"]}"'
    kind = schema.get("type")
    if isinstance(kind, list):
        return " or ".join(str(each) for each in kind if each != "null")
    if kind == "array":
        return f"list of {_type(root, _followed(root, schema.get('items') or {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"map of {_type(root, _followed(root, schema['additionalProperties']))}"
    return str(kind or "any")


def _secret(root: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    return any(
        item.get("secret") is True or item.get("writeOnly") is True or item.get("format") == "password"
        for item in (schema, *_choices(root, schema))
    )
