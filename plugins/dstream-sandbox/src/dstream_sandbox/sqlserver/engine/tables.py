"""Tables: columns, indexes, constraints and the rows' storage."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.engine.api import ColumnInfo, Compiled, Module, Row
from dstream_sandbox.sqlserver.engine.keys import TOP, key_maker, value_key
from dstream_sandbox.sqlserver.engine.locks import TableLock
from dstream_sandbox.sqlserver.engine.storage import Key, OrderedRows, StoredRow
from dstream_sandbox.sqlserver.types import DateTime2, SqlType

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.engine.database import Database
    from dstream_sandbox.sqlserver.engine.session import Session
    from dstream_sandbox.sqlserver.engine.transactions import Transaction


@dataclass(slots=True, frozen=True)
class Column:
    """A column of a table; a change makes a new one with the same `column_id`."""

    name: str
    column_id: int
    type: SqlType
    nullable: bool = True
    alias: str = ""
    identity: tuple[int, int] | None = None
    default: Callable[[Session], Any] | None = None
    default_text: str = ""
    default_name: str = ""
    default_id: int = 0
    computed: Compiled | None = None
    computed_text: str = ""
    persisted: bool = False
    collation: str | None = None
    rowguidcol: bool = False
    sparse: bool = False

    @property
    def is_rowversion(self) -> bool:
        """Whether the engine writes a new number into it at every change of the row."""
        return self.type.name == "timestamp"

    @property
    def is_computed(self) -> bool:
        """Whether its value comes from other columns."""
        return self.computed_text != "" or self.computed is not None

    def info(self) -> ColumnInfo:
        """As the language sees it."""
        return ColumnInfo(
            self.name,
            self.type,
            self.nullable,
            self.identity is not None,
            self.is_computed,
            self.collation,
            self.column_id,
        )


@dataclass(slots=True)
class Index:
    """An index or a key constraint. Columns by `column_id`."""

    name: str
    index_id: int
    object_id: int
    columns: list[tuple[int, bool]]
    kind: str
    unique: bool
    clustered: bool
    included: list[int] = field(default_factory=list)
    where: Compiled | None = None
    where_text: str = ""


@dataclass(slots=True)
class Check:
    """A CHECK constraint."""

    name: str
    object_id: int
    condition: Compiled
    text: str
    enabled: bool = True


@dataclass(slots=True)
class ForeignKey:
    """A FOREIGN KEY constraint; columns by id."""

    name: str
    object_id: int
    columns: list[int]
    target: Table
    target_columns: list[int]
    on_delete: str
    on_update: str
    enabled: bool = True


class UniqueMap:
    """Rows by the key of a unique index. An entry may name rows that no longer have the key: each is looked at again."""

    __slots__ = ("entries", "index", "key_of", "positions")

    def __init__(self, index: Index, key_of: Callable[[Sequence[Any]], Key], positions: Sequence[int]) -> None:
        self.index = index
        self.key_of = key_of
        self.positions = tuple(positions)
        self.entries: dict[Key, StoredRow | list[StoredRow]] = {}

    def rows(self, key: Key) -> Sequence[StoredRow]:
        """The rows that have, or had, that key."""
        entry = self.entries.get(key)
        if entry is None:
            return ()
        return entry if isinstance(entry, list) else (entry,)

    def add(self, key: Key, row: StoredRow) -> None:
        """Adds a row."""
        entry = self.entries.get(key)
        if entry is None:
            self.entries[key] = row
        elif isinstance(entry, list):
            entry.append(row)
        else:
            self.entries[key] = [entry, row]

    def discard(self, key: Key, row: StoredRow) -> None:
        """Takes a row out of a key's entry."""
        entry = self.entries.get(key)
        if entry is row:
            del self.entries[key]
        elif isinstance(entry, list) and row in entry:
            entry.remove(row)
            if not entry:
                del self.entries[key]


class Shape:
    """Columns, indexes and rows of a table between two changes of its definition."""

    def __init__(self, columns: Sequence[Column], indexes: Sequence[Index], collation: str) -> None:
        self.columns = tuple(columns)
        self.indexes = list(indexes)
        self.store = OrderedRows()
        self.infos = tuple(column.info() for column in columns)
        self.positions = {column.column_id: place for place, column in enumerate(columns)}
        self.places = {column.name.lower(): place for place, column in enumerate(columns)}
        self._kinds = [(column.type, column.collation or collation, column.nullable) for column in columns]
        self.clustered = next((index for index in self.indexes if index.clustered), None)
        key = [] if self.clustered is None else [self.positions[at] for at, _ in self.clustered.columns]
        self.sort_positions = tuple(key)
        self.sort_key = tuple(self.columns[at].name for at in key)
        self.sort_key_of: Callable[[Sequence[Any]], Key] = self.key_maker(key) if key else lambda row: ()
        self._bounds = [value_key(*self._kinds[at]) for at in key]
        self.unique = [self._unique_map(index) for index in self.indexes if index.unique]
        self.unique_positions = frozenset(at for unique in self.unique for at in unique.positions)
        self.identity = next((place for place, column in enumerate(columns) if column.identity), None)
        self.rowversion = next((place for place, column in enumerate(columns) if column.is_rowversion), None)
        self.computed = [(place, column) for place, column in enumerate(columns) if column.is_computed]
        self.required = [place for place, column in enumerate(columns) if not column.nullable]
        self.large = [place for place, column in enumerate(columns) if is_large(column.type)]

    def key_maker(self, positions: Sequence[int]) -> Callable[[Sequence[Any]], Key]:
        """A function from a row to its key of those columns."""
        return key_maker(positions, [self._kinds[at] for at in positions])

    def _unique_map(self, index: Index) -> UniqueMap:
        positions = [self.positions[at] for at, _ in index.columns]
        return UniqueMap(index, self.key_maker(positions), positions)

    def bound(self, values: Sequence[Any] | None, upper: bool) -> Key | None:
        """The internal key of a bound given as values of a prefix of the sort key."""
        if not values or not self._bounds:
            return None
        parts = tuple(make(value) for make, value in zip(self._bounds, values, strict=False))
        return (*parts, TOP) if upper else parts

    def new_row_key(self, row: Sequence[Any], number: int) -> Key:
        """The place of a new row: its sort key, and its number, which makes it unique."""
        return (*self.sort_key_of(row), number)


def is_large(sql_type: SqlType) -> bool:
    """Types that may be larger than `max text repl size`."""
    return sql_type.is_max or sql_type.name in ("text", "ntext", "image", "xml")


class Table:
    """A user's table."""

    type_code = "U"

    def __init__(self, database: Database, schema: str, name: str, object_id: int, created: DateTime2) -> None:
        self.database = database
        self._schema = schema
        self._name = name
        self.object_id = object_id
        self.created = created
        self.modified = created
        self.shape = Shape((), (), database.collation)
        self.lock = TableLock()
        self.row_numbers: Iterator[int] = itertools.count(1)
        self.identity_last: int | None = None
        self.next_column_id = 1
        self.checks: list[Check] = []
        self.foreign_keys: list[ForeignKey] = []
        self.referenced_by: list[Table] = []
        self.triggers: list[Module] = []
        self.claims: dict[StoredRow, Transaction] = {}
        self.tracked: tuple[Any, ...] = ()
        """Capture instances: changes are written to the log for the capture job when there are any."""
        self.altered_at = 0
        """The commit counter when its definition was last changed: older snapshots cannot read it (3961)."""
        self.temporary = False

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    @property
    def schema(self) -> str:
        """The schema's name."""
        return self._schema

    @schema.setter
    def schema(self, name: str) -> None:
        self._schema = name

    @property
    def qualified(self) -> str:
        """`database.schema.table`, as messages name it."""
        return f"{self.database.name}.{self._schema}.{self._name}"

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        """As the language sees them."""
        return self.shape.infos

    @property
    def sort_key(self) -> tuple[str, ...]:
        """The columns of the clustered index."""
        return self.shape.sort_key

    @property
    def primary_key(self) -> Index | None:
        """The primary key's index."""
        return next((index for index in self.shape.indexes if index.kind == "primary key"), None)

    def column(self, name: str) -> Column | None:
        """A column by its name."""
        place = self.shape.places.get(name.lower())
        return None if place is None else self.shape.columns[place]

    def scan(
        self,
        session: Session,
        low: Sequence[Any] | None = None,
        high: Sequence[Any] | None = None,
        hints: Sequence[str] = (),
    ) -> Iterator[Row]:
        """See `api.Relation.scan`."""
        return session.reader.scan(self, low, high, hints)

    def row_count(self, session: Session) -> int:
        """Rows, those of open transactions included."""
        return self.shape.store.live

    def rename_column(self, old: str, new: str) -> None:
        """Puts a renamed column in the place of the old one; rows stay as they are."""
        shape = self.shape
        columns = [replace(c, name=new) if c.name.lower() == old.lower() else c for c in shape.columns]
        renamed = Shape(columns, shape.indexes, self.database.collation)
        renamed.store, renamed.unique = shape.store, shape.unique
        self.shape = renamed
