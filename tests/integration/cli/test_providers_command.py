"""`dstream providers`: discovery of real distributions, good, broken and in conflict."""

from __future__ import annotations

import json
import sys
from pathlib import Path

GOOD = """
    from dstream_core.api import CommandInfo, ProviderInfo, RoleInfo, hookimpl

    @hookimpl
    def dstream_provider():
        return ProviderInfo("{id}", "A provider.", {role}=RoleInfo("nowhere:X", "nowhere:Options"))
"""


def rows(dstream) -> dict[str, dict]:
    done = dstream("providers", "list", "--json")
    assert done.code == 0, done.err
    return {f"{row['distribution']}/{row['id']}": row for row in json.loads(done.out)}


def test_the_installed_ones_are_listed(dstream) -> None:
    row = rows(dstream)["dstream-file/file"]
    assert (row["roles"], row["status"], row["error"]) == (["input", "output"], "ok", None)
    assert row["version"]
    assert row["summary"]
    assert row["capabilities"] == ["ack"]


def test_text_and_json_are_the_same_with_and_without_the_quick_way(dstream) -> None:
    """`providers list` alone goes round the parser; with any other flag it does not."""
    quick, parsed = dstream("providers", "list"), dstream("providers", "list", "--log-level", "info")
    assert (quick.out, quick.code) == (parsed.out, parsed.code)
    assert dstream("providers", "list", "--json").out == dstream("--json", "providers", "list").out


def test_a_plugin_is_only_imported_as_far_as_its_plugin_module(dstream, distribution) -> None:
    distribution("dstream-x", {"x": "x_plugin"}, x_plugin=GOOD.format(id="x", role="input"))
    assert rows(dstream)["dstream-x/x"] == {
        "id": "x",
        "roles": ["input"],
        "version": "1.2.3",
        "distribution": "dstream-x",
        "capabilities": ["ack"],
        "commands": {"input": ["run"]},
        "summary": "A provider.",
        "status": "ok",
        "error": None,
    }


def test_broken_plugins_are_rows_with_their_reason(dstream, distribution) -> None:
    distribution(
        "dstream-bad",
        {"raises": "raises_p", "exits": "exits_p", "missing": "missing_p", "misspelt": "misspelt_p", "none": "none_p"},
        raises_p="raise RuntimeError('no licence\\nfound')",
        exits_p="raise SystemExit(3)",
        misspelt_p="""
            from dstream_core.api import hookimpl
            @hookimpl
            def dstream_providr():
                return None
        """,
        none_p="print('hello from a plugin')",
    )
    found = rows(dstream)
    errors = {key.split("/")[1]: row["error"] for key, row in found.items() if row["status"] == "broken"}
    assert errors["raises"] == "RuntimeError: no licence found"
    assert errors["exits"] == "SystemExit: 3"
    assert "missing_p" in errors["missing"]
    assert "dstream_providr" in errors["misspelt"]
    assert "neither" in errors["none"]
    assert found["dstream-counter/counter"]["status"] == "ok"


def test_a_broken_plugin_in_use_says_why(dstream, distribution) -> None:
    distribution("dstream-bad", {"bad": "bad_p"}, bad_p="import not_there")
    dstream.write('task "t" {\n  input { provider = "bad" }\n  output { provider = "console" }\n}\n')
    done = dstream("run", "t")
    assert done.code == 2
    assert "cannot be loaded: ModuleNotFoundError: No module named 'not_there'" in done.err
    assert "dstream-bad" in done.err
    assert "dstream.hcl:2:" in done.err


def test_two_distributions_with_the_same_id_and_role_are_named_when_used(dstream, distribution) -> None:
    distribution("dstream-mine", {"own-counter": "mine_p"}, mine_p=GOOD.format(id="counter", role="input"))
    found = rows(dstream)
    assert found["dstream-counter/counter"]["status"] == found["dstream-mine/counter"]["status"] == "conflict"
    dstream.write('task "t" {\n  input { provider = "counter" }\n  output { provider = "console" }\n}\n')
    done = dstream("run", "t")
    assert done.code == 2
    assert "dstream-counter and dstream-mine" in done.err


def test_the_same_id_with_another_role_is_no_conflict(dstream, distribution) -> None:
    distribution("dstream-mine", {"counter-out": "mine_p"}, mine_p=GOOD.format(id="counter", role="output"))
    dstream.write('task "t" {\n  input { provider = "counter" }\n  output { provider = "console" }\n}\n')
    assert rows(dstream)["dstream-mine/counter"]["status"] == "ok"
    assert dstream("lint").code == 0


def test_show_has_options_and_a_snippet_that_lints(dstream) -> None:
    done = dstream("providers", "show", "counter")
    assert done.code == 0, done.err
    assert "interval  (integer, default 1000)" in done.out
    snippet = done.out[done.out.index("  input {") :]
    dstream.write(f'task "t" {{\n{snippet}\noutput {{\n provider = "console"\n}}\n}}\n')
    linted = dstream("lint")
    assert linted.code == 0, linted.err


def test_show_of_an_unknown_one_suggests(dstream) -> None:
    done = dstream("providers", "show", "conter")
    assert done.code == 2
    assert 'did you mean "counter"?' in done.err


def test_describe_starts_an_executable_and_prints_its_manifest(dstream) -> None:
    done = dstream("providers", "describe", str(Path(sys.executable).with_name("dstream-counter")))
    assert done.code == 0, done.err
    manifest = json.loads(done.out)
    assert (manifest["name"], manifest["roles"], manifest["protocol"]) == ("counter", ["input"], 1)
    assert "max_count" in manifest["config_schema"]["input"]["properties"]


def test_a_plugin_adds_a_command(dstream, distribution) -> None:
    distribution(
        "dstream-more",
        {"more": "more_p"},
        more_p="""
            from dstream_core.api import CommandInfo, hookimpl
            @hookimpl
            def dstream_commands():
                return [CommandInfo("greet", "more_c:greet", "Greets."), CommandInfo("gone", "more_c:nothing")]
        """,
        more_c="""
            def greet(name: str = "you"):
                '''Greets.'''
                print(f"hello {name}")
        """,
    )
    assert "greet" in dstream("--help").out
    assert dstream("greet", "--name", "me").out == "hello me\n"
    gone = dstream("gone")
    assert (gone.code, "cannot be loaded" in gone.err) == (1, True)
    assert dstream("gret").code == 2
