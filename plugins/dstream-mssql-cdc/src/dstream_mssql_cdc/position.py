"""Where a table stands: in its changes by the full key, in its snapshot by the last chunk."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

ZERO = b"\0" * 10
LAST = b"\xff" * 10


class ChangePosition(NamedTuple):
    """A change row by its full key; tuples of it compare as the server orders the rows.

    Microsoft: `__$seqval` must not be used alone for ordering, `__$command_id` orders statements inside a
    transaction. A cursor on fewer columns than the order loses rows where a page ends inside a group.

    Attributes:
        lsn: `__$start_lsn`, the commit's log sequence number, 10 bytes.
        command: `__$command_id`.
        sequence: `__$seqval`, 10 bytes.
        operation: `__$operation`, 1 delete, 2 insert, 3 and 4 an update before and after.
    """

    lsn: bytes
    command: int = 0
    sequence: bytes = ZERO
    operation: int = 0

    @classmethod
    def behind(cls, lsn: bytes) -> ChangePosition:
        """Behind everything of the transaction that committed at `lsn`."""
        return cls(lsn, 2**31 - 1, LAST, 9)

    def document(self) -> list[Any]:
        """The position as JSON."""
        return [self.lsn.hex(), self.command, self.sequence.hex(), self.operation]

    @classmethod
    def parse(cls, document: Any) -> ChangePosition:
        """The position in what `document` gave.

        Raises:
            ValueError: it is none.
        """
        match document:
            case [str(lsn), int(command), str(sequence), int(operation)]:
                return cls(lsn_bytes(lsn), command, lsn_bytes(sequence), operation)
        raise ValueError(f"{document!r} is no position in a change table")


def before(lsn: bytes) -> bytes:
    """The number before this one, as `sys.fn_cdc_decrement_lsn` gives it."""
    return (int.from_bytes(lsn, "big") - 1).to_bytes(len(ZERO), "big") if lsn > ZERO else ZERO


def lsn_bytes(text: str) -> bytes:
    """The log sequence number in 20 hex digits, `0x` in front or not.

    Raises:
        ValueError: it is none.
    """
    value = bytes.fromhex(text.removeprefix("0x"))
    if len(value) != len(ZERO):
        raise ValueError(f"{text!r} is no log sequence number: 20 hex digits are needed")
    return value


@dataclass(frozen=True)
class SnapshotPosition:
    """How far the snapshot of a table has come.

    Attributes:
        identity: of this snapshot; part of the message id of its rows.
        lsn: the database's maximum before the snapshot began; the changes behind it follow.
        after: primary key of the last row delivered, in JSON; None before the first and for tables without a key.
        rows: how many were delivered.
        done: the last row was delivered.
    """

    identity: str
    lsn: bytes
    after: list[Any] | None = None
    rows: int = 0
    done: bool = False

    def document(self) -> dict[str, Any]:
        """The position as JSON."""
        document: dict[str, Any] = {"id": self.identity, "lsn": self.lsn.hex(), "rows": self.rows}
        if self.after is not None:
            document["after"] = self.after
        if self.done:
            document["done"] = True
        return document

    @classmethod
    def parse(cls, document: Any) -> SnapshotPosition:
        """The position in what `document` gave.

        Raises:
            ValueError: it is none.
        """
        match document:
            case {"id": str(identity), "lsn": str(lsn), "rows": int(rows)}:
                done = document.get("done") is True
                return cls(identity, lsn_bytes(lsn), document.get("after"), rows, done)
        raise ValueError(f"{document!r} is no position in a snapshot")


@dataclass(frozen=True)
class TablePosition:
    """Where a table stands.

    Attributes:
        changes: everything up to this row was delivered; None while only the snapshot has begun.
        snapshot: the newest snapshot, begun or done; None if there never was one.
        asked: the value of `snapshot_again` that the newest snapshot answered.
        instance: the capture instance that `changes` was read from; empty if not known.
        epoch: of the lease under which it was read, None without leases. A keeper stores it only while that very lease
            is held, and compares in the same write.
    """

    changes: ChangePosition | None = None
    snapshot: SnapshotPosition | None = None
    asked: str = ""
    instance: str = ""
    epoch: int | None = None
    extra: dict[str, Any] = field(default_factory=dict, compare=False)
    """Members that a newer version wrote; kept as they are."""

    def at(self, changes: ChangePosition, instance: str = "") -> TablePosition:
        """The same table further on in its changes."""
        return replace(self, changes=changes, instance=instance or self.instance)

    def document(self) -> dict[str, Any]:
        """The position as JSON, for a checkpoint."""
        document: dict[str, Any] = dict(self.extra)
        if self.changes is not None:
            document["changes"] = self.changes.document()
        if self.snapshot is not None:
            document["snapshot"] = self.snapshot.document()
        if self.asked:
            document["asked"] = self.asked
        if self.instance:
            document["instance"] = self.instance
        if self.epoch is not None:
            document["epoch"] = self.epoch
        return document

    @classmethod
    def parse(cls, document: Any) -> TablePosition:
        """The position in what `document` gave.

        Raises:
            ValueError: it is none.
        """
        if not isinstance(document, dict):
            raise ValueError(f"{document!r} is no position of a table")
        known = {"changes", "snapshot", "asked", "instance", "epoch"}
        changes, snapshot = document.get("changes"), document.get("snapshot")
        return cls(
            None if changes is None else ChangePosition.parse(changes),
            None if snapshot is None else SnapshotPosition.parse(snapshot),
            str(document.get("asked", "")),
            str(document.get("instance", "")),
            document.get("epoch"),
            {name: value for name, value in document.items() if name not in known},
        )
