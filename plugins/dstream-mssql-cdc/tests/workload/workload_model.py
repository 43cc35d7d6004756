"""A seeded writer: T-SQL on one side, what must be in the tables then on the other. It alone knows both."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Key = tuple[Any, ...]
Row = dict[str, Any]
Rows = dict[Key, Row]


@dataclass(frozen=True)
class Value:
    """A value as T-SQL writes it and as JSON delivers it."""

    sql: str
    json: Any


@dataclass(frozen=True)
class ColumnKind:
    """A column and how its values are made."""

    name: str
    declaration: str
    make: Callable[[random.Random], Value]


def _decimal(chance: random.Random) -> Value:
    text = f"{chance.choice(['', '-'])}{chance.randrange(10**9)}.{chance.randrange(10**4):04d}"
    text = text.removeprefix("-") if float(text) == 0 else text
    return Value(text, text)


def _text(chance: random.Random) -> Value:
    text = "".join(chance.choice("abc äöü'\"\\%]\n€日") for _ in range(chance.randrange(0, 30)))
    return Value("N'" + text.replace("'", "''") + "'", text)


def _moment(chance: random.Random) -> Value:
    text = (
        f"{chance.randrange(1, 9999):04d}-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}"
        f"T{chance.randrange(24):02d}:{chance.randrange(60):02d}:{chance.randrange(60):02d}.{chance.randrange(10**7):07d}"
    )
    return Value(f"'{text}'", text)


def _bytes(chance: random.Random) -> Value:
    data = chance.randbytes(chance.randrange(0, 20))
    return Value("0x" + data.hex(), base64.b64encode(data).decode())


def _big(chance: random.Random) -> Value:
    number = chance.randrange(-(2**63), 2**63)
    return Value(f"CAST({number} AS bigint)", number)


def _flag(chance: random.Random) -> Value:
    flag = chance.random() < 0.5
    return Value(str(int(flag)), flag)


def _nullable(make: Callable[[random.Random], Value]) -> Callable[[random.Random], Value]:
    return lambda chance: Value("NULL", None) if chance.random() < 0.2 else make(chance)


KINDS = (
    ColumnKind("Amount", "decimal(18,4)", _nullable(_decimal)),
    ColumnKind("Note", "nvarchar(100)", _nullable(_text)),
    ColumnKind("Stamp", "datetime2(7)", _nullable(_moment)),
    ColumnKind("Data", "varbinary(50)", _nullable(_bytes)),
    ColumnKind("Big", "bigint", _nullable(_big)),
    ColumnKind("Flag", "bit", _nullable(_flag)),
)
EXTRA = ColumnKind("Extra column", "int", lambda chance: Value(number := str(chance.randrange(10**6)), int(number)))


@dataclass
class TableModel:
    """One table: its definition and what is in it.

    `key` holds one or two integer columns; without one, rows are only inserted.
    """

    schema: str
    name: str
    key: tuple[str, ...]
    columns: list[ColumnKind]
    rows: Rows = field(default_factory=dict)
    next_id: int = 1
    instances: int = 1

    @property
    def quoted(self) -> str:
        return f"[{self.schema}].[{self.name.replace(']', ']]')}]"

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The integer columns in front: the key's, or a plain number."""
        return self.key or ("N",)

    def create(self) -> str:
        parts = [f"[{name}] int NOT NULL" for name in self.identifiers]
        parts += [f"[{column.name}] {column.declaration} NULL" for column in self.columns]
        if self.key:
            parts.append(f"PRIMARY KEY ({', '.join(f'[{name}]' for name in self.key)})")
        return f"CREATE TABLE {self.quoted} ({', '.join(parts)})"

    def enable(self) -> str:
        instance = f"{self.schema}_{self.name}_{self.instances}".replace("'", "''")
        name = self.name.replace("'", "''")
        return (
            f"EXEC sys.sp_cdc_enable_table @source_schema = N'{self.schema}', @source_name = N'{name}', "
            f"@role_name = NULL, @capture_instance = N'{instance}'"
        )


class Workload:
    """Transactions for some tables, and the rows that must be there after them.

    Args:
        chance: the seed's random numbers.
        tables: how many tables.
    """

    def __init__(self, chance: random.Random, tables: int):
        self._chance = chance
        self.tables = [self._table(number) for number in range(tables)]
        self.transactions = 0

    def _table(self, number: int) -> TableModel:
        chance = self._chance
        names = [f"T{number}", f"With space {number}", f"Br]acket.{number}", f"Tä'ble {number}"]
        key: tuple[str, ...] = chance.choice([("Id",), ("Id",), ("Region", "Id")])
        if number % 10 == 9:
            key = ()
        columns = chance.sample(KINDS, chance.randrange(1, len(KINDS) + 1))
        return TableModel(chance.choice(["dbo", "sales"]), chance.choice(names), key, columns)

    def transaction(self) -> str:
        """The T-SQL of one transaction; the model stands behind it, unless it is one that is rolled back."""
        chance = self._chance
        self.transactions += 1
        undone = chance.random() < 0.1
        kept = {id(table): (dict(table.rows), table.next_id) for table in self.tables} if undone else {}
        statements = [self._statement(chance.choice(self.tables)) for _ in range(chance.choice([1, 1, 1, 2, 3, 5]))]
        if undone:
            for table in self.tables:
                table.rows, table.next_id = kept[id(table)]
        return "\n".join(["BEGIN TRANSACTION", *statements, "ROLLBACK" if undone else "COMMIT"])

    def _statement(self, table: TableModel) -> str:
        if not table.key or len(table.rows) < 5:
            return self._insert(table)
        choice = self._chance.random()
        if choice < 0.4:
            return self._insert(table)
        if choice < 0.7:
            return self._update(table)
        if choice < 0.82:
            return self._change_key(table)
        return self._delete(table)

    def _insert(self, table: TableModel) -> str:
        names = [*table.identifiers, *(column.name for column in table.columns)]
        tuples = []
        for _ in range(self._chance.choice([1, 1, 2, 5, 20])):
            numbers = (*(self._chance.randrange(3) for _ in table.identifiers[1:]), table.next_id)
            table.next_id += 1
            values = [column.make(self._chance) for column in table.columns]
            tuples.append("(" + ", ".join([*map(str, numbers), *(value.sql for value in values)]) + ")")
            row = dict(zip(names, [*numbers, *(value.json for value in values)], strict=True))
            table.rows[numbers] = row
        columns = ", ".join(f"[{name}]" for name in names)
        return f"INSERT INTO {table.quoted} ({columns}) VALUES {', '.join(tuples)}"

    def _range(self, table: TableModel, most: int) -> tuple[str, list[Key]]:
        """A condition on the last column of the key, and the keys that meet it."""
        low = self._chance.choice(list(table.rows))[-1]
        high = low + self._chance.randrange(most)
        keys = [key for key in table.rows if low <= key[-1] <= high]
        return f"[{table.key[-1]}] BETWEEN {low} AND {high}", keys

    def _update(self, table: TableModel) -> str:
        condition, keys = self._range(table, 8)
        changed = self._chance.sample(table.columns, self._chance.randrange(1, len(table.columns) + 1))
        values = {column.name: column.make(self._chance) for column in changed}
        for key in keys:
            table.rows[key] = table.rows[key] | {name: value.json for name, value in values.items()}
        settings = ", ".join(f"[{name}] = {value.sql}" for name, value in values.items())
        return f"UPDATE {table.quoted} SET {settings} WHERE {condition}"

    def _change_key(self, table: TableModel) -> str:
        condition, keys = self._range(table, 4)
        column, distance = table.key[-1], table.next_id - min(key[-1] for key in keys)
        table.next_id = max(key[-1] for key in keys) + distance + 1
        for key in keys:
            row = table.rows.pop(key)
            moved = (*key[:-1], key[-1] + distance)
            table.rows[moved] = row | {column: moved[-1]}
        return f"UPDATE {table.quoted} SET [{column}] = [{column}] + {distance} WHERE {condition}"

    def _delete(self, table: TableModel) -> str:
        condition, keys = self._range(table, 5)
        for key in keys:
            del table.rows[key]
        return f"DELETE FROM {table.quoted} WHERE {condition}"

    def schema_changes(self) -> Iterator[str]:
        """T-SQL that adds a column to one table and drops one of another, each with a second capture instance."""
        keyed = [table for table in self.tables if table.key and table.instances == 1]
        grown = self._chance.choice(keyed)
        yield f"ALTER TABLE {grown.quoted} ADD [{EXTRA.name}] {EXTRA.declaration} NULL"
        grown.columns = [*grown.columns, EXTRA]
        grown.rows = {key: row | {EXTRA.name: None} for key, row in grown.rows.items()}
        grown.instances = 2
        yield grown.enable()
        shrunk = self._chance.choice([table for table in keyed if table is not grown and len(table.columns) > 1])
        gone = shrunk.columns[0].name
        yield f"ALTER TABLE {shrunk.quoted} DROP COLUMN [{gone}]"
        shrunk.columns = shrunk.columns[1:]
        shrunk.rows = {key: {n: v for n, v in row.items() if n != gone} for key, row in shrunk.rows.items()}
        shrunk.instances = 2
        yield shrunk.enable()
