"""The statements of a snapshot."""

from __future__ import annotations

from dstream_mssql_cdc.catalog.values import Column, Table
from dstream_mssql_cdc.snapshot.query import chunk_query, whole_query

ID = Column("Id", "int", "int", 4)
CODE = Column("Co%de]", "varchar", "varchar(20)", 20)
HASH = Column("Hash", "varbinary", "varbinary(8)", 8)
RATE = Column("Rate", "float", "float", 8)


def table(*columns: Column, key: tuple[str, ...]) -> Table:
    return Table("dbo", "Or'd]ers", 1, columns, key, ())


def test_the_first_chunk_has_no_lower_end() -> None:
    text, parameters = chunk_query(table(ID, key=("Id",)), ["t.[Id]"], "", None, 100)
    assert text == "SELECT TOP (%s) t.[Id]\nFROM [dbo].[Or'd]]ers] AS t\nORDER BY t.[Id]"
    assert parameters == [100]


def test_a_key_of_one_column() -> None:
    text, parameters = chunk_query(table(ID, key=("Id",)), ["t.[Id]"], "Total > 5 OR Note LIKE '%x'", [7], 10)
    assert "WHERE t.[Id] > CAST(%s AS int) AND (Total > 5 OR Note LIKE '%%x')" in text
    assert parameters == [10, 7]
    assert text % tuple("?" for _ in parameters)


def test_a_key_of_several_columns_compares_as_a_row_of_values() -> None:
    text, parameters = chunk_query(table(ID, CODE, HASH, key=("Id", "Co%de]", "Hash")), ["1"], "", [7, "x", "AQI="], 10)
    assert text.split("WHERE ")[1].split("\n")[0] == (
        "t.[Id] >= CAST(%s AS int) AND ((t.[Id] > CAST(%s AS int)) OR "
        "(t.[Id] = CAST(%s AS int) AND t.[Co%%de]]] > CAST(%s AS varchar(20))) OR "
        "(t.[Id] = CAST(%s AS int) AND t.[Co%%de]]] = CAST(%s AS varchar(20)) AND t.[Hash] > CAST(%s AS varbinary(8))))"
    )
    assert parameters == [10, 7, 7, 7, "x", 7, "x", bytearray(b"\x01\x02")]


def test_text_is_compared_in_the_collation_of_its_column() -> None:
    name = Column("Name", "varchar", "varchar(20)", 20, collation="Cyrillic_General_CI_AS")
    text, _ = chunk_query(table(name, key=("Name",)), ["1"], "", ["я"], 10, "Latin1_General_CI_AS")
    assert "t.[Name] > CAST(%s COLLATE Cyrillic_General_CI_AS AS varchar(20))" in text
    text, _ = chunk_query(table(name, key=("Name",)), ["1"], "", ["я"], 10, "Cyrillic_General_CI_AS")
    assert "t.[Name] > CAST(%s AS varchar(20))" in text


def test_floats_are_sent_with_all_their_digits() -> None:
    _, parameters = chunk_query(table(RATE, key=("Rate",)), ["1"], "", [0.1 + 0.2], 10)
    assert parameters == [10, "0.30000000000000004"]


def test_all_rows_at_once_have_no_parameters() -> None:
    assert whole_query(table(ID, key=()), ["t.[Id]"], "Note LIKE '%x'") == (
        "SELECT t.[Id]\nFROM [dbo].[Or'd]]ers] AS t\nWHERE (Note LIKE '%x')"
    )
