"""Writes docs/reference/hooks.md from the hook specs and from the classes that hooks are given and answer with.

Run `uv run scripts/generate_hooks_reference.py` after changing `src/dstream_core/hookspecs` or `src/dstream_core/api`;
`--check` says by its exit code whether the page is fresh.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from dstream_core import api
from dstream_core.hookspecs import discovery, lifecycle

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "hooks.md"

INTRODUCTION = """\
# Hooks

<!-- Written by scripts/generate_hooks_reference.py from the hook specs; change them, not this page. -->

A provider in Python is a set of functions marked with `@hookimpl` from `dstream_core.api`. How to write one is told in
[write a provider](../how-to/write-a-provider.md); this page lists every hook, and what hooks are given and answer with. A
hook takes the arguments named here, or fewer. One with another name, or with other arguments, is refused.
"""

DISCOVERY = """\
## Of a plugin module

The entry point in the group `dstream.providers` names a module with these hooks. They are called in the orchestrator for every
installed plugin, so the module imports nothing but `dstream_core.api`.
"""

LIFECYCLE = """\
## Of an implementation

The object that `RoleInfo.implementation` names carries these. They are called in a child process that holds this one
provider. Every one may be a coroutine function; an input may be an asynchronous generator.
"""

CLASSES = """\
## What hooks are given and answer with

All of it is imported from `dstream_core.api`.
"""

SHOWN: tuple[type[Any], ...] = (
    api.Context,
    api.InputContext,
    api.OutputContext,
    api.State,
    api.PositionKeeper,
    api.Log,
    api.Batch,
    api.ReceivedEnvelope,
    api.Envelope,
    api.Checkpoint,
    api.EncodedLines,
    api.Result,
    api.Resource,
    api.ProviderInfo,
    api.RoleInfo,
    api.CommandInfo,
)
"""The classes of the page, in its order; constructors of those that only the core makes are left out."""

MADE_BY_AUTHORS = (
    api.Envelope,
    api.Checkpoint,
    api.EncodedLines,
    api.Result,
    api.Resource,
    api.ProviderInfo,
    api.RoleInfo,
    api.CommandInfo,
)
SIGNATURE_LENGTH = 90
STARS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
NOT_FOR_AUTHORS = {"State.store", "State.close", "State.store_interval"}


def hooks_of(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The hook specs of a module in the order they are written."""
    return ((name, item) for name, item in vars(module).items() if hasattr(item, "dstream_spec"))


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION, DISCOVERY]
    parts += [_hook(name, function) for name, function in hooks_of(discovery)]
    parts.append(LIFECYCLE)
    parts += [_hook(name, function) for name, function in hooks_of(lifecycle)]
    parts.append(CLASSES)
    parts += [_class(each) for each in SHOWN]
    return "\n".join(parts)


def _hook(name: str, function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    return f"### `{name}`\n\n```python\ndef {name}{_plain(signature)}: ...\n```\n\n{_text(function.__doc__)}\n"


def _class(each: type[Any]) -> str:
    bases = [base.__name__ for base in each.__bases__ if base in SHOWN]
    title = f"### `{each.__name__}`" + (f", a `{bases[0]}`" if bases else "")
    parts = [title, ""]
    if each in MADE_BY_AUTHORS:
        fields = [_parameter(parameter) for parameter in inspect.signature(each).parameters.values()]
        parts += ["```python", f"class {each.__name__}:", *(f"    {field}" for field in fields), "```", ""]
    parts += [_text(_without_arguments(each)), ""]
    members = list(_members(each))
    if members:
        parts += ["| member | |", "|---|---|", *members, ""]
    return "\n".join(parts)


def _members(each: type[Any]) -> Iterator[str]:
    """Rows for the attributes, properties and methods that this class adds."""
    for name, text in _documented_attributes(each):
        yield f"| `{name}` | {_cell(text)} |"
    for name, member in vars(each).items():
        if name.startswith("_") or f"{each.__name__}.{name}" in NOT_FOR_AUTHORS:
            continue
        if isinstance(member, property):
            yield f"| `{name}` | {_cell(member.__doc__)} |"
        elif inspect.isfunction(member) or isinstance(member, classmethod):
            function = member.__func__ if isinstance(member, classmethod) else member
            yield f"| `{name}{_call(function)}` | {_cell(function.__doc__)} |"


def _documented_attributes(each: type[Any]) -> Iterator[tuple[str, str]]:
    """Attributes set in `__init__` that have a text behind them."""
    if "__init__" not in vars(each):
        return
    tree = ast.parse(textwrap.dedent(inspect.getsource(each)))
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name == "__init__":
            for statement, text in zip(function.body, function.body[1:], strict=False):
                name = _assigned(statement)
                if name and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                    yield name, str(text.value.value)


def _assigned(statement: ast.stmt) -> str | None:
    target: ast.expr | None = None
    if isinstance(statement, ast.Assign):
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    return target.attr if isinstance(target, ast.Attribute) and not target.attr.startswith("_") else None


def _call(function: Callable[..., Any]) -> str:
    """`(name, other=…)` without annotations."""
    shown = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in ("self", "cls"):
            continue
        star = STARS.get(parameter.kind, "")
        default = "" if parameter.default is inspect.Parameter.empty else f"={parameter.default!r}"
        shown.append(f"{star}{name}{default}")
    return f"({', '.join(shown)})"


def _plain(signature: inspect.Signature) -> str:
    """The signature with names instead of paths, over several lines if it is long."""
    parameters = [_parameter(each) for each in signature.parameters.values()]
    answer = signature.return_annotation
    behind = f" -> {_annotation(answer)}" if answer not in (inspect.Signature.empty, None, "None") else ""
    line = f"({', '.join(parameters)}){behind}"
    if len(line) <= SIGNATURE_LENGTH:
        return line
    return "(\n" + "".join(f"    {parameter},\n" for parameter in parameters) + f"){behind}"


def _parameter(parameter: inspect.Parameter) -> str:
    text = f"{parameter.name}: {_annotation(parameter.annotation)}"
    if parameter.default is inspect.Parameter.empty:
        return text
    default = "{}" if type(parameter.default).__name__ == "_HAS_DEFAULT_FACTORY_CLASS" else repr(parameter.default)
    return f"{text} = {default}"


def _annotation(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    if not isinstance(annotation, (str, type)):
        text = str(annotation)
    return re.sub(r"\b(?:dstream_core|collections|typing)[\w.]*\.", "", text)


def _without_arguments(each: type[Any]) -> str:
    text = inspect.cleandoc(each.__doc__ or "")
    return text.partition("\nArgs:")[0] if each not in MADE_BY_AUTHORS else text


def _text(docstring: str | None) -> str:
    """A Google-style docstring as Markdown: its sections as lists."""
    text = inspect.cleandoc(docstring or "")
    lines = []
    for paragraph in re.split(r"\n(?=(?:Attributes|Args|Returns|Raises):\n)", text):
        head, _, rest = paragraph.partition("\n")
        if head in ("Attributes:", "Args:", "Raises:"):
            lines.append(_items(textwrap.dedent(rest)))
        elif head == "Returns:":
            lines.append(f"Returns: {' '.join(textwrap.dedent(rest).split())}\n")
        else:
            lines.append(paragraph.strip() + "\n")
    return "\n".join(lines).strip()


def _items(text: str) -> str:
    entries = re.split(r"\n(?=\S)", text.strip())
    items = []
    for entry in entries:
        name, _, meaning = entry.partition(":")
        items.append(f"- `{name.strip()}`: {' '.join(meaning.split())}")
    return "\n".join(items) + "\n"


def _cell(docstring: str | None) -> str:
    text = re.sub(r"\n+- (`[^`]+`): ", r"<br>\1: ", _text(docstring))
    text = text.replace("\n\nReturns: ", "<br>Returns: ").replace("\nReturns: ", "<br>Returns: ")
    return " ".join(text.split()).replace("|", "\\|")


def main() -> int:
    """Writes the page, or compares it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if the page is stale")
    text = page()
    if parser.parse_args().check:
        return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
