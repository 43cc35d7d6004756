"""Rows of a snapshot to data lines. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import repeat
from typing import Any

import msgspec
from msgspec import UNSET

from dstream_mssql_cdc.catalog.values import Database, Table
from dstream_mssql_cdc.config import MssqlCdcOptions
from dstream_mssql_cdc.envelopes import (
    Row,
    encode_lines,
    line_maker,
    message_prefix,
    metadata_maker,
    original_maker,
)
from dstream_mssql_cdc.json_objects import object_maker
from dstream_mssql_cdc.position import ZERO
from dstream_mssql_cdc.values.columns import Values, plan_columns

INSERT = 2
DIGEST_BYTES = 16


class SnapshotEncoder:
    """Makes lines of the rows of one table.

    The message id of a row is a digest of its key and its content, keyed with the snapshot's identity, which is not in
    any line: the same row has the same id however often the snapshot is cut, and nobody finds a masked or excluded
    value by trying. Rows of a table without a primary key that equal each other are told by their number among them;
    that holds if every attempt begins at the first row, with `forget`, and takes memory for each different row.

    Args:
        database: the database.
        table: the table.
        options: the options.

    Raises:
        ConfigurationError: a column is of a type that cannot be delivered (`mssql/type`) or masked so (`mssql/mask`).
    """

    def __init__(self, database: Database, table: Table, options: MssqlCdcOptions):
        plan = plan_columns(table, table.columns, options, whole_key=True)
        self._plan = plan
        self._names = (table.name, table.schema, database.name)
        self._original = options.envelope == "original"
        self._prefix = message_prefix(database, table)
        self._data = object_maker(plan.data_names)
        self._key = object_maker(plan.key_names)
        self._seen: dict[str, int] = {}
        self.select_list = plan.expressions("t", options)
        """The SQL expressions to select, for the table under the alias `t`; a `%` in them is not doubled."""
        self.weigh = plan.weigher()
        """What weighs a row, for tables whose rows may be large; else None."""
        self.has_key = bool(plan.full_key)
        """`key_of` can be asked."""

    def key_of(self, row: Row) -> list[Any]:
        """The primary key of a row as JSON values in the key's order, without masks: binary values in base64.

        Args:
            row: as `select_list` selects it; the table has a primary key.
        """
        return self.key_in_json(self.keys([row])[0])

    def keys(self, rows: Sequence[Row]) -> list[Row]:
        """The primary keys of rows as the server gave them: all that is kept of rows that are on their way."""
        places = self._plan.full_key
        return [tuple(row[place] for place in places) for row in rows]

    def key_in_json(self, key: Row) -> list[Any]:
        """One of `keys` as `key_of` gives it."""
        columns = (self._plan.read[place] for place in self._plan.full_key)
        values = [column.plain([value])[0] for column, value in zip(columns, key, strict=True)]
        written: list[Any] = msgspec.json.decode(msgspec.json.encode(values))
        return written

    def forget(self) -> None:
        """Begins the count of equal rows again, as the snapshot begins again."""
        self._seen.clear()

    def lines(self, rows: Sequence[Row], snapshot_lsn: bytes, snapshot_id: str, epoch: int | None = None) -> bytes:
        """The lines of these rows.

        Args:
            rows: as `select_list` selects them.
            snapshot_lsn: the database's maximum before the snapshot began.
            snapshot_id: tells this snapshot from all others, and cannot be guessed.
            epoch: of the lease under which they are read.
        """
        if not rows:
            return b""
        plan, count = self._plan, len(rows)
        plain = [each.plain(values) for each, values in zip(plan.read, zip(*rows, strict=True), strict=True)]
        delivered = [
            values if each.mask is None else [None if value is None else each.mask(value) for value in values]
            for each, values in zip(plan.read, plain, strict=True)
        ]
        data = _written(self._data(*delivered[: plan.data]) if plan.data else [{}] * count)
        keys = self._key(*(delivered[place] for place in plan.key))
        lsn, sequence = snapshot_lsn.hex(), ZERO.hex()
        table, schema, database = map(repeat, self._names)
        if self._original:
            metadata = original_maker(repeat(lsn), repeat(INSERT), repeat("Insert"), repeat(sequence), table)
        else:
            metadata = metadata_maker(
                table,
                schema,
                database,
                repeat("Insert"),
                repeat(lsn),
                repeat(sequence),
                repeat(INSERT),
                repeat(0),
                repeat(None),
                repeat(None),
                repeat(True),
                keys,
                repeat(UNSET),
                repeat(UNSET),
                repeat(UNSET),
                self._ids(data, plain, snapshot_id),
                repeat(UNSET if epoch is None else epoch),
            )
        return encode_lines(list(line_maker(map(msgspec.Raw, data), metadata)))

    def _ids(self, data: Sequence[bytes], plain: Sequence[Values], snapshot_id: str) -> list[str]:
        keyed = hashlib.blake2b(digest_size=DIGEST_BYTES, key=hashlib.sha256(snapshot_id.encode()).digest())
        content: Sequence[bytes] = data
        if self._hidden:
            hidden = _written(zip(*(plain[place] for place in self._hidden), strict=True))
            content = [row + key for row, key in zip(data, hidden, strict=True)]
        ids = []
        for row in content:
            digest = keyed.copy()
            digest.update(row)
            ids.append(f"{self._prefix}-s-{digest.hexdigest()}")
        return ids if self.has_key else [self._numbered(each) for each in ids]

    @property
    def _hidden(self) -> list[int]:
        """Key columns whose values are not, or not as they are, in `data`."""
        read, data = self._plan.read, self._plan.data
        return [place for place in self._plan.full_key if place >= data or read[place].mask is not None]

    def _numbered(self, identity: str) -> str:
        number = self._seen.get(identity, 0)
        self._seen[identity] = number + 1
        return f"{identity}-{number}"


def _written(objects: Any) -> list[bytes]:
    """Each object as JSON; within one there is no newline."""
    return encode_lines(list(objects)).split(b"\n")[:-1]
