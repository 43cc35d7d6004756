"""The evaluation of tasks: provider blocks with their config, each value with its place and what it came from."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, cast

from dstream_core.config.declarations import ProviderDeclaration, TaskDeclaration
from dstream_core.config.diagnostics import Collector
from dstream_core.config.evaluate import Evaluator, Trace, texts_in
from dstream_core.config.model import (
    BlockSettings,
    ConfigPath,
    Provenance,
    ProviderBlock,
    ProviderKind,
    Task,
    TaskSettings,
)
from dstream_core.config.scope import ProjectScope
from dstream_core.config.settings import Settings
from dstream_core.config.source import Source
from dstream_core.config.syntax import nodes
from dstream_core.config.syntax.nodes import Argument, Block, Body, Expression
from dstream_core.config.values import NumberRangeError, Value, bounded, number_text, type_name, type_of
from dstream_core.config.values.numbers import is_integer
from dstream_core.errors import Place

_LEAST_DERIVED_TEXT, _LEAST_DERIVED_DIGITS = 3, 6
"""What is made of a sensitive value, such as its length, is masked from so many characters: less is found everywhere."""

_LEAST_SECRET = 8  # shorter environment values are words such as "prod" that would mask half a log


class ConfigReader:
    """Reads a `config`, written as block or as object, to plain data.

    Args:
        evaluator: for its expressions.
        collector: takes what is wrong; the rest is read all the same.
    """

    def __init__(self, evaluator: Evaluator, collector: Collector):
        self.evaluator = evaluator
        self.source = evaluator.source
        self.collector = collector
        self.places: dict[ConfigPath, Place] = {}
        self.name_places: dict[ConfigPath, Place] = {}
        self.provenance: dict[ConfigPath, Provenance] = {}
        self.trace = Trace()

    def body(self, body: Body, path: ConfigPath = ()) -> dict[str, Any]:
        """The values of a block's body; nested blocks become objects, repeated ones lists."""
        found: dict[str, Any] = {}
        repeated: dict[str, list[Block]] = {}
        for item in body.items:
            if isinstance(item, Argument):
                self.name_places[*path, item.name] = self.source.place(item.start, item.name_end)
                with self.collector:
                    found[item.name] = self.value(item.value, (*path, item.name))
            elif self._nests(item, found):
                repeated.setdefault(item.type, []).append(item)
        for name, blocks in repeated.items():
            self.name_places[*path, name] = self.source.place(blocks[0].start, blocks[0].type_end)
            self.places[*path, name] = self.source.place(blocks[0].start, blocks[0].type_end)
            if len(blocks) == 1:
                found[name] = self.body(blocks[0].body, (*path, name))
                continue
            found[name] = []
            for position, block in enumerate(blocks):
                self.places[*path, name, position] = self.source.place(block.start, block.type_end)
                found[name].append(self.body(block.body, (*path, name, position)))
        return found

    def _nests(self, block: Block, found: dict[str, Any]) -> bool:
        evaluator = self.evaluator
        with self.collector:
            if block.type == "dynamic" and block.labels:
                raise evaluator.fail(
                    "config/dynamic-block",
                    "There are no dynamic blocks.",
                    block.labels[0],
                    f"Write {block.labels[0].text} = [for x in list : {{ … }}].",
                )
            if block.labels:
                raise evaluator.fail(
                    "config/unexpected-label",
                    "A block inside config has no label.",
                    block.labels[0],
                    f"For an object in an object write: {block.type} = {{ {block.labels[0].text} = {{ … }} }}.",
                )
            if block.type in found:
                raise evaluator.fail(
                    "config/duplicate-argument",
                    f'"{block.type}" is already set here.',
                    nodes.Node(block.start, block.type_end),
                    "Set it once, as an argument or by blocks.",
                )
            return True
        return False

    def value(self, node: Expression, path: ConfigPath) -> Any:
        """The value of an expression; what is written as object or list is read item by item.

        Raises:
            DiagnosticsError: it has none. Items inside are left out when they fail, and the collector told.
        """
        self.places[path] = self.source.place(node.start, node.end)
        while isinstance(node, (nodes.Parentheses, nodes.Wrap)):
            node = node.inner
        if isinstance(node, nodes.TupleMaker):
            items: list[Any] = []
            for item in node.items:
                with self.collector:
                    items.append(self.value(item, (*path, len(items))))
            return items
        if isinstance(node, nodes.ObjectMaker):
            return self._object(node, path)
        with self.evaluator.tracing() as trace:
            value = self.evaluator.evaluate(node)
        self.trace.merge(trace)
        try:
            data = plain(value)
        except NumberRangeError as error:
            raise self.evaluator.fail("expression/number-range", f"This cannot be written: {error}.", node) from None
        except RecursionError:
            raise self.evaluator.fail("expression/too-deep", "This value is nested too deep.", node) from None
        if trace.environment or trace.marked:
            self._trace_leaves(data, path, trace)
        return data

    def _object(self, node: nodes.ObjectMaker, path: ConfigPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for item in node.items:
            with self.collector:
                with self.evaluator.tracing() as trace:
                    key = self.evaluator.key(item.key)
                self.trace.merge(trace)
                inner = (*path, key)
                if key in found:
                    self._forget(inner)
                self.name_places[inner] = self.source.place(item.key.start, item.key.end)
                found[key] = self.value(item.value, inner)
        return found

    def _forget(self, path: ConfigPath) -> None:
        """Drop what is known of a value, because a later item has the same key."""
        for known in (self.places, self.name_places, self.provenance):
            for old in [each for each in known if each[: len(path)] == path]:
                del known[old]

    def _trace_leaves(self, data: Any, path: ConfigPath, trace: Trace) -> None:
        if isinstance(data, dict) and data:
            for key, item in data.items():
                self._trace_leaves(item, (*path, key), trace)
        elif isinstance(data, list) and data:
            for position, item in enumerate(data):
                self._trace_leaves(item, (*path, position), trace)
        else:
            self.provenance[path] = provenance(trace, data)


def _least_derived(value: Any) -> int:
    return _LEAST_DERIVED_TEXT if isinstance(value, str) else _LEAST_DERIVED_DIGITS


def provenance(trace: Trace, value: Any) -> Provenance:
    """What one value came from, and the texts to mask for it."""
    secrets = {text for text in trace.private.values() if len(text) >= _LEAST_SECRET} | trace.sensitive
    if trace.marked:
        secrets |= {text for text in texts_in(value) if len(text) >= _least_derived(value)}
    elif trace.private and isinstance(value, str) and len(value) >= _LEAST_SECRET:
        secrets.add(value)
    return Provenance(frozenset(trace.environment), trace.marked, frozenset(secrets))


def plain(value: Value) -> Any:
    """A value as data for JSON: whole numbers as int, others as Decimal.

    Raises:
        NumberRangeError: a number is too large to be written.
    """
    if isinstance(value, Decimal):
        bounded(value)
        return int(value) if is_integer(value) else Decimal(number_text(value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def read_task(source: Source, scope: ProjectScope, declared: TaskDeclaration, collector: Collector) -> Task | None:
    """A task, evaluated; None if a block is missing or wrong, of which the collector is told."""
    evaluator = Evaluator(source, scope, scope.environment)
    settings = Settings(evaluator, declared.block.body.arguments, collector)
    _check_type(evaluator, declared.block.body.arguments.get("type"), collector)
    description = settings.text("description")
    stop_timeout = settings.seconds("stop_timeout", TaskSettings.stop_timeout)
    sides = [
        read_provider(source, scope, side, collector) if side is not None else None
        for side in (declared.input, declared.output)
    ]
    if sides[0] is None or sides[1] is None:
        return None
    return Task(declared.name, declared.where, sides[0], sides[1], description, TaskSettings(stop_timeout))


def _check_type(evaluator: Evaluator, argument: Argument | None, collector: Collector) -> None:
    if argument is None:
        return
    with collector:
        if evaluator.evaluate(argument.value) != "providers":
            raise evaluator.fail(
                "config/task-type", 'The only type of task is "providers".', argument.value, "It may be left out."
            )


def read_provider(
    source: Source, scope: ProjectScope, declared: ProviderDeclaration, collector: Collector
) -> ProviderBlock | None:
    """A provider block, evaluated; None if it names no provider."""
    evaluator = Evaluator(source, scope, scope.environment)
    reference = _reference(evaluator, declared, collector)
    settings = _block_settings(evaluator, declared, collector)
    reader = ConfigReader(evaluator, collector)
    config = _config(reader, declared, collector)
    evaluator.trace.merge(reader.trace)
    if reference is None or declared.reference is None:
        return None
    node = declared.reference.value
    return ProviderBlock(
        role=cast(Literal["input", "output"], declared.role),
        kind=reference[0],
        reference=reference[1],
        where=source.place(node.start, node.end),
        block_where=source.place(declared.block.start, declared.block.type_end),
        config=config,
        places=reader.places,
        name_places=reader.name_places,
        environment=frozenset(evaluator.trace.environment),
        provenance=reader.provenance,
        settings=settings,
    )


def _reference(
    evaluator: Evaluator, declared: ProviderDeclaration, collector: Collector
) -> tuple[ProviderKind, str] | None:
    argument = declared.reference
    if argument is None:
        return None
    with collector:
        value = evaluator.evaluate(argument.value)
        if not isinstance(value, str) or not value.strip():
            found = (
                "an empty string"
                if isinstance(value, str)
                else "null"
                if value is None
                else f"a {type_name(type_of(value))}"
            )
            raise evaluator.fail("config/provider", f'"{argument.name}" must be a string, not {found}.', argument.value)
        if "\0" in value:
            raise evaluator.fail("config/provider", f'"{argument.name}" holds a NUL character.', argument.value)
        if argument.name == "provider" and ("/" in value or "\\" in value or value.startswith(".")):
            return "provider_path", value
        return cast(ProviderKind, argument.name), value
    return None


def _block_settings(evaluator: Evaluator, declared: ProviderDeclaration, collector: Collector) -> BlockSettings:
    settings = Settings(evaluator, declared.arguments, collector)
    base = BlockSettings()
    envelope = settings.choice("envelope", ("command", "bare"), base.envelope)
    start_timeout = settings.seconds("start_timeout", base.start_timeout)
    on_reject = settings.choice("on_reject", ("dead_letter", "stop"), base.on_reject)
    max_rejects = settings.count("max_rejects", base.max_rejects)
    return BlockSettings(
        cast(Literal["command", "bare"], envelope),
        start_timeout,
        cast(Literal["dead_letter", "stop"], on_reject),
        max_rejects,
    )


def _config(reader: ConfigReader, declared: ProviderDeclaration, collector: Collector) -> dict[str, Any]:
    if declared.config_block is not None:
        block = declared.config_block
        reader.places[()] = reader.source.place(block.start, block.type_end)
        return reader.body(block.body)
    argument = declared.arguments.get("config")
    if argument is None:
        return {}
    with collector:
        value = reader.value(argument.value, ())
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise reader.evaluator.fail("config/config", '"config" must be an object.', argument.value)
        return value
    return {}


def check_settings(scope: ProjectScope, block: Block, collector: Collector) -> dict[str, Any]:
    """What a `dstream` block says; what is wrong with it goes to the collector."""
    evaluator = Evaluator(scope.source, scope, scope.environment)
    found = ConfigReader(evaluator, collector).body(block.body)
    registry = found.get("plugin_registry")
    if registry is not None and not isinstance(registry, str):
        with collector:
            raise evaluator.fail(
                "config/string", '"plugin_registry" must be a string.', block.body.arguments["plugin_registry"].value
            )
    return found
