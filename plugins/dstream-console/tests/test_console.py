"""The console: what it shows, and that it acknowledges."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dstream_console.config import ConsoleOptions
from dstream_console.provider import Console
from dstream_console.render import printable
from dstream_core.testing import ProviderProcess, Subject, conformance_checks, run_output

COMMAND = [Path(sys.executable).with_name("dstream-console")]
LINES: list[Any] = [
    b'{"data":{"id":1,"name":"Gr\xc3\xbcn","n":12345678901234567890123,"x":1.50},"metadata":{"TableName":"T"}}',
    b'{"data":{"id":22,"name":null,"n":[1,{"a":2.0}],"x":true},"metadata":{"TableName":"T"}}',
    b'{"data":7}',
]


def shown(*lines: Any, **options: Any) -> list[str]:
    result = run_output(Console(), lines or LINES, ConsoleOptions(**options))
    assert result.unacknowledged == 0
    return result.text.splitlines()


def test_simple() -> None:
    assert shown() == [
        'Message #1: {"id":1,"name":"Grün","n":12345678901234567890123,"x":1.50}',
        'Message #2: {"id":22,"name":null,"n":[1,{"a":2.0}],"x":true}',
        "Message #3: 7",
    ]


def test_json() -> None:
    assert shown(output_format="json") == [line.decode() for line in LINES]


def test_structured() -> None:
    assert shown(output_format="structured") == [
        "Message #1",
        "  id                  1",
        "  name                Grün",
        "  n                   12345678901234567890123",
        "  x                   1.50",
        "  metadata.TableName  T",
        "Message #2",
        "  id                  22",
        "  name                ",
        '  n                   [1,{"a":2.0}]',
        "  x                   true",
        "  metadata.TableName  T",
        "Message #3",
        "  data  7",
    ]


def test_table() -> None:
    assert shown(output_format="table") == [
        "T",
        "id  name  n                        x",
        "--  ----  -----------------------  ----",
        "1   Grün  12345678901234567890123  1.50",
        '22        [1,{"a":2.0}]            true',
        "",
        "data",
        "----",
        "7",
    ]


def test_a_table_grows_and_cuts() -> None:
    lines = [{"data": {"a": "x"}}, {"data": {"a": "x" * 50, "b": 1}}, {"data": {"a": "y", "b": 22}}]
    assert shown(*lines, output_format="table") == [
        "a", "-", "x",
        "",
        "a                                         b",
        "----------------------------------------  -",
        "x" * 39 + "…  1",
        "y                                         22",
    ]  # fmt: skip


@pytest.mark.parametrize("output_format", ["simple", "json", "structured", "table"])
def test_control_characters_do_not_reach_the_terminal(output_format: str) -> None:
    line = '{"data":{"a\\u001b":"\\u001b[31m\u009b31m\\n"},"metadata":{"k\\u0007":"\\u0007"}}'.encode()
    text = "\n".join(shown(line, output_format=output_format))
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "\\u001b[31m\\u009b31m" in text


def test_printable() -> None:
    assert printable("Grün\x1b\x7f\u2028…") == "Grün\\u001b\\u007f\\u2028…"


def test_colours_only_when_the_orchestrator_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("DSTREAM_COLOR", "1")
    assert shown({"data": 1}) == ["\x1b[2mMessage #1:\x1b[0m 1"]
    monkeypatch.setenv("NO_COLOR", "1")
    assert shown({"data": 1}) == ["Message #1: 1"]


def test_options() -> None:
    assert ConsoleOptions(output_format="JSON").output_format == "json"  # type: ignore[arg-type]  as users write it
    with pytest.raises(ValidationError):
        ConsoleOptions(output_format="xml")  # type: ignore[arg-type]  that is the test


@pytest.mark.parametrize("check", conformance_checks("output"), ids=str)
def test_conformance(check: Any) -> None:
    check.run(Subject(COMMAND, "output"))


def test_text_and_acknowledgements_share_a_pipe(tmp_path: Path) -> None:
    with ProviderProcess(COMMAND, "output", {"outputFormat": "json"}) as provider:
        provider.wait_ready()
        provider.write(b'{"$dstream":{"ack":99},"data":1}\n')
        provider.send({"data": number} for number in range(2, 5001))
        assert provider.wait_ack(5000)[-1] == 5000
        texts = [line for line in provider.stdout[1:] if not line.startswith(b'{"$dstream"')]
        assert texts[0] == b' {"$dstream":{"ack":99},"data":1}'
        assert [json.loads(line)["data"] for line in texts] == list(range(1, 5001))
        provider.close_stdin()
        assert provider.wait() == 0


@pytest.mark.parametrize("verb", ["init", "plan", "status", "destroy", "check"])
def test_it_has_no_resources(verb: Any) -> None:
    with ProviderProcess(COMMAND, "output", verb=verb) as provider:
        provider.wait_ready()
        result = provider.result()
        assert (result["status"], result["resources"]) == ("Success", [])
        assert provider.wait() == 0
