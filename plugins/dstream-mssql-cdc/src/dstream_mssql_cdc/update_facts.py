"""What metadata says of an update beside the row after it: `Before`, `Changed`, `Unavailable`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress, pairwise, repeat
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from dstream_mssql_cdc.change_query import LSN, MASK, OPERATION
from dstream_mssql_cdc.values.columns import ColumnPlan, Values
from dstream_mssql_cdc.values.types import OLD_LOB_TYPES

DELETE, INSERT, BEFORE, AFTER = 1, 2, 3, 4
MASKS_KEPT = 4096
LARGE_TYPES = OLD_LOB_TYPES | {"xml", "json", "geography", "geometry"}


class _ChangedNames(dict[bytes, msgspec.Raw]):
    """Names of the changed columns as JSON, by update mask: most updates of a table change the same ones."""

    def __init__(self, ordinals: Sequence[tuple[int, str]]):
        super().__init__()
        self._ordinals = ordinals

    def __missing__(self, mask: bytes) -> msgspec.Raw:
        if len(self) >= MASKS_KEPT:
            self.clear()
        bits = int.from_bytes(mask, "big")
        names = [name for ordinal, name in self._ordinals if bits >> ordinal & 1]
        written = self[mask] = msgspec.Raw(msgspec.json.encode(names))
        return written


def is_changed(mask: bytes | None, ordinal: int) -> bool:
    """Whether the update mask says that a column changed; `ordinal` counts from 0.

    The mask is one large number: the first column is the last byte's lowest bit.
    """
    return bool(int.from_bytes(mask or b"", "big") >> ordinal & 1)


class UpdateFacts:
    """Finds them for the rows of one change table.

    Args:
        plan: what is read of the table.
        images: the option `before_images`.
    """

    def __init__(self, plan: ColumnPlan, images: bool | Literal["changed"]):
        data = plan.read[: plan.data]
        self._images = images
        self._data = data
        self._names = _ChangedNames([(each.ordinal, each.name) for each in data])
        self._computed = [place for place, each in enumerate(data) if each.column.computed]
        self._old_lobs = [place for place, each in enumerate(data) if each.column.type in OLD_LOB_TYPES]
        self._large = [
            place for place, each in enumerate(data) if each.column.type in LARGE_TYPES or each.column.max_length == -1
        ]

    def changed(self, operations: Values, masks: Values) -> Iterable[Any]:
        """`Changed` of each row: for updates, the names of the columns that the update mask has."""
        if AFTER not in operations:
            return repeat(UNSET)
        names = self._names
        return [
            names[mask] if operation == AFTER and mask is not None else UNSET
            for operation, mask in zip(operations, masks, strict=True)
        ]

    def before(
        self, columns: Sequence[Values], data: Sequence[Any], delivered: Sequence[Values], kept: Sequence[bool]
    ) -> Iterable[Any]:
        """`Before` of each row that is kept: for updates, the row before."""
        pairs = _pairs(columns)
        if self._images == "changed":
            images = [
                self._changed_values(columns[MASK][row], delivered, row - 1) if paired else UNSET
                for row, paired in enumerate(pairs)
            ]
        else:
            images = [data[row - 1] if paired else UNSET for row, paired in enumerate(pairs)]
        return compress(images, kept)

    def unavailable(
        self, columns: Sequence[Values], delivered: Sequence[Values], kept: Sequence[bool]
    ) -> Iterable[Any]:
        """`Unavailable` of each row that is kept: columns that are null since change tables do not carry them."""
        if not self._computed and not self._large:
            return repeat(UNSET)
        found = []
        for row, (operation, mask, paired) in enumerate(
            zip(columns[OPERATION], columns[MASK], _pairs(columns), strict=True)
        ):
            places = [place for place in self._computed if delivered[place][row] is None]
            if operation == DELETE:
                places += [place for place in self._old_lobs if delivered[place][row] is None]
            elif paired and self._images:
                places += self._missing_before(mask, delivered, row)
            found.append([self._data[place].name for place in sorted(set(places))] or UNSET)
        return compress(found, kept)

    def _missing_before(self, mask: bytes | None, delivered: Sequence[Values], row: int) -> Iterable[int]:
        """Large columns whose null in the image before the update is not their value.

        An unchanged column had then the value that it has now; so null is the truth only if it is null now.
        """
        for place in self._large:
            if delivered[place][row - 1] is not None:
                continue
            if is_changed(mask, self._data[place].ordinal):
                if place in self._old_lobs:
                    yield place
            elif self._images is True and delivered[place][row] is not None:
                yield place

    def _changed_values(self, mask: bytes | None, delivered: Sequence[Values], row: int) -> dict[str, Any]:
        bits = int.from_bytes(mask or b"", "big")
        return {each.name: delivered[place][row] for place, each in enumerate(self._data) if bits >> each.ordinal & 1}


def _pairs(columns: Sequence[Values]) -> list[bool]:
    """For each row, whether it is an update whose image before is the row ahead of it.

    In the order of the full key nothing can stand between the two, since they have all of it but the operation in common.
    """
    rows = list(zip(columns[OPERATION], columns[LSN], strict=True))
    paired = [
        operation == AFTER and before == BEFORE and lsn == before_lsn
        for (before, before_lsn), (operation, lsn) in pairwise(rows)
    ]
    return [False, *paired]
