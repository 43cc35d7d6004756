"""Change rows out of nothing, for measuring: any number of inserts that take next to no memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, overload

from dstream_sandbox.sqlserver.cdc.capture import scan_log
from dstream_sandbox.sqlserver.cdc.instances import CaptureInstance
from dstream_sandbox.sqlserver.cdc.state import CaptureState
from dstream_sandbox.sqlserver.engine.api import Row
from dstream_sandbox.sqlserver.engine.clock import rounded
from dstream_sandbox.sqlserver.engine.log import lsn_bytes
from dstream_sandbox.sqlserver.engine.transactions import INSERT
from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.types import DateTime2, SqlType

_SAMPLES: dict[str, Any] = {
    "bit": True, "float": 1.5, "real": 1.5, "uniqueidentifier": None, "date": None, "time": 0,
    "datetime": DateTime2(738000, 432_000_000_000), "datetime2": DateTime2(738000, 432_000_000_000),
    "smalldatetime": DateTime2(738000, 432_000_000_000),
}  # fmt: skip
_NUMBERS = ("int", "bigint", "smallint", "tinyint")


class FabricatedRows(Sequence[Row]):
    """Rows that are made when they are looked at: inserts numbered from `first`, `per` in a transaction."""

    def __init__(
        self,
        instance: CaptureInstance,
        template: Row,
        numbered: int | None,
        first: int,
        count: int,
        per: int,
        base: int,
    ) -> None:
        self._mask = ((1 << len(instance.columns)) - 1).to_bytes((len(instance.columns) + 7) // 8, "big")
        self._template = template
        self._numbered = numbered
        self._first = first
        self._count = count
        self._per = per
        self._base = base

    def commit(self, transaction: int) -> int:
        """The commit LSN of a transaction: each has a block of the log of its own."""
        return self._base + (transaction << 16) + 0xFFFF

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        if isinstance(at, slice):
            return [self._row(one) for one in range(*at.indices(self._count))]
        return self._row(at + self._count if at < 0 else at)

    def _row(self, at: int) -> Row:
        transaction, place = divmod(at, self._per)
        values = self._template
        if self._numbered is not None:
            values = (*values[: self._numbered], self._first + at, *values[self._numbered + 1 :])
        seqval = self._base + (transaction << 16) + place + 1
        return (lsn_bytes(self.commit(transaction)), None, lsn_bytes(seqval), INSERT, self._mask, *values, 1)

    def __iter__(self) -> Iterator[Row]:
        return (self._row(at) for at in range(self._count))


def fabricate(state: CaptureState, table: str, rows: int, per_transaction: int) -> None:
    """See `Server.fabricate`.

    Args:
        state: The database's capture.
        table: "schema.name" of the source, or the name of a capture instance.
        rows: How many.
        per_transaction: Rows in each made-up transaction, 1 to 65,000.
    """
    if not 1 <= per_transaction <= 65_000:
        raise not_supported("more than 65,000 fabricated rows in a transaction")
    instances = [
        one for one in state.instances
        if table.lower() in (one.name.lower(), one.table.name.lower(), f"{one.table.schema}.{one.table.name}".lower())
    ]  # fmt: skip
    if not instances:
        raise SqlError(22931, f"Source table '{table}' is not enabled for change data capture.")
    with state.scanning:
        scan_log(state, float("inf"))
        count = (rows + per_transaction - 1) // per_transaction
        base = state.database.log.leap(count)
        _publish(state, instances, rows, per_transaction, base)


def _publish(state: CaptureState, instances: Sequence[CaptureInstance], rows: int, per: int, base: int) -> None:
    server = state.database.server
    now = rounded(server.now())
    with server.commits.latch:
        moment = server.commits.value + 1
        made: FabricatedRows | None = None
        for instance in instances:
            template = tuple(None if one.computed else _sample(one.type) for one in instance.columns)
            numbered = next((place for place, one in enumerate(instance.columns) if one.type.name in _NUMBERS), None)
            made = FabricatedRows(instance, template, numbered, 1, rows, per, base)
            instance.changes.append(made, moment)
        if made is not None:
            count = (rows + per - 1) // per
            state.mapping_rows(
                [
                    (
                        lsn_bytes(made.commit(at)),
                        now,
                        now,
                        (at + 1).to_bytes(6, "big"),
                        lsn_bytes(base + (at << 16) + 1),
                    )
                    for at in range(count)
                ],
                moment,
            )
        server.commits.value = moment


def _sample(kind: SqlType) -> Any:
    if kind.is_integer:
        return 1
    if kind.name in ("decimal", "numeric", "money", "smallmoney"):
        scale = 4 if "money" in kind.name else kind.scale or 0
        return (
            (Decimal(12345)).scaleb(-min(scale, 4)).quantize(Decimal(1).scaleb(-scale))
            if (kind.precision or 19) >= 5
            else Decimal(0)
        )
    if kind.is_character:
        text = "a fabricated value"
        return text if kind.length in (None, -1) else text[: kind.length]
    if kind.is_binary:
        return b"\x01\x02\x03\x04\x05\x06\x07\x08"[: None if kind.length in (None, -1) else kind.length]
    return _SAMPLES.get(kind.name)
