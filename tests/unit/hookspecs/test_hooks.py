"""Each hook, called as the host calls it; a test per hook is demanded by test_reference.py."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pluggy
import pytest

from dstream_core.api import CommandInfo, Envelope, ProviderInfo, Result, RoleInfo, hookimpl
from dstream_core.api.markers import PROJECT
from dstream_core.errors import ConfigurationError, ProviderError
from dstream_core.hookspecs import discovery
from dstream_core.shim.hooks import Hooks
from dstream_core.shim.loading import announced_by

CONTEXT: Any = object()


class Everything:
    """Implements every hook of an implementation and keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    def answer(self, context: Any, text: str) -> Result:
        self.given.append(context)
        return Result(message=text)

    @hookimpl
    def dstream_open(self, context: Any) -> None:
        self.given.append(context)

    @hookimpl
    def dstream_run_input(self, context: Any) -> Iterator[Envelope]:
        self.given.append(context)
        yield Envelope({"n": 1})

    @hookimpl
    def dstream_run_output(self, context: Any) -> None:
        self.given.append(context)

    @hookimpl
    def dstream_init(self, context: Any) -> Result:
        return self.answer(context, "init")

    @hookimpl
    def dstream_plan(self, context: Any) -> Result:
        return self.answer(context, "plan")

    @hookimpl
    def dstream_status(self, context: Any) -> Result:
        return self.answer(context, "status")

    @hookimpl
    def dstream_destroy(self, context: Any) -> Result:
        return self.answer(context, "destroy")

    @hookimpl
    def dstream_discover(self, context: Any) -> Result:
        return self.answer(context, "discover")

    @hookimpl
    def dstream_check(self, context: Any) -> Result:
        return self.answer(context, "check")

    @hookimpl
    def dstream_state(self, context: Any) -> Result:
        return self.answer(context, "state")


@pytest.fixture
def implementation(monkeypatch: pytest.MonkeyPatch) -> Everything:
    module = ModuleType("implementation_under_test")
    everything = Everything()
    vars(module).update(everything=everything, Everything=Everything, nothing=object())
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return everything


def info(name: str = "everything") -> ProviderInfo:
    role = RoleInfo(f"implementation_under_test:{name}")
    return ProviderInfo("tested", "For a test", input=role, output=role)


@pytest.fixture
def hooks(implementation: Everything) -> Hooks:
    return Hooks(info(), "output")


def called(hooks: Hooks, implementation: Everything, name: str) -> Any:
    answer = hooks.call(name, CONTEXT)
    return answer, implementation.given


def test_dstream_open(hooks: Hooks, implementation: Everything) -> None:
    assert called(hooks, implementation, "dstream_open") == (None, [CONTEXT])


def test_dstream_run_input(implementation: Everything) -> None:
    hooks = Hooks(info(), "input")
    assert hooks.require("run") == "dstream_run_input"
    items = hooks.call("dstream_run_input", CONTEXT)
    assert implementation.given == []  # a generator: nothing runs before it is asked
    assert list(items) == [Envelope({"n": 1})]


def test_dstream_run_output(hooks: Hooks, implementation: Everything) -> None:
    assert hooks.require("run") == "dstream_run_output"
    assert called(hooks, implementation, "dstream_run_output") == (None, [CONTEXT])


def test_dstream_init(hooks: Hooks, implementation: Everything) -> None:
    assert called(hooks, implementation, hooks.require("init")) == (Result(message="init"), [CONTEXT])


def test_dstream_plan(hooks: Hooks, implementation: Everything) -> None:
    assert called(hooks, implementation, hooks.require("plan")) == (Result(message="plan"), [CONTEXT])


def test_dstream_status(hooks: Hooks, implementation: Everything) -> None:
    assert called(hooks, implementation, hooks.require("status")) == (Result(message="status"), [CONTEXT])


def test_dstream_destroy(hooks: Hooks, implementation: Everything) -> None:
    assert called(hooks, implementation, hooks.require("destroy")) == (Result(message="destroy"), [CONTEXT])


def test_dstream_discover(hooks: Hooks, implementation: Everything) -> None:
    assert called(hooks, implementation, hooks.require("discover")) == (Result(message="discover"), [CONTEXT])


def test_dstream_check(hooks: Hooks, implementation: Everything) -> None:
    assert called(hooks, implementation, hooks.require("check")) == (Result(message="check"), [CONTEXT])


def test_dstream_state(hooks: Hooks, implementation: Everything) -> None:
    assert called(hooks, implementation, hooks.require("state")) == (Result(message="state"), [CONTEXT])


def test_dstream_provider() -> None:
    class One:
        @hookimpl
        def dstream_provider(self) -> ProviderInfo:
            return info()

    class Two:
        @hookimpl
        def dstream_provider(self) -> list[ProviderInfo]:
            return [info(), info()]

    assert announced_by(One(), "one") == [info()]
    assert announced_by(Two(), "two") == [info(), info()]


@pytest.mark.parametrize("answer", [None, "text", [], [1], RuntimeError("on purpose")])
def test_dstream_provider_must_answer_with_providers(answer: Any) -> None:
    class Plugin:
        @hookimpl
        def dstream_provider(self) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

    with pytest.raises(ProviderError, match="plugin 'odd'") as caught:
        announced_by(Plugin(), "odd")
    assert caught.value.code == "provider/broken-plugin"


def test_dstream_commands() -> None:
    class Plugin:
        @hookimpl
        def dstream_commands(self) -> list[CommandInfo]:
            return [CommandInfo("sandbox", "package.module:app")]

    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(discovery)
    manager.register(Plugin())
    manager.check_pending()
    assert manager.hook.dstream_commands() == [[CommandInfo("sandbox", "package.module:app")]]


def test_a_misspelt_hook_of_a_plugin_is_an_error() -> None:
    class Plugin:
        @hookimpl
        def dstream_providers(self) -> None: ...

    with pytest.raises(ProviderError, match="dstream_providers"):
        announced_by(Plugin(), "misspelt")


def test_a_class_is_instantiated(implementation: Everything) -> None:
    assert Hooks(info("Everything"), "input").call("dstream_init", CONTEXT) == Result(message="init")


@pytest.mark.usefixtures("implementation")
def test_a_verb_without_a_hook_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match="tested is an input provider and has no infrastructure to init"):
        Hooks(info("nothing"), "input").require("init")


@pytest.mark.parametrize(
    "make",
    [
        lambda: ProviderInfo("Not An ID", "x", input=RoleInfo("a.b:C")),
        lambda: ProviderInfo("neither", "x"),
        lambda: RoleInfo("a/b.py"),
        lambda: RoleInfo("a.b:C", options="a b"),
        lambda: RoleInfo("a.b:C", verbs=("run", "fly")),
    ],
)
def test_a_provider_that_cannot_be_is_refused_where_it_is_written(make: Callable[[], object]) -> None:
    with pytest.raises(ProviderError) as caught:
        make()
    assert caught.value.code == "provider/info"
