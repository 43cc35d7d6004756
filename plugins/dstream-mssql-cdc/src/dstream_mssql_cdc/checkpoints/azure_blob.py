"""Positions in blobs, one for each table."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from dstream_core.api import ConfigurationError
from dstream_mssql_cdc.blobs import BlobContainer, ConflictError
from dstream_mssql_cdc.checkpoints.keeper import Entry, FencedKeeper, OvertakenError
from dstream_mssql_cdc.leases.leases import Leases
from dstream_mssql_cdc.leases.names import position_blob

FORMAT = 1
THREADS = 8
TRIES = 5

R = TypeVar("R")


@dataclass(frozen=True)
class _Content:
    """What a blob says.

    Attributes:
        epoch: of the lease of the last reader, 0 without leases.
        writer: that reader.
        position: where the table stands, None if nowhere.
        etag: of the blob; None: there is no blob.
    """

    epoch: int
    writer: str
    position: dict[str, Any] | None
    etag: str | None


class BlobKeeper(FencedKeeper):
    """A keeper in a container.

    Each write replaces the blob only if it is what it was when we wrote or marked it (its etag). A new reader marks the
    blob before it reads on, so that one that lost the table, and whose write is still under way, writes in vain.

    Args:
        container: where the blobs lie.
        guid: identity of the database; empty if nobody may see it.
        task: name of the task.
        database: name of the database.
        leases: what this copy holds.
    """

    def __init__(self, container: BlobContainer, guid: str, task: str, database: str, leases: Leases):
        super().__init__(leases, f"checkpoints in {container.what}")
        self._container = container
        self._guid = guid
        self._task = task
        self._database = database
        self._marks: dict[str, tuple[int, str | None]] = {}
        """By table: the epoch that we wrote into its blob, and the blob's etag since then."""
        self._threads = ThreadPoolExecutor(THREADS, "mssql-checkpoints")

    def open(self) -> None:
        """Makes the container if need be.

        Raises:
            ConfigurationError: it may not be made.
        """
        self._container.ensure()

    def look(self, names: Collection[str]) -> Mapping[str, dict[str, Any]]:
        """Reads the tables' blobs."""
        if not self._container.exists():
            return {}
        found = self._in_parallel(self._read, names)
        return {name: content.position for name, content in found.items() if content.position is not None}

    def close(self) -> None:
        """Lets go threads and connections."""
        self._threads.shutdown(wait=True)
        self._container.close()

    def _take(self, names: Mapping[str, int | None]) -> Mapping[str, dict[str, Any] | None]:
        results = self._in_parallel(lambda name: self._mark(name, names[name]), names)
        return {name: content.position for name, content in results.items() if content is not None}

    def _mark(self, table: str, epoch: int | None) -> _Content | None:
        """Writes our name into the blob; None: it bears the name of a newer reader."""
        for _ in range(TRIES):
            content = self._read(table)
            if epoch is not None and content.epoch > epoch:
                return None
            try:
                self._put(table, content.position, content.epoch if epoch is None else epoch, content.etag)
            except ConflictError:
                continue  # the reader before us wrote in between
            return content
        raise OvertakenError(f"{self._what}: {table} is written to by another reader")

    def _write(self, entries: Mapping[str, Entry]) -> set[str]:
        results = self._in_parallel(lambda name: self._store(name, entries[name]), entries)
        return {name for name, stored in results.items() if not stored}

    def _store(self, table: str, entry: Entry) -> bool:
        for _ in range(TRIES):
            epoch, etag = self._marks.get(table, (-1, None))
            if entry.epoch is not None and epoch != entry.epoch:
                return False  # gained anew in the meantime; this position is from before
            try:
                self._put(table, entry.document, epoch, etag)
            except ConflictError:
                # It may have been our own write, whose answer was lost; then the mark in it is ours.
                content = self._read(table)
                if content.writer != self._writer or content.epoch != epoch:
                    return False
                self._marks[table] = epoch, content.etag
                continue
            return True
        return False

    def _put(self, table: str, position: dict[str, Any] | None, epoch: int, etag: str | None) -> None:
        document = {
            "format": FORMAT,
            "database": self._guid,
            "task": self._task,
            "table": table,
            "epoch": epoch,
            "writer": self._writer,
            "position": position,
        }
        data = json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"
        self._marks[table] = epoch, self._container.write(self._blob(table), data, etag=etag)

    def _blob(self, table: str) -> str:
        return position_blob(self._task, self._database, table)

    def _read(self, table: str) -> _Content:
        name = self._blob(table)
        blob = self._container.read(name)
        if blob is None:
            return _Content(0, "", None, None)
        try:
            document = json.loads(blob.data)
            match document:
                case {"format": 1, "epoch": int(epoch), "writer": str(writer), "position": None | dict() as position}:
                    pass
                case _:
                    raise ValueError(f"it has not the form that version {FORMAT} writes")
        except ValueError as error:
            raise ConfigurationError(
                f"{table}: the checkpoint {name} in {self._container.what} cannot be used: {error}",
                code="mssql/checkpoint-unreadable",
                hint="restore the blob, or delete it to begin anew",
            ) from None
        guid = document.get("database")
        if guid and self._guid and guid != self._guid:
            raise ConfigurationError(
                f"{table}: the checkpoint {name} in {self._container.what} belongs to database {guid}, this one is"
                f" {self._guid}",
                code="mssql/other-database",
                hint="use another container for this one, or delete the task's blobs to begin anew",
            )
        return _Content(epoch, writer, position, blob.etag)

    def _in_parallel(self, do: Callable[[str], R], names: Iterable[str]) -> dict[str, R]:
        """For every name; all are done before a failure of one is raised."""
        futures = {name: self._threads.submit(do, name) for name in names}
        failures = [failure for future in futures.values() if (failure := future.exception()) is not None]
        if failures:
            raise failures[0]
        return {name: future.result() for name, future in futures.items()}
