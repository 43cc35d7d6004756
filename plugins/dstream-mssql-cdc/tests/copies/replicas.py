"""Copies of one task, each a real `dstream run` in a folder of its own, and what they delivered together."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from destination import Destination, Place, place
from writing import until

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
        self.ended = False
        self.start()

    def start(self) -> None:
        """Begins, or begins again."""
        self.ended = False
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

    def freeze(self, chance: random.Random) -> dict[str, int]:
        """Stops all of its processes at a moment when lines are between input and output; their numbers.

        The output stands still a little longer than the others, as if its destination were slow.
        """
        for _ in range(ATTEMPTS):
            assert self.process.poll() is None, f"the run ended by itself:\n{self.log}"
            processes = members(self.process.pid)
            if len(processes) == ROLES:
                os.kill(processes["output"], signal.SIGSTOP)
                time.sleep(chance.random() * 0.2)
                if freeze_in_flight(processes):
                    return processes
            time.sleep(0.02)
        raise AssertionError(f"there was no moment at which {self.folder.name} had lines on their way")

    def kill(self, chance: random.Random) -> None:
        """Ends the input, or all of its processes, at once and without a word, with lines on their way."""
        processes = self.freeze(chance)
        for pid in chance.choice([[processes["input"]], list(processes.values())]):
            os.kill(pid, signal.SIGKILL)
        thaw(processes.values())
        self.process.wait(30)
        self.ended = True

    @property
    def failed(self) -> bool:
        """It ended by itself."""
        return not self.ended and self.process.poll() is not None

    @property
    def runs(self) -> bool:
        """Nobody has ended it."""
        return not self.ended

    def stop(self) -> None:
        """Ends it as a service manager does."""
        self.ended = True
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


class Watch(Protocol):
    """Sees who has which table."""

    def holders(self) -> dict[str, tuple[str, int]]:
        """By table: who has it, with the epoch; those that nobody has are left out."""


@dataclass
class Group:
    """Copies of one task; they are ended with it, and their logs shown if a test fails.

    Attributes:
        watch: sees who has which table.
        tables: how many there are.
        replicas: all that ever began.
    """

    watch: Watch
    tables: int
    replicas: list[Replica] = field(default_factory=list)

    def begin(self, folder: Path, options: str, **environment: str) -> Replica:
        """One more."""
        self.replicas.append(Replica(folder, options, **environment))
        return self.replicas[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for replica in self.replicas:
            if kind is not None:
                sys.stdout.write(f"{replica.folder.name}:\n{replica.log}\n")
            replica.end()

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Also sees that no copy has ended by itself."""

        def reached() -> bool:
            for replica in self.replicas:
                assert not replica.failed, replica.log
            return bool(condition())

        until(reached, what)

    @property
    def shares(self) -> list[int]:
        """How many tables each has that has any."""
        return sorted(Counter(holder for holder, _ in self.watch.holders().values()).values())

    def wait_for_even_shares(self) -> None:
        """Among those that run."""
        whole, rest = divmod(self.tables, len(running := [each for each in self.replicas if each.runs]))
        even = [whole] * (len(running) - rest) + [whole + 1] * rest
        self.until(lambda: self.shares == even, f"even shares among {len(running)} copies")

    def stop(self) -> None:
        """All that run."""
        for replica in self.replicas:
            if replica.runs:
                replica.stop()


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
