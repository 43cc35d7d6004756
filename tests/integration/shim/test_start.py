"""From the command line to `ready`, or to a refusal that says what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dstream_core.protocol.handshake import Ready
from dstream_core.protocol.manifest import decode_manifest
from dstream_core.testing import ProviderProcess

Start = Callable[..., ProviderProcess]


def run(environment: dict[str, str], *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "dstream_core.shim", *arguments]
    return subprocess.run(command, input=stdin, env=os.environ | environment, capture_output=True, timeout=30)


def refusal(done: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    (line,) = done.stdout.splitlines()
    document: dict[str, Any] = json.loads(line)
    assert document["status"] == "error"
    return document


def test_a_stdin_that_ends_before_any_line_means_do_nothing(environment: dict[str, str]) -> None:
    done = run(environment, "probe")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_stdin_closed_altogether_means_do_nothing(environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m dstream_core.shim probe <&- >&-"],
        env=os.environ | environment,
        capture_output=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_ready_says_protocol_role_and_capabilities(start: Start) -> None:
    with start("output", mode="count") as provider:
        assert provider.wait_ready() == Ready(1, "output", frozenset({"ack"}))


def test_a_command_line_may_be_longer_than_any_buffer(start: Start) -> None:
    with start("input", count=1, session={"arguments": {"padding": "x" * 5_000_000}}) as provider:
        provider.wait_ready()
        assert provider.envelopes(1)[0]["data"] == {"n": 1}


@pytest.mark.parametrize("line", [b"nonsense\n", b"[1]\n", b'{"command":"jump"}\n', b'{"a":'])
def test_a_command_line_that_is_none_is_refused(environment: dict[str, str], line: bytes) -> None:
    done = run(environment, "probe", stdin=line)
    assert done.returncode == 2
    assert refusal(done)["message"]


def test_another_protocol_is_refused(environment: dict[str, str]) -> None:
    line = b'{"command":"run","config":{},"dstream":{"protocol":2,"role":"input"}}\n'
    done = run(environment, "probe", stdin=line)
    assert (done.returncode, refusal(done)["code"]) == (2, "protocol/version")


def test_describe_prints_the_manifest_and_nothing_else(start: Start) -> None:
    with start("input", verb="describe", older=True, config={}) as provider:
        (line,) = provider.read_rest()
        assert provider.wait() == 0
    manifest = decode_manifest(line, "describe")
    assert (manifest.name, manifest.version, manifest.protocol) == ("probe", "4.2", 1)
    assert manifest.roles == ("input", "output")
    assert manifest.commands is not None
    assert manifest.commands["input"] == ("run", "discover", "check")
    assert manifest.config_schema is not None
    assert manifest.config_schema["output"]["properties"]["password"]["anyOf"][0]["writeOnly"] is True


def test_the_role_comes_from_the_session_then_from_what_there_is_then_from_the_argument(
    environment: dict[str, str], start: Start
) -> None:
    with start("output", mode="count", arguments=("--role", "input")) as provider:
        assert provider.wait_ready().role == "output"
    done = run(environment, "probe", stdin=b"{}\n")
    assert (done.returncode, refusal(done)["code"]) == (2, "provider/which-role")
    done = run(environment | {"DSTREAM_STATE_DIR": "/nonexistent"}, "source", stdin=b'{"mode":"nothing"}\n')
    assert json.loads(done.stdout)["role"] == "input"
    done = run(environment, "probe", "--role", "input", stdin=b'{"mode":"nothing"}\n')
    assert json.loads(done.stdout)["role"] == "input"


def test_a_role_that_the_provider_has_not_is_refused(start: Start) -> None:
    with start("output", provider="source") as provider:
        assert "source is an input provider and cannot be used as an output" in provider.refusal().message
        assert provider.wait() == 2


@pytest.mark.parametrize("arguments", [(), ("--help",), ("probe", "--help"), ("probe", "--role"), ("probe", "x")])
def test_usage(environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    done = run(environment, *arguments)
    assert done.returncode == (0 if "--help" in arguments else 2)
    assert b"usage: " in done.stdout + done.stderr


def test_an_unknown_id_names_the_nearest_and_what_is_broken(environment: dict[str, str]) -> None:
    done = run(environment, "prob", stdin=b"{}\n")
    document = refusal(done)
    assert done.returncode == 2
    assert "did you mean 'probe'?" in document["hint"]
    assert "shimbroken" in document["hint"]
    assert "broken on purpose" in document["hint"]


def test_a_broken_plugin_does_not_break_another(start: Start) -> None:
    with start("input", provider="free", config={}) as provider:
        provider.wait_ready()


def test_a_broken_plugin_of_that_name_says_why(environment: dict[str, str]) -> None:
    done = run(environment, "broken", stdin=b"{}\n")
    assert done.returncode == 1
    assert "RuntimeError: broken on purpose" in refusal(done)["message"]


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ("misspelt", "dstream_run_inputs"),
        ("missing", "has no Missing"),
        ("unlike", "settings"),
    ],
)
def test_an_implementation_that_does_not_fit_is_refused(start: Start, provider: str, said: str) -> None:
    with start("input", provider=provider, config={}) as process:
        assert said in process.refusal().message
        assert process.wait() == 1


def test_an_executable_of_a_distribution_is_the_same_thing(environment: dict[str, str], tmp_path: Path) -> None:
    script = "import sys; from shimtest_plugin import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=b'{"count": 2}',
        env=os.environ | environment | {"DSTREAM_STATE_DIR": str(tmp_path / "state")},
        capture_output=True,
        timeout=30,
    )
    ready, *lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert json.loads(ready)["role"] == "input"
    assert [json.loads(line)["data"] for line in lines] == [{"n": 1}, {"n": 2}]


def test_options_are_refused_with_their_paths_and_without_values(start: Start) -> None:
    secret = "hunter22-" * 3
    config = {"mod": "x", "count": -1, "password": 17_171_717, "nested": {"maxSize": secret}, "pause": secret}
    with start("input", config=config) as provider:
        refused = provider.refusal()
        provider.close_stdin()
        assert provider.wait() == 2
        seen = provider.stderr + repr(refused)
    problems = {tuple(problem["path"]): problem for problem in refused.problems}
    assert set(problems) == {("mod",), ("count",), ("password",), ("nested", "maxSize"), ("pause",)}
    assert problems[("mod",)]["hint"] == "did you mean `mode`?"
    assert secret not in seen
    assert "17171717" not in seen


def test_option_names_may_be_written_as_the_originals_users_do(start: Start) -> None:
    with start("input", config={"Mode": "count", "COUNT": 1, "nested": {"maxSize": 2}}) as provider:
        provider.wait_ready()
        assert len(provider.envelopes(1)) == 1


def test_options_without_a_model_are_a_dict(start: Start) -> None:
    config = {"a": 12345678901234567890123, "b": 0.5, "c": {"d": [1.5, "x", None, True]}}
    with start("input", provider="free", config=config) as provider:
        provider.wait_ready()
        (envelope,) = provider.envelopes(1)
    assert json.loads(json.dumps(envelope["data"]["options"], default=float)) == config


@pytest.mark.parametrize(
    ("mode", "code", "said"), [("open-temporary", 75, "the server is away"), ("open-bug", 1, "KeyError")]
)
def test_a_failure_before_ready_is_a_refusal(start: Start, mode: str, code: int, said: str) -> None:
    with start("input", mode=mode) as provider:
        assert said in provider.refusal().message
        assert provider.wait() == code
        assert ("Traceback" in provider.stderr) is (code == 1)
