"""What `dstream providers show` prints: options for people, and HCL to paste. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dstream_core.cli.columns import colored
from dstream_core.cli.texts import hcl_value

if TYPE_CHECKING:
    from dstream_core.engine.providers import Details, RoleDetails
    from dstream_core.providers.option_rows import Option

_BOLD = "1"


def details_lines(details: Details, *, color: bool) -> Iterator[str]:
    """A provider: what it is, and for each role its commands, options and a snippet."""
    row = details.installed
    yield f"{colored(row.id, _BOLD, color=color)} {row.version} ({row.distribution})"
    yield row.summary
    if row.error:
        yield f"{row.status}: {row.error}"
    for role in details.roles:
        yield ""
        yield colored(f"As {role.role}", _BOLD, color=color)
        yield f"  commands: {', '.join(role.verbs)}"
        yield f"  capabilities: {', '.join(role.capabilities) or 'none'}"
        yield from _option_lines(role, color=color)
        yield ""
        yield from (f"  {line}" for line in snippet_lines(row.id, role))


def snippet_lines(provider_id: str, role: RoleDetails) -> Iterator[str]:
    """A block to paste into a task: required options, and the others commented out with their defaults."""
    yield f"{role.role} {{"
    yield f'  provider = "{provider_id}"'
    top = [option for option in role.options if "." not in option.name]
    if top:
        yield "  config {"
        for option in top:
            mark = "" if option.required else "# "
            yield f"    {mark}{option.name} = {_value(option)}"
        yield "  }"
    yield "}"


def _option_lines(role: RoleDetails, *, color: bool) -> Iterator[str]:
    if role.schema is None:
        yield "  options: any (the provider does not say)"
        return
    if not role.options:
        yield "  options: none"
        return
    yield "  options:"
    for option in role.options:
        notes = [option.type]
        if option.required:
            notes.append("required")
        elif option.default is not None:
            notes.append(f"default {json.dumps(option.default, ensure_ascii=False, default=str)}")
        if option.secret:
            notes.append("secret")
        yield f"    {colored(option.name, _BOLD, color=color)}  ({', '.join(notes)})"
        if option.description:
            yield f"        {option.description}"


_EXAMPLES: dict[str, Any] = {"string": "…", "integer": 0, "number": 0, "boolean": False, "object": {}}


def _value(option: Option) -> str:
    if option.secret:
        return f'"{{{{ env "{option.name.upper()}" }}}}"'
    if option.default is not None and not option.required:
        return hcl_value(option.default)
    if option.example is not None:
        return hcl_value(option.example)
    if option.type.startswith("list"):
        return "[]"
    return hcl_value(_EXAMPLES.get(option.type, "…"))
