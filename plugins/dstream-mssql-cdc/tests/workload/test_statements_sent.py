"""Whatever is sent to the server is T-SQL to a second grammar too: what the sandbox was really sent, in its own words."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from destination import Destination
from sqlfluff.core import Linter
from workload_model import Workload
from writing import differences, prepared, until

from dstream_sandbox.sqlserver.client import SqlServerSandbox

CONFIGURATION = """
task "copy" {
  input {
    provider = "mssql-cdc"
    config {
      db_connection_string = env("SOURCE")
      poll_interval        = "50ms"
      tables_interval      = "500ms"
      batch_size           = 20
      snapshot_chunk_rows  = 10
      max_connections      = 4
      checkpoint           = "table"
      lock_config {
        type  = "sqlserver"
        lease = "5s"
      }
    }
  }
  output {
    provider = "file"
    config {
      path     = "out.jsonl"
      envelope = true
    }
  }
}
"""
NAMES_OR_VALUES = re.compile(r"(?P<name>\[(?:[^\]]|\]\])*\])|(?P<text>N?'(?:[^']|'')*')|(?P<other>0x[0-9a-fA-F]+)")


def shape(text: str) -> str:
    """The statement without its values, so that each kind is parsed once.

    Names stay, but for doubled brackets, which this grammar does not know.
    """

    def plain(found: re.Match[str]) -> str:
        return found["name"].replace("]]", "_") if found["name"] else "N'x'" if found["text"] else "0x00"

    return NAMES_OR_VALUES.sub(plain, text)


@pytest.mark.long
@pytest.mark.timeout(240)
def test_everything_that_is_sent_parses(tmp_path: Path) -> None:
    (tmp_path / "dstream.hcl").write_text(CONFIGURATION)
    program = Path(sys.executable).with_name("dstream")
    workload = Workload(random.Random(7), 6)
    with SqlServerSandbox() as server:
        connection = prepared(server, workload)
        environment = os.environ | {"SOURCE": server.connection_string("Shop")}

        def dstream(*arguments: str) -> subprocess.Popen[bytes]:
            with (tmp_path / "log").open("ab") as log:
                return subprocess.Popen([program, *arguments], cwd=tmp_path, env=environment, stdout=log, stderr=log)

        for verb in ("check", "discover"):
            dstream(verb, "copy").wait(60)
        run = dstream("run", "copy")
        try:
            destination = Destination(tmp_path / "out.jsonl")
            until(destination.read_on, "the first rows")
            with connection.cursor() as cursor:
                for _ in range(100):
                    cursor.execute(workload.transaction())
                for statement in workload.schema_changes():
                    cursor.execute(statement)
                for _ in range(100):
                    cursor.execute(workload.transaction())
            until(lambda: destination.read_on() and not differences(workload, destination.tables), "all changes")
        finally:
            run.terminate()
            assert run.wait(60) == 0, (tmp_path / "log").read_text()
            connection.close()
        sent = {
            shape(entry["text"])
            for entry in server.control.statements()
            if str(entry["application"]).startswith("dstream")
        }
    linter = Linter(dialect="tsql")
    unknown = {}
    for text in sorted(sent):
        tree = linter.parse_string(text + "\n").tree
        parts = ["nothing was parsed"] if tree is None else [part.raw for part in tree.recursive_crawl("unparsable")]
        if parts:
            unknown[text] = parts
    assert unknown == {}
    assert len(sent) > 40
