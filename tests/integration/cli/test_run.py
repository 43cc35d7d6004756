"""`dstream run`, through the installed command and the installed providers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

COUNT = """
    task "count" {{
      input {{
        provider = "counter"
        config {{
          interval = {interval}
          max_count = {count}
        }}
      }}
      output {{
        provider = "console"
      }}
    }}
"""


def wait_for_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def test_records_are_shown_on_stdout_and_the_summary_on_stderr(dstream) -> None:
    dstream.write(COUNT.format(interval=1, count=5))
    done = dstream("run", "count")
    assert done.code == 0, done.err
    assert [line.split(":")[0] for line in done.out.splitlines()] == [f"Message #{n}" for n in range(1, 6)]
    assert "done: 5 records, 5 acknowledged" in done.err


def test_a_second_run_begins_behind_the_first_and_says_so_if_there_is_nothing(dstream) -> None:
    dstream.write(COUNT.format(interval=1, count=3))
    assert dstream("run", "count").out.count("Message") == 3
    again = dstream("run", "count")
    assert (again.code, again.out) == (0, "")
    assert ".dstream/state/count" in again.err


def test_state_dir_puts_everything_elsewhere(dstream, tmp_path: Path) -> None:
    dstream.write(COUNT.format(interval=1, count=3))
    assert dstream("run", "count", "--state-dir", "elsewhere").code == 0
    assert not (tmp_path / ".dstream").exists()
    assert (tmp_path / "elsewhere" / "state" / "count" / "input" / "state.json").exists()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "elsewhere").rglob("*")}
    assert set(modes.values()) <= {0o700, 0o600}, modes


def test_with_json_stdout_is_json_lines_and_the_last_is_the_summary(dstream) -> None:
    dstream.write(COUNT.format(interval=1, count=3))
    done = dstream("run", "count", "--json")
    *texts, summary = map(json.loads, done.out.splitlines())
    assert [text["text"].partition(":")[0] for text in texts] == ["Message #1", "Message #2", "Message #3"]
    assert (summary["records"], summary["acknowledged"], summary["not_acknowledged"]) == (3, 3, 0)
    assert (summary["reason"], summary["delivery"], summary["error"]) == ("end of input", "acknowledged", None)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_in_order(dstream, sent: int, code: int) -> None:
    dstream.write(COUNT.format(interval=5, count=0))
    process = dstream.start("run", "count")
    first = wait_for_line(process)
    process.send_signal(sent)
    out, err = process.communicate(timeout=30)
    assert first.startswith(b"Message #1:")
    assert process.returncode == code, err.decode()
    records = 1 + out.count(b"Message")
    assert f"{records} records, {records} acknowledged" in err.decode()


def test_a_reader_of_stdout_that_goes_away_ends_it_in_order(dstream) -> None:
    dstream.write(COUNT.format(interval=1, count=0))
    process = dstream.start("run", "count")
    wait_for_line(process)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert b"stopped by SIGTERM" in process.stderr.read()
    process.stderr.close()


def test_a_slow_reader_of_stdout_loses_nothing(dstream) -> None:
    """More text than all the pipes hold waits for its reader; the input is held back meanwhile."""
    dstream.write(COUNT.format(interval=0, count=100_000))
    process = dstream.start("run", "count")
    first = wait_for_line(process)
    time.sleep(1)  # the reader that is slow
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err.decode()
    numbers = [line.split(b":")[0] for line in (first + out).splitlines()]
    assert numbers == [b"Message #%d" % number for number in range(1, 100_001)]


def test_one_run_of_a_task_at_a_time(dstream) -> None:
    """Invariant 6: who comes second waits, then says which process has it."""
    dstream.write(COUNT.format(interval=5, count=0))
    first = dstream.start("run", "count")
    others: list[subprocess.Popen[bytes]] = []
    try:
        wait_for_line(first)
        others += [dstream.start(verb, "count") for verb in ("run", "destroy")]
        for other in others:
            _, err = other.communicate(timeout=30)
            assert other.returncode == 75
            assert f"process {first.pid}, since".encode() in err
    finally:
        for process in (first, *others):
            process.terminate()
            process.communicate(timeout=30)


def test_the_two_roles_swapped_is_a_message_with_both_places(dstream) -> None:
    dstream.write(
        """
        task "t" {
          input {
            provider = "console"
          }
          output {
            provider = "counter"
          }
        }
        """
    )
    done = dstream("run", "t")
    assert done.code == 2
    assert "console is an output provider, but stands in the `input` block" in done.err
    assert "dstream.hcl:4:" in done.err
    assert "dstream.hcl:7:" in done.err
    assert "swapped" in done.err
    assert "Traceback" not in done.err


def test_a_wrong_option_is_shown_where_it_stands(dstream) -> None:
    dstream.write(COUNT.format(interval='"often"', count=3))
    done = dstream("run", "count")
    assert done.code == 2
    assert "`interval`" in done.err
    assert "dstream.hcl:6:" in done.err
    assert "^" in done.err


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ('provider = "cuonter"', 'did you mean "counter"?'),
        ('provider = "kinesis"', "pip install dstream-kinesis"),
        ('provider = "./missing"', "there is no executable"),
        ('provider = "./folder"', "is a folder"),
        ('provider_path = "plain.txt"', "is not executable"),
        ('provider_ref = "registry.example/x:1"', "cannot run providers from OCI artifacts yet"),
        ('provider_image = "x:1"', "cannot run providers from container images yet"),
    ],
)
def test_a_provider_that_cannot_be_run(dstream, tmp_path: Path, reference: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain.txt").write_text("x")
    dstream.write(f'task "t" {{\n  input {{\n    {reference}\n  }}\n  output {{\n    provider = "console"\n  }}\n}}\n')
    done = dstream("run", "t")
    assert done.code == 2
    assert message in done.err
    assert "dstream.hcl:3:" in done.err


def test_older_providers_run_with_one_warning_each(dstream, child, provider_file) -> None:
    provider_file("in", child("older_input.py"), roles=None)
    provider_file("out", child("older_output.py"), roles=None)
    dstream.write('task "t" {\n  input {\n    provider = "./in"\n  }\n  output {\n    provider = "./out"\n  }\n}\n')
    done = dstream("run", "t")
    assert done.code == 0, done.err
    assert done.err.count("runs as an older provider") == 2
    assert "best effort" in done.err
    assert "Message #1" in done.out


def test_a_path_is_relative_to_the_configuration_wherever_one_stands(dstream, child, provider_file, tmp_path) -> None:
    provider_file("in", child("good_input.py"))
    provider_file("out", child("good_output.py"), roles=["output"])
    dstream.write('task "t" {\n  input {\n    provider = "./in"\n  }\n  output {\n    provider = "./out"\n  }\n}\n')
    (tmp_path / "below").mkdir()
    done = dstream("run", "t", "--config", "..", cwd=tmp_path / "below")
    assert done.code == 0, done.err
    assert (tmp_path / ".dstream").is_dir()


def test_each_provider_lacks_what_only_the_other_one_names(dstream, provider_file, child, tmp_path: Path) -> None:
    """Invariant 5."""
    for name, program in (("in", "good_input.py"), ("out", "good_output.py")):
        path = provider_file(name, child(program), roles=["input" if name == "in" else "output"])
        path.write_text(path.read_text().replace("exec ", f"env > {tmp_path}/{name}.env\nexec ", 1))
    dstream.write(
        """
        task "t" {
          input {
            provider = "./in"
            config {
              password = "{{ env "ONLY_IN" }}"
              shared = env("BOTH")
            }
          }
          output {
            provider = "./out"
            config {
              password = "{{ env "ONLY_OUT" }}"
              shared = env("BOTH")
            }
          }
        }
        """
    )
    done = dstream("run", "t", env={"ONLY_IN": "i", "ONLY_OUT": "o", "BOTH": "b", "OTHER": "x"})
    assert done.code == 0, done.err
    names = {
        name: {line.split("=")[0] for line in (tmp_path / f"{name}.env").read_text().splitlines()}
        for name in ("in", "out")
    }
    assert {"ONLY_IN", "BOTH", "OTHER"} <= names["in"]
    assert "ONLY_OUT" not in names["in"]
    assert {"ONLY_OUT", "BOTH", "OTHER"} <= names["out"]
    assert "ONLY_IN" not in names["out"]


def test_what_was_not_acknowledged_is_said_and_is_a_failure(dstream, child, provider_file) -> None:
    provider_file("in", child("good_input.py"))
    provider_file("out", child("crash.py", "--when", "lines", "--role", "output"), roles=["output"])
    dstream.write('task "t" {\n  input {\n    provider = "./in"\n  }\n  output {\n    provider = "./out"\n  }\n}\n')
    done = dstream("run", "t")
    assert done.code == 1
    assert "error:" in done.err
    assert "Traceback" not in done.err


def test_memory_and_start_of_the_orchestrator_stay_small(dstream) -> None:
    dstream.write(COUNT.format(interval=5, count=0))
    process = dstream.start("run", "count")
    try:
        wait_for_line(process)
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        assert peak < 60 * 1024, f"{peak} kB"
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)
