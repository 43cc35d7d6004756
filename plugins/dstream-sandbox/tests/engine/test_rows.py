"""Writing rows: constraints, identity, defaults, rowversion, atomicity, savepoints, XACT_ABORT."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from engine_helpers import connect, create, delete, insert, refused, running, select, update

from dstream_sandbox.sqlserver.engine.api import (
    DEFAULT,
    CheckSpec,
    ColumnSpec,
    ForeignKeySpec,
    IndexSpec,
    TableSpec,
)  # fmt: skip
from dstream_sandbox.sqlserver.engine.server import Server
from dstream_sandbox.sqlserver.engine.session import Session
from dstream_sandbox.sqlserver.types import INT, SqlType


@pytest.fixture
def server() -> Iterator[Server]:
    with running(capture=False) as started:
        yield started


@pytest.fixture
def session(server: Server) -> Session:
    return connect(server)


def test_identity_counts_and_is_not_given_back(session: Session) -> None:
    table = create(session, "T", "id int, n int", id={"identity": (10, 5)})
    assert insert(session, table, (DEFAULT, 1), (DEFAULT, 2)) == [(10, 1), (15, 2)]
    session.begin()
    insert(session, table, (DEFAULT, 3))
    session.rollback()
    assert insert(session, table, (DEFAULT, 4)) == [(25, 4)]
    assert session.identity == 25
    with refused(544):
        insert(session, table, (1, 1))
    session.identity_insert = table
    with refused(545):
        insert(session, table, (DEFAULT, 1))
    insert(session, table, (100, 1))
    session.identity_insert = None
    assert insert(session, table, (DEFAULT, 4)) == [(105, 4)]
    tiny = create(session, "U", "id tinyint, n int", id={"identity": (255, 1)})
    insert(session, tiny, (DEFAULT, 1))
    with refused(8115):
        insert(session, tiny, (DEFAULT, 1))


def test_defaults_rowversions_and_computed_columns(session: Session) -> None:
    table = create(
        session, "T", "id int, n int, v timestamp, twice int",
        n={"default": lambda _: 7, "default_text": "((7))"}, twice={"computed": lambda _, row: row[1] * 2, "computed_text": "([n]*(2))"},
    )  # fmt: skip
    ((_, n, first, twice),) = insert(session, table, (1, DEFAULT, DEFAULT, DEFAULT))
    assert (n, twice, len(first)) == (7, 14, 8)
    update(session, table, lambda row: (1, 8, DEFAULT, DEFAULT))
    ((_, n, second, twice),) = select(session, "dbo", "T")
    assert (n, twice) == (8, 16)
    assert second > first


def test_constraints_name_what_is_wrong(session: Session) -> None:
    table = create(
        session, "T", "id int, code nvarchar(10), must int",
        indexes=[IndexSpec("UX", [("code", False)], unique=True)], must={"nullable": False},
    )  # fmt: skip
    insert(session, table, (1, "a", 1), (2, None, 1))
    with refused(2627) as caught:
        insert(session, table, (1, "x", 1))
    assert "PK_T" in str(caught.value)
    assert "(1)" in str(caught.value)
    with refused(2601) as caught:
        insert(session, table, (3, "A ", 1))
    assert "UX" in str(caught.value)
    with refused(2601):
        insert(session, table, (3, None, 1))
    with refused(515):
        insert(session, table, (3, "b", None))
    with refused(515):
        insert(session, table, (None, "b", 1))
    assert len(select(session, "dbo", "T")) == 2


def test_checks_and_foreign_keys(session: Session) -> None:
    parent = create(session, "P", "id int, n int")
    spec = TableSpec(
        "dbo", "C", [ColumnSpec("id", INT), ColumnSpec("parent", INT)], [IndexSpec("PK_C", [("id", False)], "primary key")],
        [CheckSpec("CK", lambda _, row: None if row[0] is None else row[0] > 0, "([id]>(0))")],
        [ForeignKeySpec("FK", ["parent"], "dbo", "P", on_delete="cascade")],
    )  # fmt: skip
    with session.statement("ddl"):
        session.create_table(spec)
    child: Any = session.resolve(None, "dbo", "C")
    insert(session, parent, (1, 0), (2, 0))
    insert(session, child, (1, 1), (2, None))
    with refused(547):
        insert(session, child, (-1, 1))
    with refused(547):
        insert(session, child, (3, 99))
    with refused(547):
        update(session, parent, lambda row: (9, 0) if row[0] == 1 else None)
    delete(session, parent, lambda row: row[0] == 1)
    assert select(session, "dbo", "C") == [(2, None)]
    with refused(3726), session.statement("ddl"):
        session.drop_table(parent)


def test_a_failing_statement_leaves_nothing_of_itself(session: Session) -> None:
    table = create(session, "T", "id int, n int")
    session.begin()
    insert(session, table, (1, 1))
    with refused(2627):
        insert(session, table, (2, 2), (3, 3), (1, 1))
    assert session.trancount == 1
    session.commit()
    assert select(session, "dbo", "T") == [(1, 1)]


def test_under_xact_abort_it_takes_the_transaction_along(session: Session) -> None:
    table = create(session, "T", "id int, n int")
    session.xact_abort = True
    session.begin()
    insert(session, table, (1, 1))
    with refused(2627):
        insert(session, table, (1, 1))
    assert (session.trancount, session.xact_state) == (0, 0)
    session.begin()
    insert(session, table, (1, 1))
    session.try_depth = 1
    with refused(2627):
        insert(session, table, (1, 1))
    assert (session.trancount, session.xact_state) == (1, -1)
    with refused(3930):
        insert(session, table, (2, 2))
    with refused(3930):
        session.commit()
    session.rollback()
    assert select(session, "dbo", "T") == []


def test_savepoints_and_nesting(session: Session) -> None:
    table = create(session, "T", "id int, n int")
    session.begin("outer")
    insert(session, table, (1, 1))
    session.begin()
    session.save("s")
    update(session, table, lambda row: (5, 5))
    delete(session, table)
    session.rollback("s")
    session.commit()
    assert session.trancount == 1
    with refused(6401):
        session.rollback("nobody")
    session.commit()
    assert select(session, "dbo", "T") == [(1, 1)]
    with refused(3902):
        session.commit()
    with refused(3903):
        session.rollback()


def test_implicit_transactions_begin_with_the_first_statement(session: Session) -> None:
    table = create(session, "T", "id int, n int")
    session.implicit_transactions = True
    insert(session, table, (1, 1))
    assert session.trancount == 1
    session.rollback()
    assert select(session, "dbo", "T") == []
    assert session.trancount == 1


def test_keys_may_be_swapped_by_one_statement(session: Session) -> None:
    table = create(session, "T", "id int, n int")
    insert(session, table, (1, 10), (2, 20))
    update(session, table, lambda row: (3 - row[0], row[1]))
    assert select(session, "dbo", "T") == [(1, 20), (2, 10)]
    with refused(2627):
        update(session, table, lambda row: (1, row[1]))
    session.begin()
    update(session, table, lambda row: (3 - row[0], row[1]))
    session.rollback()
    assert select(session, "dbo", "T") == [(1, 20), (2, 10)]


def test_scans_go_by_the_clustered_index_and_take_bounds(session: Session) -> None:
    table = create(session, "T", "a int, b nvarchar(10), n int", key="a b")
    rows = [(a, b, 0) for a in range(50) for b in ("x", "Y", "z")]
    random.Random(4).shuffle(rows)
    insert(session, table, *rows)
    found = select(session, "dbo", "T")
    assert [row[:2] for row in found] == [(a, b) for a in range(50) for b in ("x", "Y", "z")]
    assert [row[1] for row in select(session, "dbo", "T", (7,), (7,))] == ["x", "Y", "z"]
    assert [row[:2] for row in select(session, "dbo", "T", (48, "y"), (49, "X"))] == [(48, "Y"), (48, "z"), (49, "x")]
    assert table.sort_key == ("a", "b")


@pytest.mark.parametrize("seed", range(5))
def test_any_sequence_of_writes_ends_as_a_dictionary_does(session: Session, seed: int) -> None:
    """Random inserts, updates, key updates, deletes, with rollbacks, against a plain dict."""
    chance = random.Random(seed)
    table = create(session, "T", "id int, n int", indexes=[IndexSpec("IX", [("n", False)])])
    known: dict[int, int] = {}
    for _ in range(300):
        before = dict(known)
        session.begin()
        for _ in range(chance.randrange(1, 5)):
            key, other, number = chance.randrange(40), chance.randrange(40), chance.randrange(1000)
            action = chance.choice(["insert", "update", "key", "delete"])
            if action == "insert" and key not in known:
                insert(session, table, (key, number))
                known[key] = number
            elif action == "update" and key in known:
                update(session, table, lambda row: (row[0], number) if row[0] == key else None)  # noqa: B023  called at once
                known[key] = number
            elif action == "key" and key in known and other not in known:
                update(session, table, lambda row: (other, row[1]) if row[0] == key else None)  # noqa: B023  called at once
                known[other] = known.pop(key)
            elif action == "delete":
                delete(session, table, lambda row: row[0] == key)  # noqa: B023  called at once
                known.pop(key, None)
        if chance.random() < 0.3:
            session.rollback()
            known = before
        else:
            session.commit()
    assert select(session, "dbo", "T") == sorted(known.items())
    assert table.shape.store.count == table.row_count(session) == len(known)
    assert len(table.shape.unique[0].entries) == len(known)


def test_types_order_as_the_server_orders_them(session: Session) -> None:
    table = create(session, "T", "id uniqueidentifier, n int")
    order = [
        "01000000-0000-0000-0000-000000000000", "00010000-0000-0000-0000-000000000000", "00000100-0000-0000-0000-000000000000",
        "00000001-0000-0000-0000-000000000000", "00000000-0100-0000-0000-000000000000", "00000000-0000-0100-0000-000000000000",
        "00000000-0000-0000-0001-000000000000", "00000000-0000-0000-0100-000000000000", "00000000-0000-0000-0000-000000000001",
        "00000000-0000-0000-0000-010000000000",
    ]  # fmt: skip
    insert(session, table, *[(uuid.UUID(text), 0) for text in reversed(order)])
    assert [str(row[0]) for row in select(session, "dbo", "T")] == order
    money = create(session, "M", "id decimal(9,2), n int")
    insert(session, money, (Decimal("10.00"), 0), (Decimal("9.50"), 0), (Decimal("-1.00"), 0))
    assert [str(row[0]) for row in select(session, "dbo", "M")] == ["-1.00", "9.50", "10.00"]
    assert SqlType.parse("int") == INT
