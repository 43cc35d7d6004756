"""The blobs with the positions of a task, looked at again and again."""

from __future__ import annotations

import json

from checkpoint_history import assert_forward

from dstream_mssql_cdc.blobs import BlobContainer
from dstream_mssql_cdc.leases.names import blob_folder
from dstream_mssql_cdc.position import TablePosition


class BlobWatch:
    """Sees who marked which table's position last, and that no position ever goes back.

    Args:
        container: where the blobs lie.
        task: name of the task.
        database: name of the database.
    """

    def __init__(self, container: BlobContainer, task: str, database: str) -> None:
        self._container = container
        self._folder = f"{blob_folder(task, database)}positions/"
        self._etags: dict[str, str] = {}
        self._known: dict[str, tuple[str, int, TablePosition]] = {}

    def holders(self) -> dict[str, tuple[str, int]]:
        """By table: who reads it, with the epoch."""
        for name, listed in self._container.list(self._folder).items():
            if self._etags.get(name) != listed.etag and (blob := self._container.read(name)) is not None:
                self._etags[name] = blob.etag
                self._see(json.loads(blob.data))
        return {table: (writer, epoch) for table, (writer, epoch, _) in self._known.items()}

    def _see(self, document: dict[str, object]) -> None:
        table, writer, epoch = str(document["table"]), str(document["writer"]), int(str(document["epoch"]))
        position = TablePosition.parse(document["position"] or {})
        _, newest, before = self._known.get(table, ("", 0, TablePosition()))
        assert epoch >= newest, f"{table}: the epoch went back"
        assert_forward(table, before, position)
        self._known[table] = (writer, epoch, position)
