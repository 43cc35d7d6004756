"""The destination equals the source, whatever dies (invariants 1, 2, 8).

A seeded writer changes many tables: inserts, updates, key updates, deletes, multi-row statements, rollbacks, two changes
of schema in the middle. `dstream run` delivers snapshot and changes to a file, from which the tables are built again.
Orchestrator, input and output are killed, and connections are cut, at random moments. A fault counts only if lines were
unacknowledged: all processes of the run are frozen, the pipe to the output is looked at, and if it holds lines the fault
strikes. What must be there in the end is known from the writer alone.

`--kills N` says how many faults; `DSTREAM_TEST_SEED=…` replays the writer's choices.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from destination import Destination
from workload_model import Workload
from writing import Writer, differences, prepared, until

from dstream_core.testing.in_flight import freeze_in_flight, members, thaw
from dstream_sandbox.sqlserver.client import SqlServerSandbox

CONFIGURATION = """
task "copy" {
  input {
    provider = "mssql-cdc"
    config {
      db_connection_string = env("SOURCE")
      poll_interval        = "30ms"
      max_poll_interval    = "200ms"
      tables_interval      = "500ms"
      batch_size           = 50
      snapshot_chunk_rows  = 20
      snapshot_tables      = 3
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
TABLES = 50
FAULTS = ("orchestrator", "cut", "input", "row", "output", "byte")
ATTEMPTS_PER_FAULT = 40
TEMPORARY = 75
"""The exit code of a start that found no connection."""
READING = "SELECT TOP"
"""In the provider's statements; the writer's own are left alone."""


@dataclass
class Runs:
    """Runs of the task, one after the other, until all faults have struck."""

    folder: Path
    server: SqlServerSandbox
    destination: Destination
    chance: random.Random
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0

    def start(self) -> None:
        program = Path(sys.executable).with_name("dstream")
        environment = os.environ | {"SOURCE": self.server.connection_string("Shop")}
        with (self.folder / "run.log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, "run", "copy"],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.restarts += 1

    @property
    def running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    def log(self) -> str:
        return (self.folder / "run.log").read_text(errors="replace")[-4000:]

    def strike(self, fault: str) -> bool:
        """One fault at a moment when lines are unacknowledged; whether that came about."""
        self._wait_for_members()
        for _ in range(ATTEMPTS_PER_FAULT):
            time.sleep(self.chance.random() * 0.1)  # the random moment
            self.destination.read_on()
            if self.running.poll() == TEMPORARY:
                # A cut struck while the next run was starting: whoever looks after it starts it again.
                self.start()
                self._wait_for_members()
            assert self.running.poll() is None, f"the run ended by itself:\n{self.log()}"
            processes = members(self.running.pid)
            if len(processes) == 3 and freeze_in_flight(processes):
                self._do(fault, processes)
                return True
        return False

    def _do(self, fault: str, processes: dict[str, int]) -> None:
        if fault in processes:
            os.kill(processes[fault], signal.SIGKILL)
            thaw(pid for name, pid in processes.items() if name != fault)
            self.running.wait(60)
            self.start()
            return
        control = self.server.control
        if fault == "cut":
            for session in control.connections()["sessions"]:
                if session["application"].startswith("dstream"):
                    control.kill(session["spid"])
        elif fault == "row":
            control.fault("fin", place="row", position=self.chance.randrange(1, 30), pattern=READING)
        else:
            control.fault("rst", place="byte", position=self.chance.randrange(1, 3000), pattern=READING)
        thaw(processes.values())

    def _wait_for_members(self) -> None:
        until(lambda: self.running.poll() is not None or len(members(self.running.pid)) == 3, "all three processes")

    def stop(self) -> int:
        self.running.terminate()
        return self.running.wait(60)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@pytest.fixture
def server() -> Iterator[SqlServerSandbox]:
    with SqlServerSandbox() as running:
        yield running


@pytest.mark.kills
@pytest.mark.needs("linux")
@pytest.mark.timeout(0)  # bounded by the number of faults and of attempts for each
def test_the_destination_equals_the_source_under_faults(
    tmp_path: Path, server: SqlServerSandbox, request: pytest.FixtureRequest
) -> None:
    faults = request.config.getoption("--kills")
    seed = int(os.environ.get("DSTREAM_TEST_SEED") or random.randrange(1 << 32))
    sys.stdout.write(f"DSTREAM_TEST_SEED={seed}\n")
    chance = random.Random(seed)
    (tmp_path / "dstream.hcl").write_text(CONFIGURATION)
    workload = Workload(random.Random(seed), TABLES)
    connection = prepared(server, workload)
    destination = Destination(tmp_path / "out.jsonl")
    runs = Runs(tmp_path, server, destination, chance)
    writer = Writer(connection, workload)
    counted = 0
    try:
        runs.start()
        for attempt in range(faults * 3):
            counted += runs.strike(FAULTS[attempt % len(FAULTS)])
            if attempt == faults // 2:
                writer.change_schema()
            if counted == faults:
                break
        writer.end()
        assert counted == faults, f"only {counted} faults struck while lines were unacknowledged"
        until(lambda: destination.read_on() and not differences(workload, destination.tables), "destination = source")
        assert runs.stop() == 0, runs.log()
    except AssertionError:
        writer.stop()
        sys.stdout.write(f"{differences(workload, destination.tables)[:5]}\n{runs.log()}\n")
        raise
    finally:
        runs.end()
        writer.stop()
        connection.close()
    destination.read_on()
    assert differences(workload, destination.tables) == []
    destination.check_ids()
    destination.check_order()
    sys.stdout.write(
        f"{len(destination.lines)} lines, {destination.repeats()} repeated, {workload.transactions} transactions, "
        f"{counted} faults, {runs.restarts} runs\n"
    )
