"""The structure of a configuration file: which blocks it has, what may stand in them, what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dstream_core.config.diagnostics import Collector, failure, suggestion
from dstream_core.config.source import Source
from dstream_core.config.syntax import nodes
from dstream_core.config.syntax.nodes import Argument, Block, Body, Label
from dstream_core.errors import Place

PROVIDER_KINDS = ("provider", "provider_path", "provider_ref", "provider_image")
_BLOCK_ARGUMENTS = (*PROVIDER_KINDS, "config", "envelope", "start_timeout")
_OUTPUT_ARGUMENTS = ("on_reject", "max_rejects")
_TASK_ARGUMENTS = ("type", "description", "stop_timeout")
_VARIABLE_ARGUMENTS = ("type", "default", "description", "sensitive", "nullable")
_TOP_LEVEL = ("task", "locals", "variable", "dstream")


@dataclass(frozen=True)
class ProviderDeclaration:
    """An `input` or `output` block as written."""

    role: str
    block: Block = field(repr=False)
    arguments: dict[str, Argument] = field(repr=False)
    config_block: Block | None = field(repr=False)

    @property
    def reference(self) -> Argument | None:
        """The argument that names the provider."""
        return next((self.arguments[kind] for kind in PROVIDER_KINDS if kind in self.arguments), None)


@dataclass(frozen=True)
class TaskDeclaration:
    """A task as written: its name and place are known without evaluating anything.

    Attributes:
        name: the label.
        where: the place of the label.
        input: the input block; None if it is missing, which is an error of the file.
        output: the output block; None likewise.
        block: the syntax tree.
    """

    name: str
    where: Place
    input: ProviderDeclaration | None
    output: ProviderDeclaration | None
    block: Block = field(repr=False)

    @property
    def description(self) -> str | None:
        """The description, if it is a plain string."""
        return plain_text(self.block.body.arguments.get("description"))

    def provider(self, role: str) -> str | None:
        """How the provider of a role is named in the file, if by a plain string."""
        declared = self.input if role == "input" else self.output
        return plain_text(declared.reference) if declared else None


@dataclass
class Declarations:
    """All that a file declares."""

    tasks: dict[str, TaskDeclaration] = field(default_factory=dict)
    locals: dict[str, Argument] = field(default_factory=dict)
    variables: dict[str, Block] = field(default_factory=dict)
    settings: Block | None = None


def plain_text(argument: Argument | None) -> str | None:
    """The string that an argument is set to, if no template or reference is in it."""
    if argument is None or not isinstance(argument.value, nodes.Template):
        return None
    texts: list[Any] = [part.value for part in argument.value.parts if nodes.is_text(part)]
    return "".join(texts) if len(texts) == len(argument.value.parts) else None


def declare(source: Source, body: Body, collector: Collector) -> Declarations:
    """What a file declares; what is wrong with its structure goes to the collector."""
    return _Reader(source, collector).file(body)


class _Reader:
    def __init__(self, source: Source, collector: Collector):
        self.source = source
        self.collector = collector
        self.found = Declarations()
        self.locals_block: Block | None = None

    def fail(self, code: str, message: str, start: int, end: int, hint: str | None = None) -> None:
        with self.collector:
            raise failure(self.source, code, message, start, end, hint)

    def file(self, body: Body) -> Declarations:
        readers = {"task": self.task, "locals": self.locals, "variable": self.variable, "dstream": self.settings}
        for item in body.items:
            if isinstance(item, Argument):
                self.fail(
                    "config/unexpected-argument",
                    f'"{item.name}" cannot stand outside a block.',
                    item.start,
                    item.name_end,
                    "Values for use elsewhere stand in locals { … }, and are used as local.name.",
                )
            elif item.type in readers:
                readers[item.type](item)
            else:
                self.unknown("block", item.type, _TOP_LEVEL, item.start, item.type_end)
        return self.found

    def unknown(self, what: str, name: str, known: Iterable[str], start: int, end: int) -> None:
        self.fail(
            f"config/unknown-{what}",
            f'There is no {what} "{name}" here.',
            start,
            end,
            suggestion(name, known, listed=f"{what}s that can stand here"),
        )

    def no_labels(self, block: Block) -> None:
        if block.labels:
            first, last = block.labels[0], block.labels[-1]
            self.fail(
                "config/unexpected-label", f'A "{block.type}" block has no label.', first.start, last.end, "Remove it."
            )

    def label(self, block: Block, what: str) -> Label | None:
        """The one label that a block must have."""
        if len(block.labels) == 1 and block.labels[0].text:
            return block.labels[0]
        if len(block.labels) > 1:
            second = block.labels[1]
            self.fail("config/unexpected-label", f"A {what} has one name.", second.start, block.labels[-1].end)
        else:
            self.fail(
                "config/missing-name",
                f"This {what} has no name.",
                block.start,
                block.type_end,
                f'Write: {block.type} "name" {{',
            )
        return None

    def check(self, block: Block, arguments: Sequence[str], blocks: Sequence[str], told: Sequence[str] = ()) -> None:
        """Complain of every argument and block in the body that is not known; of arguments `told` nothing more."""
        for item in block.body.items:
            if isinstance(item, Argument) and item.name not in (*arguments, *told):
                if item.name in blocks:
                    self.fail(
                        "config/block-expected",
                        f'"{item.name}" is a block, not an argument.',
                        item.start,
                        item.name_end,
                        f'Write {item.name} {{ … }} without "=".',
                    )
                else:
                    self.unknown("argument", item.name, (*arguments, *blocks), item.start, item.name_end)
            elif isinstance(item, Block) and item.type not in blocks:
                if item.type in arguments:
                    self.fail(
                        "config/argument-expected",
                        f'"{item.type}" is an argument, not a block.',
                        item.start,
                        item.type_end,
                        f"Write {item.type} = …",
                    )
                else:
                    self.unknown("block", item.type, (*blocks, *arguments), item.start, item.type_end)

    def task(self, block: Block) -> None:
        label = self.label(block, "task")
        self.check(block, _TASK_ARGUMENTS, ("input", "output"))
        sides = {role: self.side(block, role) for role in ("input", "output")}
        if label is None:
            return
        if label.text in self.found.tasks:
            line = self.found.tasks[label.text].where.line
            self.fail(
                "config/duplicate-task",
                f'There already is a task "{label.text}", in line {line}.',
                label.start,
                label.end,
                "Give each task a name of its own.",
            )
            return
        where = self.source.place(label.start, label.end)
        self.found.tasks[label.text] = TaskDeclaration(label.text, where, sides["input"], sides["output"], block)

    def side(self, task: Block, role: str) -> ProviderDeclaration | None:
        """The one block of a role that a task must have."""
        blocks = [block for block in task.body.blocks if block.type == role]
        if not blocks:
            name = task.labels[0] if task.labels else task
            self.fail(
                f"config/missing-{role}",
                f"This task has no {role} block.",
                name.start,
                name.end,
                f'Write: {role} {{ provider = "…" }} on lines of its own.',
            )
            return None
        for extra in blocks[1:]:
            line, _ = self.source.position(blocks[0].start)
            self.fail(
                f"config/duplicate-{role}",
                f"This task already has an {role} block, in line {line}.",
                extra.start,
                extra.type_end,
                "A task has one input and one output.",
            )
        return self.provider(blocks[0], role)

    def provider(self, block: Block, role: str) -> ProviderDeclaration:
        self.no_labels(block)
        known = _BLOCK_ARGUMENTS + (_OUTPUT_ARGUMENTS if role == "output" else ())
        misplaced = [item for item in block.body.items if isinstance(item, Argument) and item.name in _OUTPUT_ARGUMENTS]
        if role == "input":
            for item in misplaced:
                self.fail(
                    "config/output-only",
                    f'"{item.name}" belongs to the output block.',
                    item.start,
                    item.name_end,
                    "The output decides what becomes of a line that it cannot deliver.",
                )
        self.check(block, known, ("config",), told=_OUTPUT_ARGUMENTS)
        arguments = block.body.arguments
        self.exactly_one_provider(block, arguments)
        return ProviderDeclaration(role, block, arguments, self.config_block(block, arguments))

    def exactly_one_provider(self, block: Block, arguments: dict[str, Argument]) -> None:
        given = [arguments[kind] for kind in PROVIDER_KINDS if kind in arguments]
        if not given:
            self.fail(
                "config/missing-provider",
                f"This {block.type} block names no provider.",
                block.start,
                block.type_end,
                f'Set one of {", ".join(PROVIDER_KINDS)}, such as provider = "counter".',
            )
        for extra in sorted(given, key=lambda item: item.start)[1:]:
            self.fail(
                "config/several-providers",
                f"This {block.type} block already names a provider.",
                extra.start,
                extra.name_end,
                f"Exactly one of {', '.join(PROVIDER_KINDS)} is needed.",
            )

    def config_block(self, block: Block, arguments: dict[str, Argument]) -> Block | None:
        blocks = [inner for inner in block.body.blocks if inner.type == "config"]
        first: Argument | Block | None = arguments.get("config") or (blocks[0] if blocks else None)
        for extra in blocks:
            self.no_labels(extra)
            if extra is not first and first is not None:
                line, _ = self.source.position(first.start)
                self.fail(
                    "config/duplicate-config",
                    f"This block already has its config, in line {line}.",
                    extra.start,
                    extra.type_end,
                    "Put everything into one config.",
                )
        return blocks[0] if blocks else None

    def locals(self, block: Block) -> None:
        self.no_labels(block)
        if self.locals_block is not None:
            line, _ = self.source.position(self.locals_block.start)
            self.fail(
                "config/duplicate-locals",
                f"There already is a locals block, in line {line}.",
                block.start,
                block.type_end,
                "Put all locals into one block.",
            )
            return
        self.locals_block = block
        for item in block.body.items:
            if isinstance(item, Argument):
                self.found.locals[item.name] = item
            else:
                self.fail(
                    "config/block-in-locals",
                    f'A block such as "{item.type}" cannot stand in locals.',
                    item.start,
                    item.type_end,
                    f"For an object write: {item.type} = {{ … }}",
                )

    def variable(self, block: Block) -> None:
        label = self.label(block, "variable")
        self.check(block, _VARIABLE_ARGUMENTS, ("validation",))
        for inner in block.body.blocks:
            if inner.type == "validation":
                self.validation(inner)
        if label is None:
            return
        if not label.text.replace("-", "_").isidentifier():
            self.fail(
                "variable/name",
                "A variable's name is made of letters, digits, _ and -, and begins with a letter.",
                label.start,
                label.end,
            )
        elif label.text in self.found.variables:
            line, _ = self.source.position(self.found.variables[label.text].start)
            self.fail(
                "variable/duplicate",
                f'There already is a variable "{label.text}", in line {line}.',
                label.start,
                label.end,
            )
        else:
            self.found.variables[label.text] = block

    def validation(self, block: Block) -> None:
        self.no_labels(block)
        self.check(block, ("condition", "error_message"), ())
        for name in ("condition", "error_message"):
            if name not in block.body.arguments:
                self.fail("variable/validation", f'This validation lacks "{name}".', block.start, block.type_end)

    def settings(self, block: Block) -> None:
        self.no_labels(block)
        if self.found.settings is not None:
            self.fail("config/duplicate-dstream", "There already is a dstream block.", block.start, block.type_end)
            return
        self.found.settings = block
        self.check(block, ("plugin_registry", "required_plugins"), ("required_plugins",))
