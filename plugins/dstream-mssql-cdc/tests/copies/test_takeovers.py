"""Copies of one task: who is killed or stands still is followed, nothing is lost, and what comes twice can be told.

A seeded writer changes tables while holders are killed (SIGKILL) and stopped for longer than their lease (SIGSTOP,
then SIGCONT), always at a moment when lines of theirs are between input and output. What all copies delivered, in the
order of `LeaseEpoch` and then of position, must be what the writer left.

`--kills N` says how many rounds (a sixth of it, in each of which one copy is killed and, of three, another is stopped).
"""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from checkpoint_history import CheckpointHistory
from replicas import Replica, check_epochs, kill, merged, overlap, where
from workload_model import Workload
from writing import Writer, differences, prepared, until

from dstream_core.testing.in_flight import thaw
from dstream_sandbox.sqlserver.client import SqlServerSandbox

TABLES = 60
LEASE = 5.0
LOCKS = 'lock_config { type = "sqlserver" lease = "5s" }'


@pytest.fixture
def server() -> Iterator[SqlServerSandbox]:
    with SqlServerSandbox() as running:
        yield running


@dataclass
class Takeovers:
    """Copies, and what has happened to them."""

    replicas: list[Replica]
    history: CheckpointHistory
    chance: random.Random
    taken: int = 0
    late: list[int] = field(default_factory=list)
    """Lines that came from copies which had been stopped, under leases that others had by then; for each stop."""

    def shares(self) -> list[int]:
        return sorted(Counter(holder for holder, _ in self.history.holders().values()).values())

    def wait_for_even_shares(self) -> None:
        whole, rest = divmod(TABLES, len(self.replicas))
        even = [whole] * (len(self.replicas) - rest) + [whole + 1] * rest
        until(lambda: self.shares() == even, f"even shares instead of {self.shares()}")

    def round(self, stops: bool) -> None:
        """Kills one, stops another (at least two are there), waits until others have their tables, and all are back."""
        killed, stopped, *_ = self.chance.sample(self.replicas, 2)
        before = self.history.holders()
        if stops:
            processes = stopped.freeze(self.chance)
            running = self.chance.choice([[], ["orchestrator", "output"]])
            thaw(processes[role] for role in running)
        if not stops or len(self.replicas) > 2:
            victims = killed.freeze(self.chance)
            kill(victims.values() if self.chance.random() < 0.5 else [victims["input"]])
            thaw(victims.values())
            killed.process.wait(30)
        down = 1 if len(self.replicas) == 2 or not stops else 2
        until(lambda: self._left(before) == len(self.replicas) - down, "the others have the tables")
        now = self.history.holders()
        self.taken += sum(now[name][1] > epoch for name, (_, epoch) in before.items())
        if stops:
            self._go_on(stopped, processes, bool(running))
        if killed.process.poll() is not None:
            killed.start()
        self.wait_for_even_shares()

    def _left(self, before: dict[str, tuple[str, int]]) -> int:
        holders = self.history.holders()
        return len({holder for holder, _ in holders.values()}) if holders.keys() == before.keys() else 0

    def _go_on(self, stopped: Replica, processes: dict[str, int], only_the_input: bool) -> None:
        """What it says under leases that it lost meanwhile is one write at most, if only the input stood still."""
        epochs = {name: epoch for name, (_, epoch) in self.history.holders().items()}
        stopped.destination.read_on()
        already = len(stopped.destination.lines)
        thaw(processes.values())
        self.wait_for_even_shares()
        stopped.destination.read_on()
        ...
