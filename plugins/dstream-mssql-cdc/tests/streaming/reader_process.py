"""The input as a process of its own, as DStream starts it: read, acknowledge, stop, kill, start again."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from source_database import PATIENCE, until

from dstream_core.api import State
from dstream_core.testing import ProviderProcess
from dstream_mssql_cdc.position import TablePosition

Line = dict[str, Any]

FAST = {"poll_interval": "20ms", "max_poll_interval": "40ms", "tables_interval": "200ms"}
"""No test waits for a pause unless it is about pauses."""


class Reader:
    """One run of the input.

    Args:
        connection_string: of the database.
        state_dir: where positions are kept.
        options: of the input, beside those that make it fast.
    """

    def __init__(self, connection_string: str, state_dir: Path, options: dict[str, Any]):
        state_dir.mkdir(exist_ok=True)
        self.state_dir = state_dir
        self.process = ProviderProcess(
            [Path(sys.executable).with_name("dstream-mssql-cdc")],
            "input",
            {"db_connection_string": connection_string, **FAST, **options},
            state_dir=state_dir,
        )
        self.lines: list[Line] = []
        """Every line taken so far."""

    def __enter__(self) -> Self:
        self.process.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.__exit__(kind, error, trace)

    # -- lines

    def take(self, count: int, *, seconds: float = PATIENCE, ack: bool = True) -> list[Line]:
        """The next lines, acknowledged one by one unless told otherwise."""
        taken: list[Line] = []
        deadline = time.monotonic() + seconds
        while len(taken) < count:
            taken += self.process.envelopes(1, max(deadline - time.monotonic(), 0.01))
            self.lines.append(taken[-1])
            if ack:
                self.acknowledge()
        return taken

    def take_until(self, enough: Callable[[list[Line]], bool], *, seconds: float = PATIENCE) -> list[Line]:
        """Lines, acknowledged as they come, until they are enough."""
        taken: list[Line] = []
        deadline = time.monotonic() + seconds
        while not enough(taken):
            taken += self.take(1, seconds=max(deadline - time.monotonic(), 0.01))
        return taken

    def acknowledge(self) -> None:
        """All lines taken are durable."""
        self.process.ack(len(self.lines))

    def nothing_comes(self, seconds: float = 0.3) -> bool:
        """No line for that long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if len(self.process.stdout) > len(self.lines) + 1:  # the handshake is one
                return False
            time.sleep(0.02)
        return True

    # -- the end

    def stop(self, seconds: float = PATIENCE) -> int:
        """Asks for the end, acknowledges what still comes, and gives the exit code."""
        self.process.stop()
        self.drain(seconds)
        self.process.close_stdin()
        return self.process.wait(seconds)

    def drain(self, seconds: float = PATIENCE) -> list[Line]:
        """The lines up to the end of stdout, acknowledged."""
        rest: list[Line] = []
        deadline = time.monotonic() + seconds
        while (line := self.process.read_line(max(deadline - time.monotonic(), 0.01))) is not None:
            rest.append(json.loads(line))
            self.lines.append(rest[-1])
            self.acknowledge()
        return rest

    def failure(self, seconds: float = PATIENCE) -> int:
        """The exit code of a run that ends by itself."""
        self.drain(seconds)
        self.process.close_stdin()
        return self.process.wait(seconds)

    def kill(self) -> None:
        self.process.kill()

    # -- what it says

    @property
    def log(self) -> list[dict[str, Any]]:
        """Its log records so far: `level` and `message`."""
        return [control["log"] for control in self._control_lines() if "log" in control]

    @property
    def progress(self) -> list[dict[str, Any]]:
        """Its reports of progress so far."""
        return [control["progress"] for control in self._control_lines() if "progress" in control]

    def messages(self, level: str = "") -> list[str]:
        """Messages of its log, of one level or all."""
        return [record["message"] for record in self.log if level in ("", record["level"])]

    def says(self, *words: str, level: str = "", seconds: float = PATIENCE) -> str:
        """The message that holds all these words, as soon as it is there."""

        def said() -> str:
            return next((text for text in self.messages(level) if all(word in text for word in words)), "")

        try:
            return str(until(said, f"a message with {words}", seconds))
        except AssertionError as error:
            raise AssertionError(f"{error}; what was said:\n{self.process.stderr[-3000:]}") from None

    def begins(self, *tables: str) -> None:
        """Waits until these tables (`dbo.Orders` if none is named) are known to the run."""
        for table in tables or ("dbo.Orders",):
            self.says(f"{table}: begins with its")

    def _control_lines(self) -> list[dict[str, Any]]:
        lines = self.process.stderr.splitlines(keepends=True)
        return [
            json.loads(line)["$dstream"] for line in lines if line.startswith('{"$dstream"') and line.endswith("\n")
        ]

    # -- positions

    def positions(self) -> dict[str, TablePosition]:
        """The stored positions, by table."""
        path = State(self.state_dir, "mssql-cdc", "test").path
        partitions = json.loads(path.read_text())["partitions"] if path.exists() else {}
        return {name: TablePosition.parse(document) for name, document in partitions.items()}

    def stored(self, condition: Callable[[Any], Any], what: str) -> Any:
        """Waits for stored positions that are as wanted; what one of them lacks is not yet there."""

        def met() -> Any:
            try:
                return condition(self.positions())
            except (KeyError, AttributeError):
                return False

        return until(met, f"stored position: {what}")

    def rows_stored(self, count: int) -> None:
        """Waits until it is stored that the snapshots of all tables have delivered so many rows."""

        def counted(kept: dict[str, TablePosition]) -> bool:
            return sum(position.snapshot.rows for position in kept.values() if position.snapshot) == count

        self.stored(counted, f"{count} rows")

    def snapshots_done(self, *tables: str) -> None:
        """Waits until it is stored that the rows of these tables (`dbo.Orders` if none is named) are delivered."""
        names = tables or ("dbo.Orders",)

        def done(kept: dict[str, TablePosition]) -> bool:
            return all(name in kept and (snapshot := kept[name].snapshot) and snapshot.done for name in names)

        self.stored(done, f"the snapshots of {names} are done")


def ids(lines: list[Line], table: str = "") -> list[Any]:
    """The ids of rows, of one table or all."""
    return [line["data"]["id"] for line in lines if table in ("", line["metadata"]["TableName"])]


def kinds(lines: list[Line]) -> list[str]:
    """`Snapshot`, `Insert`, `Update`, `Delete`."""
    return ["Snapshot" if line["metadata"]["Snapshot"] else line["metadata"]["OperationType"] for line in lines]


def changes(lines: list[Line]) -> list[Line]:
    """Those that are of no snapshot."""
    return [line for line in lines if not line["metadata"]["Snapshot"]]


def as_table(lines: list[Line], key: str = "id") -> dict[Any, dict[str, Any]]:
    """What a destination holds that applied the lines in their order."""
    rows: dict[Any, dict[str, Any]] = {}
    for line in lines:
        if line["metadata"]["OperationType"] == "Delete":
            rows.pop(line["data"][key], None)
        else:
            rows[line["data"][key]] = rows.get(line["data"][key], {}) | line["data"]
    return rows
