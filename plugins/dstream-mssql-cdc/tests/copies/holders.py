"""Processes that hold leases, and what happens to them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Holder:
    """A process with leases."""

    def __init__(self, **document: Any) -> None:
        program = Path(__file__).with_name("holder.py")
        self.process = subprocess.Popen(
            [sys.executable, str(program), json.dumps(document)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.lines: list[tuple[float, dict[str, int]]] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            document = json.loads(line)
            self.lines.append((document["at"], document["held"]))

    @property
    def held(self) -> dict[str, int]:
        return self.lines[-1][1] if self.lines else {}

    def end(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._thread.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


def until(condition: Callable[[], bool], seconds: float) -> float:
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() < begin + seconds
        time.sleep(0.02)
    return time.monotonic() - begin


def take_over_from_one_that_stands_still_and_one_that_is_killed(start: Callable[[], Holder], lease: float) -> None:
    """Two copies share four tables; each is followed by the other in its turn."""
    one = start()
    until(lambda: len(one.held) == 4, 20)
    two = start()
    until(lambda: (len(one.held), len(two.held)) == (2, 2), 20)
    assert not set(one.held) & set(two.held)
    epochs = dict(one.held)
    one.process.send_signal(signal.SIGSTOP)
    until(lambda: len(two.held) == 4, lease + 5)
    woken = time.monotonic()
    one.process.send_signal(signal.SIGCONT)
    until(lambda: any(at >= woken for at, _ in one.lines), 5)
    [first, *_] = [held for at, held in one.lines if at >= woken]
    assert first == {}, "what it held before must not count for a moment"
    assert all(two.held[name] > epoch for name, epoch in epochs.items())
    until(lambda: (len(one.held), len(two.held)) == (2, 2), 20)
    two.process.kill()
    took = until(lambda: len(one.held) == 4, lease + 5)
    assert took < lease + 2
