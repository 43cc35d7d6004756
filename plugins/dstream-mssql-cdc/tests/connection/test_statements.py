"""Parameters in statements."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymssql import _mssql

from dstream_mssql_cdc.connection.statements import rendered
from dstream_mssql_cdc.sql import doubled, quoted


def render(sql: str, *parameters: object) -> str:
    return rendered(sql, parameters, _mssql.quote_simple_value)


def test_without_parameters_the_text_is_sent_as_it_is() -> None:
    assert render("SELECT '100%', '%s', '%%'") == "SELECT '100%', '%s', '%%'"


def test_values() -> None:
    assert render("%s, %s, %s, %s, %s", 1, "it's ü", None, True, Decimal("1.50")) == "1, N'it''s ü', NULL, 1, 1.50"
    assert render("%s, %s", bytearray(b"AB"), b"AB") == "0x4142, 0x4142"


def test_percent_signs_and_places_in_names_stay() -> None:
    name = doubled(quoted("50%done %s"))
    assert render(f"SELECT {name} WHERE a = %s", "%s %d %%") == "SELECT [50%done %s] WHERE a = N'%s %d %%'"


def test_pymssql_itself_takes_names_for_places() -> None:
    # The reason for `rendered`: if this fails one day, pymssql has learned it.
    assert _mssql.substitute_params("SELECT [50%%done], %s", (7, 8)) == b"SELECT [50%7one], 8"


def test_a_nul_does_not_end_the_statement() -> None:
    assert render("SELECT %s", "a\0b\0") == "SELECT (N'a' + NCHAR(0) + N'b' + NCHAR(0) + N'')"


@pytest.mark.parametrize(("sql", "parameters"), [("%s", (1, 2)), ("%s %s", (1,)), ("100% %s", (1,)), ("%d", (1,))])
def test_places_and_parameters_must_fit(sql: str, parameters: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match="statement"):
        render(sql, *parameters)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_text_is_one_literal(text: str) -> None:
    literal = render("%s", text)
    assert literal == "N'" + text.replace("'", "''") + "'"
