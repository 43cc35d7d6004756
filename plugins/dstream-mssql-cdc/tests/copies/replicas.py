"""Copies of one task, each a real `dstream run` in a folder of its own, and what they delivered together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from destination import Destination, Place, place

from dstream_core.testing.in_flight import freeze_in_flight, members, thaw

CONFIGURATION = """
task "copy" {
  input {
    provider = "mssql-cdc"
    config {
      db_connection_string = env("SOURCE")
      tables               = ["dbo.*", "sales.*", "!dbo.dstream_checkpoints"]
      poll_interval        = "100ms"
      max_poll_interval    = "1s"
      batch_size           = 50
      snapshot_chunk_rows  = 20
      snapshot_tables      = 2
      $options
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
ROLES = 3
"""Processes of a run: orchestrator, input, output."""
ATTEMPTS = 100


class Replica:
    """One copy of the task.

    Args:
        folder: of its project; also where its output goes.
        options: further options of the input, in HCL.
        environment: beside that of the tests.
    """

    def __init__(self, folder: Path, options: str, **environment: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.destination = Destination(folder / "out.jsonl")
        self._environment = os.environ | environment
        (folder / "dstream.hcl").write_text(CONFIGURATION.replace("$options", options))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Begins, or begins again."""
        with (self.folder / "run.log").open("ab") as log:
            self._process = subprocess.Popen(
                [Path(sys.executable).with_name("dstream"), "run", "copy"],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The orchestrator."""
        assert self._process is not None
        return self._process

    @property
    def log(self) -> str:
        """The end of its log."""
        return (self.folder / "run.log").read_text(errors="replace")[-3000:]

    def freeze(self, chance: Any) -> dict[str, int]:
        """Stops all of its processes at a moment when lines are between input and output; their numbers."""
        for _ in range(ATTEMPTS):
            time.sleep(chance.random() * 0.05)
            assert self.process.poll() is None, f"the run ended by itself:\n{self.log}"
            processes = members(self.process.pid)
            if len(processes) == ROLES and freeze_in_flight(processes):
                return processes
        raise AssertionError(f"there was no moment at which {self.folder.name} had lines on their way")

    def stop(self) -> None:
        """Ends it as a service manager does."""
        self.process.terminate()
        assert self.process.wait(60) == 0, self.log

    def end(self) -> None:
        """Whatever state it is in."""
        if self.process.poll() is None:
            thaw(members(self.process.pid).values())
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def kill(processes: Iterable[int]) -> None:
    """At once, and without a word."""
    for pid in processes:
        os.kill(pid, signal.SIGKILL)


def where(line: dict[str, Any]) -> tuple[int, Place]:
    """What decides between lines of several copies: the lease's epoch, then the position."""
    return line["metadata"]["LeaseEpoch"], place(line["metadata"])


def table_of(line: dict[str, Any]) -> str:
    """`schema.table`."""
    return f"{line['metadata']['SchemaName']}.{line['metadata']['TableName']}"


def merged(replicas: Sequence[Replica]) -> Destination:
    """What all copies delivered, in the order of epochs and positions."""
    for replica in replicas:
        replica.destination.read_on()
    whole = Destination(Path(os.devnull))
    for line in sorted((line for replica in replicas for line in replica.destination.lines), key=where):
        whole.apply(line)
    return whole


def check_epochs(replicas: Sequence[Replica]) -> None:
    """Under one lease there is one reader, who repeats nothing and keeps the order of every key."""
    readers: dict[tuple[str, int], str] = {}
    for replica in replicas:
        newest: dict[Any, Place] = {}
        for line in replica.destination.lines:
            table, (epoch, here) = table_of(line), where(line)
            assert readers.setdefault((table, epoch), replica.folder.name) == replica.folder.name
            if not line["metadata"]["Snapshot"]:
                key = (table, epoch, json.dumps(line["metadata"]["Key"]))
                assert newest.get(key, ("", 0, "", 0)) < here, f"{key}: out of order, or twice"
                newest[key] = here


def overlap(replicas: Sequence[Replica]) -> int:
    """How many changes came under more than one lease."""
    seen = {(line["metadata"]["MessageID"], where(line)[0]) for r in replicas for line in r.destination.lines}
    return sum(count - 1 for count in Counter(identity for identity, _ in seen).values())
