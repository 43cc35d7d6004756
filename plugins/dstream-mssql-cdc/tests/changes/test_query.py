"""The statements that read change tables."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import sqlfluff
from change_model import lsn, options, table

from dstream_mssql_cdc.catalog.values import Column
from dstream_mssql_cdc.change_query import ChangeQuery
from dstream_mssql_cdc.position import ChangePosition
from dstream_mssql_cdc.values.columns import plan_columns
from dstream_mssql_cdc.values.examples import EXAMPLES
from dstream_mssql_cdc.values.types import column_expression

INSIDE = ChangePosition(lsn(5), 2, lsn(7), 4)
EVERY_TYPE = [replace(example.column, name=f"c%{number}]") for number, example in enumerate(EXAMPLES)]


PLAIN_NAMES = [replace(each, name=f"c %{each.type}") for each in {each.type: each for each in EVERY_TYPE}.values()]
"""The second grammar does not know that brackets are doubled."""


def statements(
    after: ChangePosition,
    *,
    columns: list[Column] = EVERY_TYPE,
    commands: bool = True,
    facts: bool = True,
    images: bool = True,
) -> list[str]:
    of = table(*columns, key=(), commands=commands)
    plan = plan_columns(of, of.columns, options(), whole_key=False)
    query = ChangeQuery(of.instances[0], plan.expressions("c", options()), before_images=images, facts=facts)
    return [
        statement.text % tuple(map(written, (10, *statement.parameters)))
        for statement in query.statements(after, lsn(9))
    ]


def written(value: object) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytearray) else str(value)


def test_behind_a_transaction_one_range_is_read() -> None:
    (statement,) = statements(ChangePosition.behind(lsn(5)))
    assert "WHERE c.[__$start_lsn] > 0x00000000000000000005 AND c.[__$start_lsn] <= 0x00000000000000000009" in statement
    assert statement.endswith("ORDER BY c.[__$start_lsn], c.[__$command_id], c.[__$seqval], c.[__$operation]")


def test_inside_a_transaction_what_is_left_of_it_comes_first() -> None:
    conditions = [text.partition(" WHERE ")[2].partition(" ORDER BY ")[0] for text in statements(INSIDE)]
    assert conditions == [
        "c.[__$start_lsn] = 0x00000000000000000005 AND c.[__$command_id] = 2 AND c.[__$seqval] >= 0x00000000000000000007 AND (c.[__$seqval] > 0x00000000000000000007 OR c.[__$operation] > 4)",
        "c.[__$start_lsn] = 0x00000000000000000005 AND c.[__$command_id] > 2",
        "c.[__$start_lsn] > 0x00000000000000000005 AND c.[__$start_lsn] <= 0x00000000000000000009",
    ]


def test_images_before_updates_stay_on_the_server_if_nobody_wants_them() -> None:
    assert all("<> 3" in text for text in statements(INSIDE, images=False))


def test_columns_with_odd_names_and_the_parameters_do_not_meet() -> None:
    for text in statements(INSIDE):
        assert len(re.findall(r"\[c%\d+\]\]\]", text)) >= len(EVERY_TYPE)


@pytest.mark.parametrize(("commands", "facts"), [(True, True), (False, False)])
def test_a_second_grammar_understands_them(commands: bool, facts: bool) -> None:
    for text in statements(INSIDE, columns=PLAIN_NAMES, commands=commands, facts=facts):
        parsed = sqlfluff.parse(text, dialect="tsql")  # raises for anything that it cannot parse
        assert parsed


def test_nothing_locks_or_skips_locks() -> None:
    assert "NOLOCK" not in " ".join(statements(INSIDE)).upper()


def test_unusual_columns_are_quoted() -> None:
    column = Column("we]ird %s", "decimal", "decimal(5,2)", 5, 5, 2)
    assert column_expression("c", column, options()) == "CONVERT(varchar(41), c.[we]]ird %s])"
