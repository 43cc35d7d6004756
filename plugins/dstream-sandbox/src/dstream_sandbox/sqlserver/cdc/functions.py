"""The functions of change data capture: sys.fn_cdc_… and the query functions of an instance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine.api import ColumnInfo, Relation, Row, Rows
from dstream_sandbox.sqlserver.engine.keys import value_key
from dstream_sandbox.sqlserver.engine.log import LSN_BYTES, lsn_bytes
from dstream_sandbox.sqlserver.engine.relations import Function
from dstream_sandbox.sqlserver.engine.security import denied
from dstream_sandbox.sqlserver.engine.transactions import AFTER, BEFORE, DELETE, INSERT
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.types import BIT, DATETIME, INT, LSN, SYSNAME, SqlType, nvarchar, varbinary

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.cdc.instances import CaptureInstance
    from dstream_sandbox.sqlserver.cdc.state import CaptureState
    from dstream_sandbox.sqlserver.engine.session import Session

ZERO = bytes(LSN_BYTES)
_TOP_LSN = b"\xff" * LSN_BYTES


def padded(lsn: bytes | None) -> bytes | None:
    """An LSN as binary(10)."""
    return None if lsn is None else lsn.ljust(LSN_BYTES, b"\0")[:LSN_BYTES]


# --- sys.fn_cdc_… ---------------------------------------------------------------------------------------------------------


def _state(session: Session) -> CaptureState | None:
    return session.database.capture


def get_max_lsn(session: Session) -> bytes | None:
    """sys.fn_cdc_get_max_lsn."""
    state = _state(session)
    return None if state is None else state.max_lsn(session)


def get_min_lsn(session: Session, name: str | None) -> bytes:
    """sys.fn_cdc_get_min_lsn: zero for an instance that is not there, or that the caller may not read."""
    state = _state(session)
    instance = None if state is None or name is None else state.instance(name)
    if instance is None or not may_read(session, instance):
        return ZERO
    return lsn_bytes(instance.start_lsn)


def may_read(session: Session, instance: CaptureInstance) -> bool:
    """Whether the session passes the gate: SELECT on the captured source columns, and the gating role if there is one."""
    database = instance.database
    if session.owns(database):
        return True
    if instance.role and instance.role.lower() not in database.principals.roles_of(session.user_in(database)):
        return False
    try:
        session.require("SELECT", instance.table, [column.name for column in instance.columns])
    except SqlError:
        return False
    return True


def map_lsn_to_time(session: Session, lsn: bytes | None) -> Any:
    """sys.fn_cdc_map_lsn_to_time: the commit's local time; None for an LSN that no commit has."""
    state, wanted = _state(session), padded(lsn)
    if state is None or wanted is None:
        return None
    return next((row[2] for row in state.mapping.scan(session, (wanted,), (wanted,))), None)


def map_time_to_lsn(session: Session, relation: str | None, time: Any) -> bytes | None:
    """sys.fn_cdc_map_time_to_lsn."""
    state = _state(session)
    if state is None or relation is None or time is None:
        return None
    wanted = " ".join(relation.lower().split())
    tests: dict[str, tuple[Callable[[Any], bool], bool]] = {
        "largest less than": (lambda end: end < time, True),
        "largest less than or equal": (lambda end: end <= time, True),
        "smallest greater than": (lambda end: end > time, False),
        "smallest greater than or equal": (lambda end: end >= time, False),
    }
    if wanted not in tests:
        raise SqlError(
            22961, f"The relational operator '{relation}' is not one of those of sys.fn_cdc_map_time_to_lsn."
        )
    test, largest = tests[wanted]
    found = [row[0] for row in state.times(session) if row[2] is not None and test(row[2])]
    if not found:
        return None
    lsn: bytes = max(found) if largest else min(found)
    return lsn


def increment_lsn(session: Session, lsn: bytes | None) -> bytes | None:
    """sys.fn_cdc_increment_lsn."""
    value = padded(lsn)
    return None if value is None else (min(int.from_bytes(value, "big") + 1, (1 << 80) - 1)).to_bytes(LSN_BYTES, "big")


def decrement_lsn(session: Session, lsn: bytes | None) -> bytes | None:
    """sys.fn_cdc_decrement_lsn."""
    value = padded(lsn)
    return None if value is None else (max(int.from_bytes(value, "big") - 1, 0)).to_bytes(LSN_BYTES, "big")


def get_column_ordinal(session: Session, name: str | None, column: str | None) -> int | None:
    """sys.fn_cdc_get_column_ordinal."""
    state = _state(session)
    instance = None if state is None or name is None else state.instance(name)
    return None if instance is None or column is None else instance.ordinal(column)


def is_bit_set(session: Session, position: int | None, mask: bytes | None) -> bool:
    """sys.fn_cdc_is_bit_set."""
    if position is None or mask is None or position < 1:
        return False
    return bool(int.from_bytes(mask, "big") >> (position - 1) & 1)


def has_column_changed(session: Session, name: str | None, column: str | None, mask: bytes | None) -> bool:
    """sys.fn_cdc_has_column_changed."""
    return is_bit_set(session, get_column_ordinal(session, name, column), mask)


SCALARS = {
    one.name: one
    for one in (
        Function("fn_cdc_get_max_lsn", LSN, get_max_lsn),
        Function("fn_cdc_get_min_lsn", LSN, get_min_lsn, (SYSNAME,), 1),
        Function("fn_cdc_map_lsn_to_time", DATETIME, map_lsn_to_time, (LSN,), 1),
        Function("fn_cdc_map_time_to_lsn", LSN, map_time_to_lsn, (nvarchar(30), DATETIME), 2),
        Function("fn_cdc_increment_lsn", LSN, increment_lsn, (LSN,), 1),
        Function("fn_cdc_decrement_lsn", LSN, decrement_lsn, (LSN,), 1),
        Function("fn_cdc_get_column_ordinal", INT, get_column_ordinal, (SYSNAME, SYSNAME), 2),
        Function("fn_cdc_is_bit_set", BIT, is_bit_set, (INT, varbinary(128)), 2),
        Function("fn_cdc_has_column_changed", BIT, has_column_changed, (SYSNAME, SYSNAME, varbinary(128)), 3),
    )
}

# --- query functions --------------------------------------------------------------------------------------------------------

_QUERY_ARGUMENTS: tuple[SqlType | None, ...] = (LSN, LSN, nvarchar(30))


class _Query:
    arguments: Sequence[SqlType | None] = _QUERY_ARGUMENTS
    minimum = 3
    prefix = ""
    options: tuple[str, ...] = ()
    schema = "cdc"

    def __init__(self, state: CaptureState, instance: CaptureInstance) -> None:
        self._state = state
        self._instance = instance
        self.name = f"{self.prefix}{instance.name}"
        self.object_id = instance.object_id + 1
        self.database = state.database

    def authorise(self, session: Session, permission: str) -> None:
        """229 for who may not read the changes."""
        if not may_read(session, self._instance):
            raise denied("SELECT", self, self.database)

    def _range(
        self, session: Session, low: bytes | None, high: bytes | None, option: str | None
    ) -> tuple[bytes, bytes]:
        """The bounds; 313 with its misleading text when they are not within what there is."""
        self.authorise(session, "SELECT")
        first, last, newest = padded(low), padded(high), self._state.max_lsn(session)
        if (
            first is None or last is None or newest is None or first < lsn_bytes(self._instance.start_lsn) or last > newest or first > last
            or (option or "").lower() not in self.options
        ):  # fmt: skip
            raise SqlError(
                313,
                f"An insufficient number of arguments were supplied for the procedure or function cdc.{self.prefix} ... .",
                state=3,
            )
        return first, last

    def _check_early(self, session: Session, low: bytes | None, high: bytes | None, option: str | None) -> None:
        """Before the first row, when the bounds are known; the columns are asked for before that, with None."""
        if low is not None and high is not None:
            self._range(session, low, high, option)

    def _changes(self, session: Session, first: bytes, last: bytes) -> Iterator[Row]:
        return self._instance.changes.scan(session, (first,), (last,))


class AllChanges(_Query):
    """cdc.fn_cdc_get_all_changes_<instance>(from, to, 'all' | 'all update old')."""

    prefix = "fn_cdc_get_all_changes_"
    options = ("all", "all update old")

    def __call__(self, session: Session, *arguments: Any) -> Relation:
        """The rows."""
        low, high, option = arguments
        self._check_early(session, low, high, option)
        wanted = {DELETE, INSERT, AFTER} if str(option).lower() == "all" else {DELETE, INSERT, BEFORE, AFTER}

        def rows(reader: Session, lower: Any, upper: Any) -> Iterable[Row]:
            first, last = self._range(reader, low, high, option)
            for row in self._changes(reader, first, last):
                if row[3] in wanted:
                    yield (row[0], *row[2:-1])

        columns = self._instance.changes.columns
        return Rows(self.name, (columns[0], *columns[2:-1]), rows, "cdc")


class NetChanges(_Query):
    """cdc.fn_cdc_get_net_changes_<instance>(from, to, 'all' | 'all with mask' | 'all with merge')."""

    prefix = "fn_cdc_get_net_changes_"
    options = ("all", "all with mask", "all with merge")

    def __call__(self, session: Session, *arguments: Any) -> Relation:
        """The rows: one for each key that changed."""
        low, high, option = arguments
        self._check_early(session, low, high, option)
        kind = str(option).lower()

        def rows(reader: Session, lower: Any, upper: Any) -> Iterable[Row]:
            first, last = self._range(reader, low, high, option)
            return self._net(self._changes(reader, first, last), kind)

        columns = self._instance.changes.columns
        shown: tuple[ColumnInfo, ...] = (columns[0], *columns[3:-1])
        return Rows(self.name, shown, rows, "cdc")

    def _net(self, changes: Iterable[Row], kind: str) -> Iterator[Row]:
        columns = self._instance.columns
        wanted = {name.lower() for name in self._instance.index_columns}
        places = [place for place, one in enumerate(columns) if one.name.lower() in wanted]
        make = [value_key(columns[at].type, columns[at].collation, True) for at in places]
        found: dict[tuple[Any, ...], tuple[int, Row, int]] = {}
        for row in changes:
            if row[3] == BEFORE:
                continue
            key = tuple(one(row[5 + at]) for one, at in zip(make, places, strict=True))
            first, _, mask = found.get(key, (row[3], row, 0))
            found[key] = (first, row, mask | int.from_bytes(row[4], "big"))
        for first, row, mask in sorted(found.values(), key=lambda one: (one[1][0], one[1][2])):
            operation = self._operation(first, row[3], kind)
            if operation:
                shown = mask.to_bytes(len(row[4]), "big") if kind == "all with mask" and operation == AFTER else None
                yield (row[0], operation, shown, *row[5:-1])

    @staticmethod
    def _operation(first: int, last: int, kind: str) -> int:
        if last == DELETE:
            return 0 if first == INSERT else DELETE
        if kind == "all with merge":
            return 5
        return INSERT if first == INSERT else AFTER
