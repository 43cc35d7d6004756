"""Rounds in which copies are killed and stopped while they have lines on their way."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

from replicas import Group, Replica, table_of, where

from dstream_core.testing.in_flight import thaw


@dataclass
class Takeovers(Group):
    """Copies, and what has happened to them."""

    chance: random.Random = field(default_factory=random.Random)
    taken: int = 0
    took: list[float] = field(default_factory=list)
    """By round: seconds until the others had everything."""
    late: list[int] = field(default_factory=list)
    """By stop: lines that came afterwards under leases that others had by then."""

    def round(self, *, kills: bool, stops: bool) -> None:
        """Kills one, stops another, waits until those that are left have everything, and brings them back."""
        killed, stopped, *_ = self.chance.sample(self.replicas, 2)
        before = self.watch.holders()
        processes = stopped.freeze(self.chance) if stops else {}
        only_the_input = self.chance.random() < 0.5
        if only_the_input:
            thaw(pid for role, pid in processes.items() if role != "input")
        if kills:
            killed.kill(self.chance)
        begin = time.monotonic()
        left = len(self.replicas) - kills - stops
        self.until(
            lambda: len(self.shares) == left and sum(self.shares) == self.tables, f"{left} copies have all tables"
        )
        self.took.append(time.monotonic() - begin)
        now = self.watch.holders()
        self.taken += sum(now[name][1] > epoch for name, (_, epoch) in before.items())
        if stops:
            self._go_on(stopped, processes, only_the_input)
        if kills:
            killed.start()
        self.wait_for_even_shares()

    def _go_on(self, stopped: Replica, processes: dict[str, int], only_the_input: bool) -> None:
        """Lets it go on; if the input alone stood still, the write that it was in is all that comes late."""
        epochs = {name: epoch for name, (_, epoch) in self.watch.holders().items()}
        stopped.destination.read_on()
        already = len(stopped.destination.lines)
        thaw(processes.values())
        self.until(lambda: len(self.shares) > 1, "it takes part again")
        stopped.destination.read_on()
        late = [line for line in stopped.destination.lines[already:] if where(line)[0] < epochs[table_of(line)]]
        if only_the_input:
            assert len({table_of(line) for line in late}) <= 1, "more than the write in progress"
        self.late.append(len(late))
