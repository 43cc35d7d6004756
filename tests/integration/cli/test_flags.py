"""The global flags, help, version, completion, and how errors look."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DSTREAM = str(Path(sys.executable).with_name("dstream"))
COUNT = 'task "count" {\n  input {\n    provider = "counter"\n    config { max_count = 2 }\n  }\n  output { provider = "./out" }\n}\n'


@pytest.fixture
def noisy(dstream, provider_file, child):
    """The output logs at every level."""
    dstream.write(COUNT)
    provider_file("out", child("good_output.py"), roles=["output"])
    path = dstream.folder / "out"
    lines = [
        json.dumps(
            {"$dstream": {"log": {"level": level, "message": f"of level {level}", "n": 1}}}, separators=(",", ":")
        )
        for level in ("debug", "info", "warning", "error")
    ]
    says = "".join(f"echo '{line}' >&2\n" for line in [*lines, "a plain line"])
    path.write_text(path.read_text().replace("exec ", f"{says}exec ", 1))
    return dstream


@pytest.mark.parametrize(
    ("arguments", "environment", "shown"),
    [
        (["run", "count", "--log-level", "debug"], {}, ["debug", "info", "warning", "error"]),
        (["-l", "WARN", "run", "count"], {}, ["warning", "error"]),
        (["run", "count"], {"DSTREAM_LOG_LEVEL": "error"}, ["error"]),
        (["run", "-l", "info", "count"], {"DSTREAM_LOG_LEVEL": "error"}, ["info", "warning", "error"]),
    ],
)
def test_the_level_decides_what_is_shown(noisy, arguments, environment, shown) -> None:
    """The flag stands before the verb or behind it, and wins over the variable."""
    done = noisy(*arguments, env=environment)
    assert done.code == 0, done.err
    levels = [level for level in ("debug", "info", "warning", "error") if f"of level {level}" in done.err]
    assert levels == shown
    assert ("a plain line" in done.err) == ("info" in shown)


def test_the_log_as_json(noisy) -> None:
    done = noisy("run", "count", "-f", "json")
    records = [json.loads(line) for line in done.err.splitlines()]
    assert {"time", "level", "source", "message"} <= set(records[0])
    assert {"level": "warning", "source": "./out", "message": "of level warning", "n": 1}.items() <= next(
        record for record in records if record["level"] == "warning"
    ).items()


def test_the_time(noisy) -> None:
    done = noisy("run", "count", "-t")
    assert all(line[:2] == "20" and line[10] == "T" and line[23] == "Z" for line in done.err.splitlines())


def test_no_colours_without_a_terminal(noisy) -> None:
    done = noisy("run", "count", env={"FORCE_COLOR": "1"})
    assert "\x1b" not in done.out + done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["no-such-verb"],
        ["run", "x", "--no-such-flag"],
        ["run", "x", "y"],
        ["tasks", "--log-level", "loud"],
        ["tasks", "--log-format", "xml"],
        ["providers", "show"],
    ],
)
def test_a_wrong_command_line_is_2(dstream, arguments: list[str]) -> None:
    done = dstream(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "said", "help_of"),
    [
        (["run"], "Missing argument", "dstream run"),
        (["run", "demo", "--nope"], "--nope", "dstream run"),
        (["--nope"], "--nope", "dstream"),
        (["plan", "a", "b"], "b", "dstream plan"),
        (["frob"], "frob", "dstream"),
        (["providers", "frob"], "frob", "dstream providers"),
        (["run", "demo", "-c"], "-c", "dstream"),
    ],
)
def test_a_wrong_command_line_is_said_as_every_other_error(dstream, arguments, said, help_of) -> None:
    first, hint = dstream(*arguments).err.splitlines()
    assert re.fullmatch(r"error: .*[^.] \[usage/command-line\]", first)
    assert said in first
    assert hint == f"  hint: `{help_of} --help` shows what it takes"


def test_a_misspelt_verb_is_corrected(dstream) -> None:
    assert "'run'" in dstream("rnu", "demo").err


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["-h"], ["run", "--help"], ["providers"], ["providers", "--help"]]
)
def test_help(dstream, arguments: list[str]) -> None:
    done = dstream(*arguments)
    assert (done.code, done.err) == (0, "")
    assert "Usage: dstream" in done.out


def test_the_version(dstream) -> None:
    done = dstream("--version")
    assert done.out.startswith("dstream ")
    assert done.out.split()[1][0].isdigit()
    assert json.loads(dstream("--version", "--json").out) == {"version": done.out.split()[1]}


def test_a_handled_error_has_a_traceback_only_when_debugging(dstream) -> None:
    dstream.write(COUNT)
    assert "Traceback" not in dstream("run", "nothing").err
    done = dstream("run", "nothing", "-l", "debug")
    assert (done.code, "Traceback" in done.err) == (2, True)


def test_an_error_as_json(dstream) -> None:
    dstream.write(COUNT)
    done = dstream("run", "nothing", "-f", "json")
    record = json.loads(done.err)
    assert (record["level"], record["code"]) == ("error", "config/unknown-task")


def test_a_bug_is_a_traceback_and_says_where_to_report_it(dstream) -> None:
    code = (
        "from dstream_core.cli import parser\n"
        "def fail(*_): raise ZeroDivisionError('oops')\n"
        "parser.parse_and_run = fail\n"
        "from dstream_core.cli.app import main\n"
        "main(['tasks'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=dstream.folder)
    assert done.returncode == 1
    assert "ZeroDivisionError: oops" in done.stderr
    assert "issue tracker" in done.stderr


def complete(dstream, words: str) -> list[str]:
    program = str(Path(sys.executable).with_name("dstream"))
    environment = dstream.environment | {
        "_DSTREAM_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - (0 if words.endswith(" ") else 1)),
    }
    done = subprocess.run([program], env=environment, cwd=dstream.folder, capture_output=True, text=True, timeout=30)
    return done.stdout.split()


def test_completion_knows_verbs_tasks_and_providers(dstream) -> None:
    dstream.write(COUNT)
    assert complete(dstream, "dstream pl") == ["plan"]
    assert complete(dstream, "dstream run ") == ["count"]
    assert complete(dstream, "dstream providers show cou") == ["counter"]
    dstream.write("task {{{")
    assert complete(dstream, "dstream run ") == []


@pytest.mark.needs("linux")
@pytest.mark.parametrize("arguments", [["tasks"], ["providers", "list"], ["--help"], ["run", "--help"], ["--version"]])
def test_data_that_cannot_be_written_is_an_error(dstream, arguments: list[str]) -> None:
    dstream.write(COUNT)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([DSTREAM, *arguments], cwd=dstream.folder, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 75, done.stderr
    assert b"No space left on device [c" in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors_are_no_files_to_write_into(dstream, closed: str) -> None:
    """The first file that is opened would get the number of a closed stdout, and be shown in place of data."""
    for name in ("a", "b", "c"):
        dstream.write("locals {\n a=1\n}\n", f"{name}.hcl")
    done = subprocess.run(["/bin/sh", "-c", f"{DSTREAM} fmt . {closed}"], cwd=dstream.folder, capture_output=True)
    assert done.returncode == 0
    assert {path.read_text() for path in dstream.folder.glob("*.hcl")} == {"locals {\n  a = 1\n}\n"}
    assert subprocess.run(["/bin/sh", "-c", f"{DSTREAM} fmt - {closed}"], stdin=subprocess.DEVNULL).returncode == 0


ODD = os.fsdecode(b"caf\xe9")


def test_a_project_in_a_folder_whose_name_is_no_text(dstream) -> None:
    folder = dstream.folder / ODD
    folder.mkdir()
    dstream.write(COUNT.replace("./out", "console"), f"{ODD}/dstream.hcl")
    done = dstream("run", "count", cwd=folder)
    assert done.code == 0, done.err
    assert (folder / ".dstream/state/count/input/state.json").exists()
    assert dstream("status", "count", cwd=folder).code == 0
    refused = dstream("run", "count", "--state-dir", f"../{ODD}x", cwd=folder)
    assert refused.code == 2
    assert "--state-dir" in refused.err
    (folder / "dstream.hcl").write_text("x")
    assert json.loads(dstream("lint", "--json", "-c", f"{ODD}/dstream.hcl").out)["diagnostics"][0]["file"].startswith(
        "caf\\xe9"
    )


@pytest.mark.parametrize("arguments", [["tasks"], ["run", "count"], ["lint"], ["fmt"]])
def test_a_current_folder_that_has_gone_is_no_bug(dstream, arguments: list[str]) -> None:
    (dstream.folder / "gone").mkdir()
    done = subprocess.run(
        ["/bin/sh", "-c", f"rmdir ../gone && exec {DSTREAM} {' '.join(arguments)}"],
        cwd=dstream.folder / "gone",
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
