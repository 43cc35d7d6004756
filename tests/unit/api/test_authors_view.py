"""What an author sees: the example in the package's text works, importing costs little, log and screen behave."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dstream_core import api
from dstream_core.api import Checkpoint, Envelope
from dstream_core.api.context import Context
from dstream_core.api.log import Log
from dstream_core.api.stopping import StopSignal
from dstream_core.protocol.command import Session
from dstream_core.testing import run_input, run_output

EXAMPLES = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", api.__doc__ or "", re.DOTALL))


def executed(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType(name.removesuffix(".py").replace("/", "."))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(EXAMPLES[name], name, "exec"), vars(module))
    return module


def test_the_example_of_the_package_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    module = executed("dstream_ticker/provider.py", monkeypatch)
    items = run_input(module.Ticker(), module.TickerOptions(count=4), positions={"": 1})
    assert items == [Envelope({"value": number}, position=number) for number in (2, 3, 4)]
    delivered = run_output(module.Screen(), [{"data": {"value": 7}}, {"data": 8}])
    assert (delivered.acknowledged, delivered.unacknowledged) == (2, 0)
    assert delivered.text == "1: {'value': 7}\n2: 8\n"


def test_the_examples_plugin_announces_it(monkeypatch: pytest.MonkeyPatch) -> None:
    module = executed("dstream_ticker/plugin.py", monkeypatch)
    info = module.dstream_provider()
    assert (info.id, info.roles) == ("ticker", ("input",))
    assert callable(module.main)


@pytest.mark.parametrize("name", ["Ticker", "Screen"])
def test_a_complete_typed_input_or_output_is_at_most_15_lines(name: str) -> None:
    text = EXAMPLES["dstream_ticker/provider.py"]
    imports = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    wanted = {name, "TickerOptions"} if name == "Ticker" else {name}
    classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and node.name in wanted]
    assert len(classes) == len(wanted)
    assert len(imports) + sum((node.end_lineno or 0) - node.lineno + 1 for node in classes) <= 15


def test_all_that_authors_are_promised_is_there() -> None:
    promised = [
        "NOT_SECRET",
        "Batch",
        "Checkpoint",
        "CommandInfo",
        "ConfigurationError",
        "Context",
        "DStreamError",
        "Envelope",
        "InputContext",
        "Log",
        "OutputContext",
        "ProviderError",
        "ProviderInfo",
        "ReceivedEnvelope",
        "Resource",
        "Result",
        "RoleInfo",
        "State",
        "TemporaryError",
        "executable",
        "hookimpl",
    ]
    assert set(promised) <= set(api.__all__)
    assert all(hasattr(api, name) for name in api.__all__)


def test_importing_the_api_loads_nothing_heavy() -> None:
    heavy = [
        "pydantic",
        "rich",
        "typer",
        "asyncio",
        "socket",
        "ssl",
        "importlib.metadata",
        "importlib_metadata",
        "email",
    ]
    script = f"import sys, dstream_core.api; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def records(log_file: Path) -> list[Any]:
    return [json.loads(line) for line in log_file.read_bytes().splitlines()]


def test_log_records_are_control_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    log = Log(structured=True, descriptor=descriptor)
    log.info("read %d rows of %s", 3, "Orders", table="Orders", at={"lsn": b"\x01"}, rate=float("nan"))
    log.warning("100%")
    log.error("wrong %d", "x")
    log.debug("odd \ud800\nline")
    log.progress({"lag": 1.5})
    os.close(descriptor)
    first, *others, progress = [record["$dstream"] for record in records(path)]
    assert first["log"] == {
        "table": "Orders",
        "at": {"lsn": "b'\\x01'"},
        "rate": "nan",
        "level": "info",
        "message": "read 3 rows of Orders",
    }
    assert [item["log"]["level"] for item in others] == ["warning", "error", "debug"]
    assert others[0]["log"]["message"] == "100%"
    assert progress == {"progress": {"lag": 1.5}}


def test_by_hand_the_log_is_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    Log(structured=False, descriptor=descriptor).info("read %d", 3, table="Orders")
    os.close(descriptor)
    assert path.read_text() == "info: read 3 table=Orders\n"


def test_a_log_that_nobody_reads_does_not_end_the_work() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    Log(structured=True, descriptor=writer).error("nobody hears this")
    os.close(writer)


def context(stop: StopSignal) -> Context[None]:
    session = Session(role="output", task="t", state_dir="/x", consent=("install",), arguments={"destroy": True})
    return Context("p", "plan", session, None, Log(structured=False), stop)


def test_what_a_context_tells() -> None:
    told = context(StopSignal())
    assert (told.provider, told.task, told.role, told.verb) == ("p", "t", "output", "plan")
    assert told.consent == {"install"}
    assert told.arguments == {"destroy": True}
    assert told.state_dir == Path("/x")
    assert told.source is None


def test_a_wait_ends_early_when_asked_to_stop() -> None:
    stop = StopSignal()
    told = context(stop)
    assert told.wait(0) is False
    threading.Timer(0.05, stop.set).start()
    began = time.monotonic()
    assert told.wait(30) is True
    assert told.wait(30) is True
    assert time.monotonic() - began < 5
    assert told.stopping


def test_an_asynchronous_wait_does_so_too() -> None:
    stop = StopSignal()
    told = context(stop)

    async def main() -> tuple[bool, bool, bool]:
        first = await told.wait_async(0.01)
        threading.Timer(0.05, stop.set).start()
        second = await told.wait_async(30)
        return first, second, await told.wait_async(30)

    assert asyncio.run(main()) == (False, True, True)


def test_callbacks_of_a_stop_are_called_once() -> None:
    stop, called = StopSignal(), []
    stop.on_stop(lambda: called.append("kept"))
    stop.on_stop(lambda: called.append("forgotten"))()
    stop.set()
    stop.set()
    stop.on_stop(lambda: called.append("late"))
    assert called == ["kept", "late"]


def test_checkpoints_and_envelopes_are_plain_values() -> None:
    assert Checkpoint(7) == Checkpoint(position=7, partition="")
    assert Envelope({"a": 1}) == Envelope(data={"a": 1}, metadata=None, position=None, partition="")
