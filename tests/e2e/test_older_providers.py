"""Providers and configurations from before version 1, unchanged: in sh and awk, with all the habits of their kind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ORIGINAL = """
    dstream {
      plugin_registry = "registry.example/providers"
      required_plugins {
        name    = "mssql"
        version = ">= 1.0.0"
      }
    }

    locals {
      tables = ["dbo.Orders", "Customers"]
    }

    task "cdc" {
      type = "providers"

      input {
        provider_path = "./bin/mssql-provider"
        config {
          db_connection_string = "{{ env "DB" }}"
          poll_interval        = "5s"
          max_poll_interval    = "{{ env `MAX_POLL` }}"
          batch_size           = {{ env "BATCH" }}
          ratio                = 0.10
          big                  = 123456789012345678901234567890
          verbose              = true
          tables               = local.tables
          lock_config {
            type              = "azure_blob"
            connection_string = "{{ env \\"BLOB\\" }}"
            container_name    = "locks"
          }
        }
      }

      output {
        provider_path = "./bin/queue-provider"
        config {
          connectionString = "{{ env "QUEUE" }}"
          resourceGroup    = "rg"
          tables           = local.tables
        }
      }
    }
"""
ENVIRONMENT = {
    "DB": 'server=db,1433;user id=sa;password=p"a\\ss${x}{{y}}',
    "MAX_POLL": "5m",
    "BATCH": "250",
    "BLOB": "DefaultEndpointsProtocol=https;AccountKey=c2VjcmV0c2VjcmV0;",
    "QUEUE": "Endpoint=sb://x/;SharedAccessKey=YWJjZGVmZ2hpamts",
}

GO_LIKE_INPUT = """
    #!/usr/bin/awk -f
    # Reads its stdin to the end before it starts, prints no handshake, writes its log among the data.
    { config = config $0 }
    END {
      print config > "bin/config.json"
      close("bin/config.json")
      for (n = 1; n <= 4; n++) {
        printf "\\033[36m2026/11/21 04:34:46 mssql\\033[0m [INFO] Polling changes n=%d\\n", n
        printf "{\\"data\\":{\\"ID\\":\\"%d\\",\\"Name\\":\\"tea\\"},\\"metadata\\":{\\"TableName\\":\\"Orders\\",\\"LSN\\":\\"00%d\\",\\"OperationType\\":\\"Insert\\"}}\\n", n, n
      }
      print "connection closed" > "/dev/stderr"
    }
"""
AWK_OUTPUT = """
    #!/usr/bin/awk -f
    NR == 1 { print > "bin/out-config.json"; next }
    { print > "bin/received"; printf "Message #%d: %s\\n", ++n, $0 }
    END { print n " lines"; print "queue client closed" > "/dev/stderr" }
"""
SAY_THREE = """
    read -r command
    printf '%s' "$command" > COMMAND
    for n in 1 2 3; do echo "{\\"data\\":{\\"n\\":$n},\\"metadata\\":{}}"; done
"""
SHOW = """
    while read -r line; do echo "got $line"; done
"""
ENVELOPES = [f'{{"data":{{"n":{n}}},"metadata":{{}}}}' for n in (1, 2, 3)]


def envelopes(text: str) -> list[str]:
    return [line.removeprefix("got ") for line in text.splitlines() if line.startswith('got {"data"')]


def test_a_configuration_of_the_original_runs_as_it_is(dstream, tmp_path: Path) -> None:
    dstream.program("bin/mssql-provider", GO_LIKE_INPUT)
    dstream.program("bin/queue-provider", AWK_OUTPUT)
    dstream.write(ORIGINAL)
    done = dstream("run", "cdc", env=ENVIRONMENT)
    assert done.code == 0, done.err
    assert done.says("connection closed", "queue client closed", "delivery: best effort")
    assert json.loads((tmp_path / "bin" / "config.json").read_text()) == {
        "command": "run",
        "config": {
            "db_connection_string": ENVIRONMENT["DB"],
            "poll_interval": "5s",
            "max_poll_interval": "5m",
            "batch_size": 250,
            "ratio": 0.1,
            "big": 123456789012345678901234567890,
            "verbose": True,
            "tables": ["dbo.Orders", "Customers"],
            "lock_config": {
                "type": "azure_blob",
                "connection_string": ENVIRONMENT["BLOB"],
                "container_name": "locks",
            },
        },
    }
    out = json.loads((tmp_path / "bin" / "out-config.json").read_text())
    assert out["config"]["connectionString"] == ENVIRONMENT["QUEUE"]
    received = (tmp_path / "bin" / "received").read_text().splitlines()
    assert [json.loads(line)["data"]["ID"] for line in received if line.startswith("{")] == ["1", "2", "3", "4"]
    assert len(received) == 8, "the core passes on every line; it does not know what a log is"
    assert "8 lines" in done.out


def test_its_log_among_the_data_is_no_data_for_an_output_of_version_1(dstream, tmp_path: Path) -> None:
    dstream.program("bin/mssql-provider", GO_LIKE_INPUT)
    sink = '    provider = "file"\n    config {\n      path = "{table}.jsonl"\n    }'
    dstream.write(dstream.task("t", '    provider = "./bin/mssql-provider"', sink))
    done = dstream("run", "t", "--json")
    assert done.code == 0, done.err
    names = [json.loads(line)["ID"] for line in (tmp_path / "Orders.jsonl").read_text().splitlines()]
    assert names == ["1", "2", "3", "4"]
    assert done.says("Polling changes n=4")
    assert done.document["dead_letters"] == 0
    assert (done.document["records"], done.document["acknowledged"]) == (8, 8)


@pytest.mark.parametrize("bare", [False, True])
def test_the_first_line_is_the_command_or_the_bare_configuration(dstream, tmp_path: Path, bare: bool) -> None:
    dstream.program("in", SAY_THREE.replace("COMMAND", "first"))
    dstream.program("out", SHOW)
    setting = '\n    envelope = "bare"' if bare else ""
    blocks = [
        f'    provider = "./{name}"{setting}\n    config {{\n      tables = ["T"]\n    }}' for name in ("in", "out")
    ]
    dstream.write(dstream.task("t", *blocks))
    done = dstream("run", "t")
    assert done.code == 0, done.err
    config = {"tables": ["T"]}
    expected = config if bare else {"command": "run", "config": config}
    assert json.loads((tmp_path / "first").read_text()) == expected
    first, *rest = [line.removeprefix("got ") for line in done.out.splitlines()]
    assert json.loads(first) == expected
    assert rest == ENVELOPES


HABITS: dict[str, tuple[str, list[str]]] = {
    "says ready first": ('read -r c; echo \'{"status":"ready"}\'; THREE', ENVELOPES),
    "says ready behind a log": ('read -r c; echo "[INFO] up"; echo \'{"status": "ready"}\'; THREE', ENVELOPES),
    "never reads": ("exec 0<&-; THREE", ENVELOPES),
    "reads to the end": ("cat > /dev/null; THREE", ENVELOPES),
    "is silent at first": ("read -r c; sleep 1.2; THREE", ENVELOPES),
    "has no last newline": ("read -r c; THREE; printf '%s' '{\"data\":{\"n\":4}}'", [*ENVELOPES, '{"data":{"n":4}}']),
    "closes stdout and lingers": ("read -r c; THREE; exec 1>&-; sleep 0.3", ENVELOPES),
    "starts a child that keeps the pipe": ("read -r c; sleep 30 & THREE", ENVELOPES),
    "says nothing at all": ("cat > /dev/null", []),
    "floods its log": ("read -r c; head -c 3000000 /dev/zero | tr '\\0' 'x' >&2; THREE", ENVELOPES),
}


@pytest.mark.parametrize("habit", HABITS)
def test_an_older_input_with_each_habit(dstream, habit: str) -> None:
    script, expected = HABITS[habit]
    lines = 'for n in 1 2 3; do echo "{\\"data\\":{\\"n\\":$n},\\"metadata\\":{}}"; done'
    dstream.program("in", script.replace("THREE", lines))
    dstream.program("out", SHOW)
    dstream.write(dstream.task("t", '    provider = "./in"', '    provider = "./out"'))
    done = dstream("run", "t")
    assert done.code == 0, done.err[-2000:]
    assert envelopes(done.out) == expected
    assert done.says("done: ")
    assert len(done.err) < 200_000, "a long line is cut in the log"


@pytest.mark.parametrize("habit", ["ends on SIGTERM", "ignores SIGTERM"])
def test_an_older_input_without_an_end_is_stopped(dstream, habit: str) -> None:
    """Invariant 7: there is no stop line for it; what it wrote before is delivered."""
    trap = "trap '' TERM\n" if habit.startswith("ignores") else ""
    dstream.program(
        "in", trap + 'read -r c; n=0; while :; do n=$((n + 1)); echo "{\\"data\\":{\\"n\\":$n}}"; sleep 0.02; done'
    )
    dstream.program("out", SHOW)
    text = dstream.task("t", '    provider = "./in"', '    provider = "./out"')
    dstream.write(text.replace("{", '{\n  stop_timeout = "2s"', 1))
    run = dstream.start("run", "t")
    assert run.stdout is not None
    first = run.stdout.readline() + run.stdout.readline()
    done = dstream.end(run, signal.SIGTERM)
    assert done.says("stopped by SIGTERM")
    assert done.code == 0, done.err
    shown = envelopes(first.decode() + done.out)
    assert [json.loads(line)["data"]["n"] for line in shown] == list(range(1, len(shown) + 1))


def test_an_older_output_that_prints_an_envelope_first_is_an_input(dstream) -> None:
    dstream.program("in", SAY_THREE.replace("COMMAND", "first"))
    dstream.program("wrong", 'read -r c; sleep 0.1; echo \'{"data":{},"metadata":{}}\'; cat > /dev/null')
    dstream.write(dstream.task("t", '    provider = "./in"', '    provider = "./wrong"'))
    done = dstream("run", "t")
    assert done.code == 1
    assert done.says("./wrong printed an envelope before it was given one", "this looks like an input provider")


@pytest.mark.parametrize("kind", ["input", "output"])
def test_a_refusal_of_an_older_provider_is_its_own_message(dstream, kind: str) -> None:
    refuses = 'read -r c; echo \'{"status":"error","message":"no such database: shop"}\'; exit 1'
    dstream.program("in", refuses if kind == "input" else SAY_THREE.replace("COMMAND", "first"))
    dstream.program("out", refuses if kind == "output" else SHOW)
    dstream.write(dstream.task("t", '    provider = "./in"', '    provider = "./out"'))
    done = dstream("run", "t")
    assert done.code == 1
    assert done.says("no such database: shop")


def test_the_originals_manifest_is_understood(dstream, tmp_path: Path) -> None:
    """`provider.json` of the original: no `protocol`, so an older provider; `type` is its role."""
    dstream.program("in", SAY_THREE.replace("COMMAND", "first"))
    dstream.program("out", SHOW)
    for name, kind in (("in", "input"), ("out", "output")):
        manifest = {"name": name, "version": "0.1.0", "type": kind, "platforms": ["linux/amd64"], "config_schema": {}}
        (tmp_path / f"{name}.provider.json").write_text(json.dumps(manifest))
    dstream.write(dstream.task("t", '    provider = "./in"', '    provider = "./out"'))
    done = dstream("run", "t")
    assert done.code == 0, done.err
    assert envelopes(done.out) == ENVELOPES
    assert "dstream" not in json.loads((tmp_path / "first").read_text()), "it is spoken to as an older one"
    dstream.write(dstream.task("t", '    provider = "./out"', '    provider = "./in"'))
    swapped = dstream("run", "t")
    assert swapped.code == 1, "the role of an older provider is not checked before it starts"
    assert swapped.says("./in printed an envelope before it was given one")


DOT_NET_COUNTER = """
    #!/usr/bin/awk -f
    # Options in camelCase; says ready; counts on stdout, logs on stderr.
    NR == 1 {
      match($0, /"maxCount": *[0-9]+/); last = substr($0, RSTART, RLENGTH); sub(/.*: */, "", last)
      print "{\\"status\\":\\"ready\\"}"
      for (n = 1; n <= last; n++)
        printf "{\\"data\\":{\\"value\\":%d},\\"metadata\\":{\\"seq\\":%d,\\"source\\":\\"counter\\",\\"interval_ms\\":1}}\\n", n, n
      print "info: Counter[0] stopping" > "/dev/stderr"
      exit 0
    }
"""


@pytest.mark.parametrize("provider", ["./counter-input", "counter"])
def test_the_counters_options_in_camel_case(dstream, provider: str) -> None:
    dstream.program("counter-input", DOT_NET_COUNTER)
    source = f'    provider = "{provider}"\n    config {{\n      interval = 1\n      maxCount = 3\n    }}'
    sink = '    provider = "console"\n    config {\n      outputFormat = "Simple"\n    }'
    dstream.write('dstream {\n  plugin_registry = "x.example"\n}\n' + dstream.task("t", source, sink))
    done = dstream("run", "t")
    assert done.code == 0, done.err
    shown = [line.partition(": ") for line in done.out.splitlines()]
    assert [head for head, _, _ in shown] == [f"Message #{n}" for n in (1, 2, 3)]
    assert [json.loads(data)["value"] for _, _, data in shown] == [1, 2, 3]


STRINGS = {"status": "success", "resources": ["queue orders", "queue customers"], "message": "2 queues", "metadata": {}}
ANSWERS: dict[str, str] = {
    "one line": "echo 'JSON'",
    "behind a handshake and logs": "echo '{\"status\":\"ready\"}'; echo 'info: creating'; echo 'JSON'; echo done >&2",
    "on several lines": "echo '{'; echo 'JSON' | sed 's/^{//; s/}$//; s/, \"/,\\n  \"/g'; echo '}'",
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_older_output_answers_lifecycle_verbs_with_strings(dstream, answer: str) -> None:
    script = 'read -r c; case $c in *\'"dstream"\'*) exit 8;; esac; printf "%s" "$c" > verb; '
    script += ANSWERS[answer].replace("JSON", json.dumps(STRINGS | {"metadata": 0}).replace(', "metadata": 0', ""))
    dstream.program("out", script)
    dstream.write(dstream.task("t", '    provider = "./missing-input"', '    provider = "./out"'))
    verbs: list[tuple[str, ...]] = [("destroy",)]
    if answer == "one line":
        dstream.program("missing-input", SHOW)
        verbs = [("plan",), ("init",), ("status",), ("destroy", "--yes")]
    for verb, *flags in verbs:
        done = dstream(verb, "t", "--json", *flags)
        assert done.code == 0, done.err
        assert json.loads((dstream.folder / "verb").read_text())["command"] == verb
        assert done.document["resources"] == STRINGS["resources"]
        assert done.document["task"] == "t"
    text = dstream("destroy", "t")
    assert text.code == 0
    assert "2 queues" in text.out


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('echo \'{"status":"failed","error":"no permission"}\'; exit 1', "no permission"),
        ('echo \'{"status":"error","message":"bad connection string"}\'; exit 1', "bad connection string"),
        ("echo 'unknown command' >&2; exit 2", "unknown command"),
    ],
)
def test_an_older_output_that_fails_a_verb(dstream, script: str, said: str) -> None:
    dstream.program("out", f"read -r c; {script}")
    dstream.program("in", SHOW)
    dstream.write(dstream.task("t", '    provider = "./in"', '    provider = "./out"'))
    done = dstream("init", "t")
    assert done.code == 1
    assert done.says(said)


@pytest.mark.parametrize(
    "line", ['{"interval":0,"maxCount":3}', '{"command":"run","config":{"interval":0,"max_count":3}}']
)
def test_a_plugin_runs_by_hand_and_under_an_older_orchestrator(tmp_path: Path, dstream, line: str) -> None:
    program = Path(sys.executable).with_name("dstream-counter")
    done = subprocess.run(
        [program],
        input=line.encode() + b"\n",
        capture_output=True,
        cwd=tmp_path,
        env=dstream.environment | {"DSTREAM_STATE_DIR": str(tmp_path / "kept")},
        timeout=30,
    )
    first, *data = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 0, done.stderr
    assert first["status"] == "ready"
    assert [item["data"]["value"] for item in data] == [1, 2, 3]
    kept: Any = json.loads((tmp_path / "kept" / "state.json").read_text())
    assert kept["partitions"] == {"": 3}
