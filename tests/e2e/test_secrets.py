"""No secret is printed, stored or handed on, however hard a provider tries (invariant 5).

Canaries stand in every place a secret can come from; the providers print all they know, in every form they can. What is
looked for is computed here, not by the code that masks.
"""

from __future__ import annotations

import base64
import json
import os
import signal
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from dstream_core.runtime.posix_parts import descendants

ENVIRONMENT = {
    "C_TEMPLATE": "canary-template-1",
    "C_ENV": "canary-env-2",
    "C_LOCAL": "canary-local-3",
    "C_PART": "canary-part-4",
    "C_QUOTED": 'canary"quoted\\{${x}}-5',
    "C_LINES": "canary-lines-6\nsecond-canary-line-6\nthird line of the canary-6",
    "C_UNICODE": "canary-ünïcödé-€-7 & <more>",
    "C_LIST": "canary-list-8",
    "C_OUT": "canary-out-9",
    "C_OUT_LOCAL": "canary-out-local-10",
    "C_BOTH": "canary-both-11",
    "C_DB": "server=db,1433;user id=sa;password=canary-db-12;database=shop",
    "DSTREAM_VAR_from_environment": "canary-var-13",
}
VARIABLES = {
    "from_environment": "canary-var-13",
    "from_command_line": "canary-cli-14",
    "from_file": "canary-file-15",
}
WRITTEN = {"declared": "canary-declared-16", "short": "q7!x", "url": "canary-url-17", "ado": "canary-ado-18"}
CANARIES = {
    **{name: value for name, value in ENVIRONMENT.items() if name != "C_DB"},
    **VARIABLES,
    **WRITTEN,
    "C_DB": "canary-db-12",
}

CONFIGURATION = """
    variable "from_environment" {
      sensitive = true
    }
    variable "from_command_line" {
      sensitive = true
    }
    variable "from_file" {
      sensitive = true
    }
    locals {
      hidden     = env("C_LOCAL")
      out_hidden = "prefix ${env("C_OUT_LOCAL")}"
    }
    task "t" {
      input {
        provider_path = "./INPUT"
        config {
          mode     = "run"
          template = "{{ env "C_TEMPLATE" }}"
          env      = env("C_ENV")
          local    = local.hidden
          part     = "Bearer ${env("C_PART")}"
          quoted   = "{{ env "C_QUOTED" }}"
          lines    = env("C_LINES")
          unicode  = env("C_UNICODE")
          many     = ["a", { deep = env("C_LIST") }]
          shared   = env("C_BOTH")
          db       = env("C_DB")
          file     = var.from_file
        }
      }
      output {
        provider_path = "./OUTPUT"
        config {
          mode     = "MODE"
          out      = env("C_OUT")
          local    = local.out_hidden
          shared   = env("C_BOTH")
          variable = var.from_environment
          argument = "x${var.from_command_line}x"
          token    = "canary-declared-16"
          pin      = "q7!x"
          url      = "amqp://user:canary-url-17@broker:5672/"
          ado      = "Endpoint=sb://x/;SharedAccessKeyName=k;SharedAccessKey=canary-ado-18;EntityPath=q"
        }
      }
    }
"""
SCHEMA = {"properties": {"token": {"type": "string", "secret": True}, "pin": {"type": "string", "writeOnly": True}}}

LEAKY = """
import base64, sys, os, json
from urllib.parse import quote, quote_plus

line = sys.stdin.readline()
command = json.loads(line)
config = command.get("config", command)
session = command.get("dstream")
role = "ROLE"

def texts(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value

def everything():
    yield line.rstrip()
    yield json.dumps(config, indent=1)
    yield json.dumps(config, ensure_ascii=False)
    yield repr(config)
    yield repr(dict(os.environ)) + repr(sys.argv)
    yield json.dumps(json.dumps(config))
    for name, value in os.environ.items():
        yield f"export {name}={value}"
    for text in texts(config):
        raw = text.encode()
        yield text
        yield from text.splitlines()
        yield f"{text!r} {quote(text)} {quote(text, safe='')} {quote_plus(text)}"
        yield base64.b64encode(raw).decode()
        yield base64.urlsafe_b64encode(b"u:" + raw).decode() + " " + base64.b64encode(b"x" + raw + b"y").decode()
        yield raw.hex()[:0] + text[: len(text)] * 2

everything = list(everything())
for text in everything:
    print(text, file=sys.stderr)
print("x" * 70000 + "".join(texts(config)), file=sys.stderr)
if session:
    for kind in ({"progress": {"config": config, "text": everything}},
                 {"log": {"level": "warning", "message": everything[0], "config": config, "all": everything}},
                 {"log": {"level": "error", "message": "\\n".join(everything), "code": everything[0]}}):
        print(json.dumps({"$dstream": kind}), file=sys.stderr)
sys.stderr.flush()
mode = config.get("mode")
if mode == "refuse":
    problems = [{"path": ["out"], "message": everything[2], "hint": everything[3]}]
    print(json.dumps({"status": "error", "message": "\\n".join(everything), "hint": everything[0], "problems": problems}))
    sys.exit(2 if session else 1)
if mode == "crash":
    raise RuntimeError(everything)
if session:
    print(json.dumps({"status": "ready", "protocol": 1, "role": role, "capabilities": ["ack"]}), flush=True)
if command.get("command", "run") != "run":
    resources = [{"id": t, "type": "thing", "action": "update", "name": t, "detail": t, "state": t,
                  "before": {"value": t}, "after": {"value": t + "!", "config": config}} for t in everything[:3]]
    resources += [{"id": str(n), "action": "create", "after": {t: t}} for n, t in enumerate(texts(config))]
    failed = mode == "fail"
    print(json.dumps({"status": "Failed" if failed else "Success", "resources": resources if session else everything,
                      "message": everything[0], "error": "\\n".join(everything) if failed else None,
                      "metadata": {"config": config},
                      "source": {"server": everything[0], "tables": [{"name": t, "schema": t} for t in texts(config)]}}))
    sys.exit(1 if failed else 0)
if role == "input":
    if not session:
        for text in everything:  # a log on stdout among the data, as Go providers write it
            print("[INFO]", " ".join(text.split("\\n")))
    print(json.dumps({"data": {"config": config, "text": everything}, "metadata": {"TableName": everything[2]}}), flush=True)
    if mode == "hold":
        sys.stdin.readline()  # an acknowledgement
        sys.stdin.readline()  # the stop
    os.close(1)
    while session and sys.stdin.readline():
        pass
else:
    count = 0
    for text in everything:
        for part in text.split("\\n"):
            print("shown:", part)
    sys.stdout.flush()
    for line in sys.stdin:
        count += 1
        print("line", count, line, end="")
        if session:
            print(json.dumps({"$dstream": {"ack": count}}), flush=True)
    os.write(1, ("no newline " + "".join(texts(config))).encode())
    if mode == "die":
        raise RuntimeError(everything)
"""


def forms_of(secret: str) -> set[str]:
    """How a secret could be read in a text: plain, as JSON, in an address, in base64 at any offset."""
    pieces = {secret, *(line for line in secret.split("\n") if len(line) >= 8)}
    forms = set()
    for piece in pieces:
        forms |= {piece, json.dumps(piece)[1:-1], json.dumps(piece, ensure_ascii=False)[1:-1], repr(piece)[1:-1]}
        forms |= {quote(piece), quote(piece, safe=""), quote_plus(piece)}
        raw = piece.encode()
        for offset in range(3 if len(raw) >= 9 else 0):
            whole = raw[(3 - offset) % 3 :]
            forms.add(base64.b64encode(whole[: len(whole) // 3 * 3]).decode())
            forms.add(base64.urlsafe_b64encode(whole[: len(whole) // 3 * 3]).decode())
    return forms


FORMS = {name: forms_of(value) for name, value in CANARIES.items()}


def leaks(text: str, *, but: tuple[str, ...] = ()) -> dict[str, str]:
    """The canaries that can be read in a text."""
    return {
        name: text[max(0, text.find(form) - 60) : text.find(form) + 60]
        for name, forms in FORMS.items()
        if name not in but
        for form in forms
        if form in text
    }


def files_below(folder: Path) -> dict[Path, str]:
    """What a run left behind: everything but what the user wrote himself."""
    own = {"dstream.hcl", "in", "out", "in.provider.json", "out.provider.json"}
    return {
        path: path.read_bytes().decode("utf-8", "replace")
        for path in folder.rglob("*")
        if path.is_file() and path.name not in own
    }


@pytest.fixture
def leaky(dstream, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`leaky("run", protocol=1, mode="die")`: runs a verb with two providers that tell everything they know."""
    secrets = tmp_path_factory.mktemp("elsewhere") / "secrets.hcl"
    secrets.write_text(f'from_file = "{VARIABLES["from_file"]}"\n')
    state = tmp_path_factory.mktemp("state")
    dstream.environment |= ENVIRONMENT
    flags = ("--var", f"from_command_line={VARIABLES['from_command_line']}", "--var-file", str(secrets))

    def prepare(*, protocol: int = 1, mode: str = "run", source: str = "./in") -> tuple[str, ...]:
        for name, role in (("in", "input"), ("out", "output")):
            manifest = {"roles": [role], "config_schema": SCHEMA, "commands": VERBS[role]}
            dstream.python(name, LEAKY.replace("ROLE", role), manifest if protocol else None)
        text = CONFIGURATION.replace("./INPUT", source).replace("./OUTPUT", "./out").replace("MODE", mode)
        dstream.write(text)
        return (*flags, "--state-dir", str(state))

    def run(*arguments: str, protocol: int = 1, mode: str = "run") -> Any:
        given = prepare(protocol=protocol, mode=mode)
        done = dstream(*arguments, *given)
        files = files_below(tmp_path) | files_below(state)
        unknown = () if protocol else ("declared", "short")  # only a manifest can declare what stands in the file
        texts = {str(path): text for path, text in files.items()} | {"stdout": done.out, "stderr": done.err}
        found = {place: leaks(text, but=unknown) for place, text in texts.items()}
        assert not any(found.values()), {place: leaked for place, leaked in found.items() if leaked}
        return done

    run.prepare = prepare
    return run


VERBS = {"input": ["run", "discover", "check"], "output": ["run", "init", "plan", "status", "destroy", "check"]}


@pytest.mark.parametrize("protocol", [0, 1])
@pytest.mark.parametrize("mode", ["run", "die", "crash", "refuse"])
def test_a_run_shows_no_secret(leaky, protocol: int, mode: str) -> None:
    flags = ("--json",) if mode in ("die", "refuse") else ("--log-format", "json", "--log-time")
    done = leaky("run", "t", "--log-level", "debug", *flags, protocol=protocol, mode=mode)
    assert done.code == {"run": 0, "die": 1, "crash": 1, "refuse": 2 if protocol else 1}[mode], done.err[-2000:]
    assert "(secret)" in done.err
    if mode in ("run", "die"):
        assert "shown: Bearer" in done.out or "shown: (secret)" in done.out, done.out[:2000]


@pytest.mark.parametrize(
    ("arguments", "protocol"),
    [
        ("plan t", 0),
        ("status t --json", 0),
        ("plan t --json", 1),
        ("status t", 1),
        ("init t", 1),
        ("destroy t", 1),
        ("check t", 1),
        ("discover t --json", 1),
    ],
)
def test_a_lifecycle_verb_shows_no_secret(leaky, arguments: str, protocol: int) -> None:
    done = leaky(*arguments.split(), "--log-level", "debug", protocol=protocol)
    assert done.code in (0, 1)
    assert "(secret)" in done.out
    assert "Traceback" not in done.err


@pytest.mark.parametrize("mode", ["fail", "crash", "refuse"])
def test_a_verb_that_fails_shows_no_secret(leaky, mode: str) -> None:
    done = leaky("plan", "t", "--log-level", "debug", "--json", mode=mode)
    assert done.code in (1, 2)
    assert "(secret)" in done.err


def test_lint_and_errors_of_the_configuration_show_no_secret(dstream, leaky) -> None:
    text = leaky.prepare()
    wrong = CONFIGURATION.replace("var.from_file", "{{ env `C_QUOTED` }}").replace("./INPUT", "./in")
    dstream.write(wrong.replace('mode     = "MODE"', 'mode = env("C_ENV").oops\n n = 1 + env("C_LINES")'))
    for arguments in (("lint",), ("lint", "--json"), ("run", "t", "--log-level", "debug")):
        done = dstream(*arguments, *text)
        assert done.code == 2
        assert not leaks(done.out + done.err, but=("declared", "url", "ado", "short")), done.err


def test_no_process_carries_a_secret_that_is_not_its_own(dstream, leaky, wait_for) -> None:
    """Arguments hold none at all; the environment of a provider lacks what only the other block names."""
    flags = leaky.prepare()
    text = (dstream.folder / "dstream.hcl").read_text()
    dstream.write(text.replace('mode     = "run"', 'mode     = "hold"', 1))
    run = dstream.start("run", "t", *flags)
    assert run.stdout is not None
    while not run.stdout.readline().startswith(b"line 1 "):
        pass
    family = {pid: process(pid) for pid, _session in descendants(run.pid)}
    done = dstream.end(run, signal.SIGTERM)
    assert done.code == 0, done.err
    assert not leaks(done.out + done.err)

    assert not leaks(" ".join(command for command, _ in family.values()))
    environments = {
        role: text for role in ("guardian", "/in", "/out") for command, text in family.values() if role in command
    }
    assert set(environments) == {"guardian", "/in", "/out"}, family
    assert not any(name in environments["guardian"] for name in (*ENVIRONMENT, *VARIABLES.values()))
    only_in = {"C_TEMPLATE", "C_ENV", "C_LOCAL", "C_PART", "C_QUOTED", "C_LINES", "C_UNICODE", "C_LIST", "C_DB"}
    only_out = {"C_OUT", "C_OUT_LOCAL"}
    for role, own, other in (("/in", only_in, only_out), ("/out", only_out, only_in)):
        names = {item.partition("=")[0] for item in environments[role].split("\0")}
        assert own | {"C_BOTH"} <= names
        assert not other & names
        assert not {name for name in names if name.startswith("DSTREAM_VAR_")}


def process(pid: int) -> tuple[str, str]:
    """Its command line and its environment."""
    folder = Path(f"/proc/{pid}")
    try:
        return (
            (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(),
            (folder / "environ").read_bytes().decode("utf-8", "replace"),
        )
    except OSError:
        return "", os.devnull
