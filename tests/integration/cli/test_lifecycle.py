"""plan, init, status and destroy through the installed command, with and without a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from terminal import on_terminal

FILE = """
    task "t" {
      input {
        provider = "counter"
        config {
          max_count = 3
        }
      }
      output {
        provider = "file"
        config {
          path = "made/by/init/records.jsonl"
        }
      }
    }
"""

MADE = """
    task "t" {
      input {
        provider = "counter"
      }
      output {
        provider = "./out"
      }
    }
"""

LIFECYCLE = ["run", "init", "plan", "status", "destroy"]
DELETES = json.dumps(
    {
        "status": "Success",
        "resources": [
            {"id": "q1", "type": "queue", "name": "Orders", "action": "replace", "before": {"n": 1}, "after": {"n": 2}},
            {"id": "q2", "type": "queue", "name": "Old", "action": "delete"},
            {"id": "q3", "type": "queue", "name": "Same", "action": "same"},
        ],
    }
)


@pytest.fixture
def terminal(dstream, tmp_path: Path) -> Callable[..., tuple[str, int]]:
    """`terminal(["n"], "destroy", "t")`: the command on a terminal, with answers."""
    program = str(Path(sys.executable).with_name("dstream"))

    def run(answers: list[str], *arguments: str) -> tuple[str, int]:
        return on_terminal([program, *arguments], tmp_path, dstream.environment | {"NO_COLOR": "1"}, answers)

    return run


@pytest.fixture
def made(dstream, provider_file, child) -> Callable[..., None]:
    """`made("--needs", "delete")`: the task's output is tests/children/lifecycle.py with these arguments."""

    def write(*arguments: str, commands: list[str] | None = None) -> None:
        dstream.write(MADE)
        provider_file("out", child("lifecycle.py", *arguments), roles=["output"], commands=commands or LIFECYCLE)

    return write


def test_plan_init_status_destroy(dstream, tmp_path: Path) -> None:
    """Invariant 9: each twice changes nothing the second time."""
    dstream.write(FILE)
    plan = dstream("plan", "t", "--detailed-exitcode")
    assert plan.code == 2
    assert "  + directory" in plan.out
    assert plan.out.splitlines()[-1].startswith("Plan: ")
    assert dstream("init", "t").code == 0
    assert (tmp_path / "made/by/init").is_dir()
    assert dstream("plan", "t", "--detailed-exitcode").code == 0
    assert "0 created" in dstream("init", "t").out
    assert "exists" in dstream("status", "t").out
    undo = dstream("plan", "t", "--destroy", "--detailed-exitcode")
    assert (undo.code, "  - directory" in undo.out) == (2, True)
    assert dstream("destroy", "t").code == 0
    assert not (tmp_path / "made/by/init").exists()
    assert dstream("destroy", "t").code == 0


def test_json_is_what_the_provider_answered_with_counts(dstream) -> None:
    dstream.write(FILE)
    document = json.loads(dstream("plan", "t", "--json").out)
    assert document["verb"] == "plan"
    assert document["changes"]["create"] >= 1
    assert document["resources"][0]["action"] == "create"
    assert json.loads(dstream("--json", "init", "t").out)["verb"] == "init"
    assert json.loads(dstream("status", "t", "--json").out)["resources"]


def test_every_error_is_1_with_detailed_exitcode(dstream) -> None:
    dstream.write(FILE)
    assert dstream("plan", "missing").code == 2
    assert dstream("plan", "missing", "--detailed-exitcode").code == 1


def test_a_plan_reads_like_terraforms(dstream, made) -> None:
    made("--result", DELETES)
    done = dstream("plan", "t")
    assert done.out.splitlines() == [
        "-/+ queue Orders",
        "      n = 1 -> 2",
        "  - queue Old",
        "",
        "Plan: 1 to create, 0 to update, 2 to delete, 1 unchanged.",
    ]


def test_a_verb_that_the_output_lacks(dstream, made) -> None:
    made(commands=["run"])
    done = dstream("init", "t")
    assert done.code == 2
    assert "./out is an output provider and has no infrastructure to init" in done.err
    assert "dstream.hcl:7:" in done.err


def test_without_a_terminal_init_and_destroy_proceed(dstream, made) -> None:
    made("--result", DELETES)
    assert dstream("init", "t").code == 0
    assert dstream("destroy", "t").code == 0


@pytest.mark.parametrize("verb", ["init", "destroy"])
def test_without_a_terminal_a_need_is_refused_and_named(dstream, made, verb: str) -> None:
    made("--needs", "delete")
    done = dstream(verb, "t")
    assert done.code == 2
    assert "needs your consent to delete" in done.err
    assert "--yes" in done.err
    assert dstream(verb, "t", "--yes").code == 0


def test_on_a_terminal_init_shows_what_would_be_lost_and_asks(made, terminal) -> None:
    made("--result", DELETES)
    shown, code = terminal(["n"], "init", "t")
    assert code == 1
    assert "  - queue Old" in shown
    assert "delete and replace" in shown
    assert "nothing was changed" in shown
    assert terminal(["y"], "init", "t")[1] == 0
    shown, code = terminal([], "init", "t", "--yes")
    assert (code, "[y/N]" in shown) == (0, False)


def test_on_a_terminal_init_does_not_ask_if_nothing_is_lost(dstream, terminal) -> None:
    dstream.write(FILE)
    shown, code = terminal([], "init", "t")
    assert (code, "[y/N]" in shown) == (0, False)


def test_on_a_terminal_destroy_shows_its_plan_and_asks(dstream, terminal, tmp_path: Path) -> None:
    dstream.write(FILE)
    assert dstream("init", "t").code == 0
    shown, code = terminal(["n"], "destroy", "t")
    assert (code, "  - directory" in shown) == (1, True)
    assert (tmp_path / "made/by/init").is_dir()
    assert terminal(["yes"], "destroy", "t")[1] == 0
    assert not (tmp_path / "made/by/init").exists()


def test_on_a_terminal_a_need_is_asked_for(made, terminal) -> None:
    made("--needs", "install", commands=["run", "init"])
    shown, code = terminal(["y"], "init", "t")
    assert (code, "installing something" in shown) == (0, True)
    assert terminal(["n"], "init", "t")[1] == 1


def test_an_older_output_is_asked_as_it_always_was(dstream, provider_file, child) -> None:
    dstream.write(MADE)
    result = '{"status":"Success","resources":["queue-1"],"message":"made"}'
    provider_file("out", child("lifecycle.py", "--older", "--echo", "--result", result), roles=None)
    done = dstream("init", "t", "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert document["metadata"] == {"command": "init", "config": {}}
    assert document["resources"] == ["queue-1"]


def test_what_the_input_reads_goes_to_the_output(dstream, provider_file, child) -> None:
    """`source` for init, plan and status; never for destroy."""
    source = {"server": "s", "tables": [{"schema": "dbo", "name": "Orders"}]}
    answer = json.dumps({"status": "Success", "source": source})
    provider_file("in", child("lifecycle.py", "--role", "input", "--result", answer), commands=["run", "discover"])
    provider_file("out", child("lifecycle.py", "--echo"), roles=["output"], commands=LIFECYCLE)
    dstream.write(MADE.replace('"counter"', '"./in"'))
    for verb in ("init", "plan", "status"):
        told = json.loads(dstream(verb, "t", "--json").out)["metadata"]["dstream"]
        assert told["source"] == source, verb
    for arguments in (["destroy", "t"], ["plan", "t", "--destroy"]):
        told = json.loads(dstream(*arguments, "--json").out)["metadata"]["dstream"]
        assert "source" not in told, arguments
    assert told["arguments"] == {"destroy": True}
    assert json.loads(dstream("discover", "t", "--json").out) == source


def test_tables_of_the_options_stand_in_for_discover(dstream, made) -> None:
    made("--echo")
    dstream.write(MADE.replace('provider = "counter"', 'provider = "./in"\nconfig { tables = ["dbo.Orders", "T"] }'))
    dstream.write("#!/bin/sh\n", "in").chmod(0o755)
    told = json.loads(dstream("plan", "t", "--json").out)["metadata"]["dstream"]
    assert told["source"] == {"tables": [{"schema": "dbo", "name": "Orders"}, {"name": "T"}]}


def test_a_discover_that_fails(dstream, provider_file, child) -> None:
    """It fails plan with its message and exit code; status goes on and says so; destroy does not ask."""
    failed = '{"status":"Failed","error":"the server is away"}'
    provider_file(
        "in",
        child("lifecycle.py", "--role", "input", "--result", failed, "--exit", 75),
        commands=["run", "discover"],
    )
    provider_file("out", child("lifecycle.py"), roles=["output"], commands=LIFECYCLE)
    dstream.write(MADE.replace('"counter"', '"./in"'))
    plan = dstream("plan", "t")
    assert (plan.code, "the server is away" in plan.err) == (75, True)
    status = dstream("status", "t")
    assert (status.code, "the server is away" in status.err) == (0, True)
    assert dstream("destroy", "t").code == 0


def test_a_failed_verb_shows_what_it_did_before(dstream, made) -> None:
    failed = {
        "status": "Failed",
        "error": "quota exceeded",
        "resources": [{"id": "q1", "type": "queue", "name": "Orders", "action": "create"}],
    }
    made("--result", json.dumps(failed), "--exit", "1")
    done = dstream("init", "t")
    assert done.code == 1
    assert "quota exceeded" in done.err
    assert "  + queue Orders" in done.err


def test_destroy_works_without_the_input_being_installed(dstream, made) -> None:
    made()
    dstream.write(MADE.replace('"counter"', '"not-installed"'))
    assert dstream("init", "t").code == 2
    assert dstream("destroy", "t").code == 0


def test_check_asks_both(dstream, tmp_path: Path) -> None:
    dstream.write(FILE)
    done = dstream("check", "t")
    assert done.code == 0, done.err
    assert [line.split()[:3] for line in done.out.splitlines()[1:]] == [
        ["input", "counter", "ok"],
        ["output", "file", "ok"],
    ]
    document = json.loads(dstream("check", "t", "--json").out)
    assert document["ok"] is True
    dstream.write(FILE.replace("max_count = 3", "max_count = -3"))
    assert dstream("check", "t").code == 2


def test_what_a_check_found_is_shown_line_by_line(dstream, provider_file, child) -> None:
    found = {
        "status": "Success",
        "resources": [],
        "healthy": False,
        "message": "2 things are wrong\nerror: a — DO this;\nerror: b",
    }
    program = child("lifecycle.py", "--role", "input", "--result", json.dumps(found))
    provider_file("in", program, commands=["run", "check"])
    dstream.write(FILE.replace('"counter"', '"./in"'))
    done = dstream("check", "t")
    assert done.code == 1, done.err
    first, *more = done.out.splitlines()[1:]
    assert first.split() == ["input", "./in", "failed", "2", "things", "are", "wrong"]
    assert more[-2:] == ["input: error: a — DO this;", "input: error: b"]


def test_a_check_that_fails_shows_what_to_do(dstream, provider_file, child) -> None:
    failed = {"status": "Failed", "error": "the server is away", "hint": "start it:\nSTART;", "resources": []}
    program = child("lifecycle.py", "--role", "input", "--result", json.dumps(failed), "--exit", "75")
    provider_file("in", program, commands=["run", "check"])
    dstream.write(FILE.replace('"counter"', '"./in"'))
    done = dstream("check", "t")
    assert done.code == 75
    assert "the server is away" in done.out
    said = json.loads(dstream("check", "t", "--json").out)["providers"][0]
    assert (said["ok"], said["code"] is None) == (False, False)
