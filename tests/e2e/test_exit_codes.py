"""Every exit code that a script can rely on, one row per situation, and what is said with it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SAYS = """
command = json.loads(sys.stdin.readline() or sys.exit(0))  # nothing was asked: nothing to do
config = command["config"]
verb = command["command"]
role = "ROLE"
older = "dstream" not in command
answer = config.get(verb, {})
print("talk of", role, file=sys.stderr)
if "refuse" in answer:
    print(json.dumps({"status": "error", "message": answer["refuse"]}))
    sys.exit(answer.get("code", 1))
if answer.get("silent"):
    sys.exit(answer["code"])
if not older:
    print(json.dumps({"status": "ready", "protocol": 1, "role": role, "capabilities": ["ack"]}), flush=True)
if answer.get("hang"):
    print("hanging", file=sys.stderr, flush=True)
    import time
    time.sleep(60)
if verb != "run":
    needs = [need for need in answer.get("needs", []) if need not in command["dstream"]["consent"]]
    status = "Failed" if answer.get("error") or needs else "Success"
    result = {"status": status, "resources": answer.get("resources", []), "error": answer.get("error"), "needs": needs,
              "healthy": answer.get("healthy")}
    print(json.dumps({name: value for name, value in result.items() if value not in (None, [])} | {"resources": []}
                     if not result["resources"] else result))
    sys.exit(answer.get("code", 1 if status == "Failed" else 0))
if role == "input":
    for number in range(answer.get("lines", 3)):
        print(json.dumps({"data": {"n": number}, "metadata": {}}))
    sys.stdout.flush()
    os.close(1)
    if not older:
        sys.stdin.read()
else:
    for number, line in enumerate(sys.stdin, 1):
        if not older and number <= answer.get("acks", 99):
            print(json.dumps({"$dstream": {"ack": number}}), flush=True)
        if number == answer.get("forge"):
            print(json.dumps({"$dstream": {"ack": number + 1000}}), flush=True)
if config.get("last_words"):
    print(json.dumps({"$dstream": {"log": {"level": "error", "message": config["last_words"]}}}), file=sys.stderr)
sys.exit(answer.get("code", 0))
"""
VERBS = {
    "input": ["run", "discover", "check"],
    "output": ["run", "init", "plan", "status", "destroy", "check"],
}


def block(program: str, config: dict[str, Any]) -> str:
    body = f"jsondecode({json.dumps(json.dumps(config))})"
    return f'    provider = "./{program}"\n    config = {body}'


@pytest.fixture
def shop(dstream) -> Callable[..., Any]:
    """`shop({"run": {"code": 75}}, {})`: a project whose input and output do what their options say."""

    def make(source: dict[str, Any], sink: dict[str, Any], *, older: bool = False) -> Any:
        for name, role in (("in", "input"), ("out", "output")):
            manifest = None if older else {"roles": [role], "commands": VERBS[role]}
            dstream.python(name, SAYS.replace("ROLE", role), manifest)
        text = dstream.task("t", block("in", source), block("out", sink))
        dstream.write(text.replace("{", '{\n  stop_timeout = "1s"', 1))
        return dstream

    return make


CREATE = [{"id": "a", "type": "queue", "action": "create"}]
SAME = [{"id": "a", "type": "queue", "action": "same"}]


@pytest.mark.parametrize(
    ("verb", "source", "sink", "code", "said"),
    [
        pytest.param("run t", {}, {}, 0, "3 records, 3 acknowledged", id="a run that ended"),
        pytest.param("run t", {"run": {"lines": 0}}, {}, 0, "0 records", id="a run without records"),
        pytest.param("run t", {"run": {"code": 1}}, {}, 1, "input provider ./in exited with code 1", id="input dies"),
        pytest.param(
            "run t", {}, {"run": {"code": 9}}, 1, "output provider ./out exited with code 9", id="output dies"
        ),
        pytest.param(
            "run t", {}, {"run": {"acks": 2}}, 1, "1 of 3 records were not acknowledged", id="not acknowledged"
        ),
        pytest.param("run t", {}, {"run": {"forge": 2}}, 1, "acknowledged", id="a forged acknowledgement"),
        pytest.param("run t", {"run": {"code": 2}}, {}, 2, "exited with code 2", id="input: configuration"),
        pytest.param("run t", {}, {"run": {"refuse": "no such table", "code": 2}}, 2, "no such table", id="refused 2"),
        pytest.param("run t", {"run": {"refuse": "busy", "code": 75}}, {}, 75, "./in: busy", id="refused 75"),
        pytest.param(
            "run t",
            {},
            {"last_words": "the broker restarts", "run": {"code": 75}},
            75,
            "error: output provider ./out: the broker restarts",
            id="a temporary failure in the middle",
        ),
        pytest.param("run t", {"discover": {"error": "gone", "code": 75}}, {}, 75, "gone", id="discover fails"),
        pytest.param("plan t", {}, {"plan": {"resources": CREATE}}, 0, "", id="plan"),
        pytest.param("plan t --detailed-exitcode", {}, {"plan": {"resources": SAME}}, 0, "", id="detailed: nothing"),
        pytest.param("plan t --detailed-exitcode", {}, {"plan": {"resources": CREATE}}, 2, "", id="detailed: changes"),
        pytest.param(
            "plan t --detailed-exitcode", {}, {"plan": {"refuse": "no", "code": 2}}, 1, "no", id="detailed: error"
        ),
        pytest.param("plan u --detailed-exitcode", {}, {}, 1, "u", id="detailed: no such task"),
        pytest.param("plan t --detailed-exitcode --nonsense", {}, {}, 1, "--nonsense", id="detailed: no such flag"),
        pytest.param("init t", {}, {"init": {"error": "quota", "code": 75}}, 75, "quota", id="init: temporary"),
        pytest.param("init t", {}, {"init": {"needs": ["delete"]}}, 2, "--yes", id="init needs consent"),
        pytest.param("init t --yes", {}, {"init": {"needs": ["delete"]}}, 0, "", id="init has consent"),
        pytest.param("destroy t", {}, {"destroy": {"needs": ["delete"]}}, 2, "--yes", id="destroy needs consent"),
        pytest.param("status t", {}, {"status": {"healthy": True}}, 0, "", id="healthy"),
        pytest.param("status t", {}, {"status": {"healthy": False}}, 1, "", id="unhealthy"),
        pytest.param("check t", {}, {"check": {"error": "no way", "code": 75}}, 75, "no way", id="check: temporary"),
        pytest.param("check t", {"check": {"healthy": False}}, {}, 1, "", id="check: unhealthy"),
        pytest.param("run nothing", {}, {}, 2, "nothing", id="no such task"),
        pytest.param("run t --config gone.hcl", {}, {}, 2, "gone.hcl", id="no such file"),
        pytest.param("frobnicate", {}, {}, 2, "frobnicate", id="no such verb"),
        pytest.param("run", {}, {}, 2, "TASK", id="no task given"),
        pytest.param("run t --var nothing=1", {}, {}, 2, "nothing", id="no such variable"),
        pytest.param("providers show nothing", {}, {}, 2, "nothing", id="no such provider"),
    ],
)
def test_the_code_of_each_situation(shop, verb: str, source: Any, sink: Any, code: int, said: str) -> None:
    done = shop(source, sink)(*verb.split())
    assert done.code == code, done.err
    assert done.says()
    assert said in (done.out if verb.startswith("check") else done.err)  # what a check found is its data
    assert code in (0, 1) or verb.startswith(("plan", "check")) or "error: " in done.err.lower()


@pytest.mark.parametrize("code", [2, 75])
def test_an_older_provider_can_only_fail(shop, code: int) -> None:
    """What 2 and 75 mean is agreed with version 1 only."""
    done = shop({"run": {"code": code}}, {}, older=True)("run", "t")
    assert done.code == 1
    assert done.says(f"input provider ./in exited with code {code}", "talk of input")


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ('task "t" {\n', "lint"),
        ("x = = 1\n", "run t"),
        ('task "t" {\n  input {\n    provider = "nothing"\n  }\n}\n', "plan t"),
    ],
)
def test_a_broken_file_is_2_for_every_verb_that_reads_it(dstream, text: str, verb: str) -> None:
    dstream.write(text)
    done = dstream(*verb.split())
    assert done.code == 2
    assert done.says("error: ", "dstream.hcl:", "^")


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_ctrl_c_while_a_provider_hangs_is_130(shop, verb: str) -> None:
    project = shop({}, {verb: {"hang": True}})
    process = project.start(verb, "t")
    assert process.stderr is not None
    while b"hanging" not in process.stderr.readline():
        pass
    done = project.end(process, signal.SIGINT)
    assert done.code == 130
    assert done.says("")


def test_ctrl_c_while_waiting_for_the_task_is_130(shop, wait_for) -> None:
    project = shop({}, {"run": {"hang": True}})
    first = project.start("run", "t")
    assert first.stderr is not None
    while b"hanging" not in first.stderr.readline():
        pass
    second = project.start("run", "t")
    wait_for(lambda: waits(second.pid), "the second run waits")
    assert project.end(second, signal.SIGINT).code == 130
    assert project.end(first, signal.SIGINT).code == 130


def waits(pid: int) -> bool:
    try:
        return any(str(link.readlink()).endswith("t.run.lock") for link in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def test_a_handled_error_has_no_traceback_unless_debug_is_asked_for(shop) -> None:
    project = shop({}, {"run": {"refuse": "no such table", "code": 2}})
    plain = project("run", "nothing")
    assert plain.says("error: ", "nothing")
    assert len(plain.err.splitlines()) <= 6, plain.err
    told = project("run", "nothing", "--log-level", "debug")
    assert told.code == 2
    assert "Traceback (most recent call last)" in told.err
    assert plain.err in told.err
    by_variable = project("run", "nothing", env={"DSTREAM_LOG_LEVEL": "debug"})
    assert "Traceback" in by_variable.err


BUGGY = """
from dstream_core.api import Envelope, ProviderInfo, RoleInfo, Result, hookimpl


class Buggy:
    @hookimpl
    def dstream_run_input(self, context):
        yield Envelope({"n": 1})
        yield Envelope({"n": {}["no such key"]})

    @hookimpl
    def dstream_plan(self, context):
        raise AttributeError("a bug in the plan")

    @hookimpl
    def dstream_run_output(self, context):
        for batch in context.batches():
            batch.ack()


@hookimpl
def dstream_provider():
    role = RoleInfo("buggy:Buggy", verbs=("run", "plan"))
    return ProviderInfo("buggy", "has bugs", role, role)
"""


def test_a_bug_in_a_provider_shows_its_traceback(dstream) -> None:
    site = dstream.folder / "site"
    info = site / "dstream_buggy-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dstream-buggy\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[dstream.providers]\nbuggy = buggy\n")
    (site / "buggy.py").write_text(BUGGY)
    dstream.environment["PYTHONPATH"] = str(site)
    dstream.write(dstream.task("t", '    provider = "buggy"', '    provider = "buggy"'))
    run = dstream("run", "t")
    assert run.code == 1
    assert "1 records, 1 acknowledged" in run.err
    assert "error: input provider buggy: KeyError: 'no such key'" in run.err
    assert 'yield Envelope({"n": {}["no such key"]})' in run.err, "where it happened"
    plan = dstream("plan", "t")
    assert plan.code == 1
    assert 'raise AttributeError("a bug in the plan")' in plan.err
    for done in (run, plan):
        assert "bug in dstream" not in done.err, "it is the provider's"
        assert done.err.count("Traceback") == 1
