"""lint, fmt and tasks through the installed command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

WRONG = """
    task "one" {
      input {
        provider = "counter"
        config {
          intervall = 3
          max_count = "many"
        }
      }
      output {
        provider = "console"
        config {
          output_format = local.missing
        }
      }
    }
    task "two" {
      input {
        provider = "console"
      }
      output {
        provider = "nowhere"
      }
    }
"""


def test_lint_reports_everything_at_once_with_places(dstream) -> None:
    dstream.write(WRONG)
    done = dstream("lint", "--json")
    assert done.code == 2
    document = json.loads(done.out)
    assert document["ok"] is False
    found = {(item["code"], item["line"]) for item in document["diagnostics"]}
    assert found == {
        ("options/unknown", 6),
        ("options/invalid", 7),
        ("config/unknown-local", 13),
        ("provider/role", 19),
        ("provider/unknown", 22),
    }
    assert all(item["excerpt"] for item in document["diagnostics"])


def test_lint_as_text_has_the_caret_and_the_suggestion(dstream) -> None:
    dstream.write(WRONG)
    done = dstream("lint")
    assert done.code == 2
    assert "did you mean `interval`?" in done.err
    assert "dstream.hcl:6:7" in done.err
    assert "      ^^^^^^^^^\n" in done.err
    assert done.err.splitlines()[-1] == "5 errors."
    assert "Traceback" not in done.err


def test_lint_of_one_task(dstream) -> None:
    dstream.write(WRONG.replace("local.missing", '"json"'))
    document = json.loads(dstream("lint", "two", "--json").out)
    assert {item["line"] for item in document["diagnostics"]} == {19, 22}


def test_what_this_version_cannot_run_lints(dstream) -> None:
    dstream.write(
        """
        task "t" {
          input {
            provider_ref = "registry.example/in:1"
          }
          output {
            provider_image = "registry.example/out:1"
          }
        }
        """
    )
    assert dstream("lint").code == 0


def test_options_are_held_against_the_schema_of_a_manifest(dstream, provider_file) -> None:
    schema = {
        "type": "object",
        "properties": {"max_count": {"type": "integer", "minimum": 1}, "name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    provider_file("in", ["true"], config_schema=schema)
    dstream.write(
        """
        task "t" {
          input {
            provider = "./in"
            config {
              maxCount = 0
              nmae = "x"
            }
          }
          output {
            provider = "console"
          }
        }
        """
    )
    done = dstream("lint", "--json")
    problems = {(item["code"], item["line"]) for item in json.loads(done.out)["diagnostics"]}
    assert problems == {("options/invalid", 6), ("options/unknown", 7), ("options/missing", 5)}


def test_fmt_changes_the_file_and_says_which(dstream, tmp_path: Path) -> None:
    path = dstream.write('task "t" {\n      input {\n provider="counter" # c\n}\n}\n')
    path.chmod(0o640)
    check = dstream("fmt", "--check")
    assert (check.code, check.out) == (1, "dstream.hcl\n")
    done = dstream("fmt")
    assert (done.code, done.out) == (0, "dstream.hcl\n")
    assert path.read_text() == 'task "t" {\n  input {\n    provider = "counter" # c\n  }\n}\n'
    assert path.stat().st_mode & 0o777 == 0o640
    assert dstream("fmt", "--check").code == 0
    assert [each.name for each in tmp_path.iterdir()] == ["dstream.hcl"]


def test_fmt_of_stdin(dstream) -> None:
    program = str(Path(sys.executable).with_name("dstream"))
    done = subprocess.run([program, "fmt", "-"], input=b"a=1\n", capture_output=True, cwd=dstream.folder)
    assert done.stdout == b"a = 1\n"


def test_fmt_leaves_a_file_with_a_syntax_error_alone(dstream) -> None:
    path = dstream.write("a = = 1\n")
    done = dstream("fmt")
    assert (done.code, path.read_text()) == (2, "a = = 1\n")
    assert "dstream.hcl:1:5" in done.err


def test_tasks_needs_no_values(dstream) -> None:
    dstream.write(
        """
        task "b" {
          description = "the first"
          input {
            provider = env("UNSET")
          }
          output {
            provider = "console"
          }
        }
        task "a" {
          input {
            provider = "counter"
          }
          output {
            provider = "./x"
          }
        }
        """
    )
    assert [row["name"] for row in json.loads(dstream("tasks", "--json").out)] == ["b", "a"]
    assert dstream("tasks").out.splitlines() == [
        "TASK  INPUT         OUTPUT   DESCRIPTION",
        "b     (expression)  console  the first",
        "a     counter       ./x",
    ]


@pytest.mark.parametrize("arguments", [["tasks"], ["lint"], ["run", "x"], ["plan", "x"]])
def test_no_configuration_is_a_message(dstream, arguments: list[str]) -> None:
    done = dstream(*arguments)
    assert done.code == 2
    assert "dstream.hcl" in done.err
    assert "Traceback" not in done.err


def test_an_unknown_task_names_the_nearest(dstream) -> None:
    dstream.write('task "orders" {\n  input { provider = "counter" }\n  output { provider = "console" }\n}\n')
    done = dstream("run", "order")
    assert (done.code, 'Did you mean "orders"?' in done.err) == (2, True)
