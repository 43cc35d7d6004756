"""What a consumer of the lines has: tables built from them, and what must hold for the lines themselves."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Place = tuple[str, int, str, int]
"""LSN, CommandID, Seq, OperationID."""

Tables = Mapping[tuple[str, str], dict[tuple[Any, ...], dict[str, Any]]]
"""Rows by key, by schema and table; a table that nothing was said of is empty."""


class Destination:
    """Reads on in a file of lines as it grows, and applies them.

    Args:
        path: of JSON lines.
    """

    def __init__(self, path: Path):
        self._path = path
        self._offset = 0
        self.lines: list[dict[str, Any]] = []
        self.tables: dict[tuple[str, str], dict[tuple[Any, ...], dict[str, Any]]] = defaultdict(dict)

    def read_on(self) -> int:
        """Applies what is new; returns how many lines there are. A torn line at the end is left for later."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                whole = file.read().rpartition(b"\n")[0]
            if whole:
                self._offset += len(whole) + 1
                for text in whole.split(b"\n"):
                    self.apply(json.loads(text))
        return len(self.lines)

    def apply(self, line: dict[str, Any]) -> None:
        """Applies one line."""
        self.lines.append(line)
        metadata = line["metadata"]
        rows = self.tables[metadata["SchemaName"], metadata["TableName"]]
        key = tuple(metadata["Key"].values()) or (metadata["MessageID"],)
        if metadata["OperationType"] == "Delete":
            rows.pop(key, None)
        else:
            rows[key] = rows.get(key, {}) | line["data"]

    def repeats(self) -> int:
        """How many lines came again."""
        return len(self.lines) - len({line["metadata"]["MessageID"] for line in self.lines})

    def check_ids(self) -> None:
        """The same change has the same id however often it comes; different ones never share it."""
        ids: dict[Any, str] = {}
        contents: dict[str, Any] = {}
        for line in self.lines:
            metadata = line["metadata"]
            table = (metadata["SchemaName"], metadata["TableName"])
            if not metadata["Snapshot"]:
                assert ids.setdefault((table, place(metadata)), metadata["MessageID"]) == metadata["MessageID"]
            content = (table, metadata["Snapshot"], place(metadata), json.dumps(metadata["Key"]), line["data"])
            assert contents.setdefault(metadata["MessageID"], content) == content, "an id was given twice"

    def check_order(self) -> None:
        """The changes of a key come in the order in which they were made, but for repeats."""
        newest: dict[Any, Place] = {}
        seen: set[str] = set()
        for line in self.lines:
            metadata = line["metadata"]
            if metadata["Snapshot"] or metadata["MessageID"] in seen:
                continue
            seen.add(metadata["MessageID"])
            key = (metadata["SchemaName"], metadata["TableName"], json.dumps(metadata["Key"]))
            assert newest.get(key, ("", 0, "", 0)) < place(metadata), f"{key}: out of order"
            newest[key] = place(metadata)


def place(metadata: dict[str, Any]) -> Place:
    """The full key of a change."""
    return metadata["LSN"], metadata["CommandID"], metadata["Seq"], metadata["OperationID"]
