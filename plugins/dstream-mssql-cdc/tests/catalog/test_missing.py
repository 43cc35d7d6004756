"""What is said of tables that cannot be read."""

from __future__ import annotations

from dstream_mssql_cdc.catalog.columns import declaration
from dstream_mssql_cdc.catalog.findings import Finding, check_result
from dstream_mssql_cdc.catalog.missing import missing_tables

KNOWN = (("dbo", "Orders"), ("dbo", "O'Neil]s"), ("sales", "Items"))


def test_one_error_shows_the_call_for_every_table() -> None:
    error = missing_tables(["Orders", "Items", "[O'Neil]]s]"], KNOWN).error()

    assert error.code == "mssql/not-captured"
    assert error.exit_code == 2
    assert "dbo.Orders, sales.Items, dbo.O'Neil]s" in error.message
    hint = error.hint or ""
    assert "@source_schema = N'dbo', @source_name = N'Orders', @role_name = NULL" in hint
    assert "@source_schema = N'sales', @source_name = N'Items'" in hint
    assert "@source_name = N'O''Neil]s'" in hint


def test_a_name_that_no_table_has() -> None:
    error = missing_tables(["Ordrs", "Zebra"], KNOWN).error()

    assert error.code == "mssql/no-such-table"
    assert "did you mean dbo.Orders?" in (error.hint or "")
    assert "Zebra: check the name" in (error.hint or "")


def test_a_table_that_the_user_may_not_see() -> None:
    hidden = ("dbo_Secrets", "sales_Old", "chosen")
    missing = missing_tables(["secrets", "sales.Old", "hr.Old", "chosen", "Orders"], KNOWN, hidden, "anna")

    assert missing.hidden == (("dbo", "secrets"), ("sales", "Old"))
    assert missing.unknown == ("hr.Old", "chosen")
    error = missing.error()
    assert error.code == "mssql/not-captured"
    assert "not visible to anna: dbo.secrets, sales.Old" in error.message
    assert "GRANT SELECT ON [sales].[Old] TO [anna];" in (error.hint or "")
    assert missing_tables(["Secrets"], KNOWN, hidden, "anna").error().code == "mssql/permission"


def test_the_result_of_a_check() -> None:
    result = check_result(
        [
            Finding("server", "ok", "here"),
            Finding("dbo.A", "error", "not captured", "EXEC x;"),
            Finding("b", "warning", "hm"),
        ]
    )

    assert result.healthy is False
    assert [resource.state for resource in result.resources] == ["ok", "error", "warning"]
    assert (result.message or "").splitlines() == [
        "1 error, 1 warning, 3 things checked",
        "error: dbo.A: not captured — EXEC x;",
        "warning: b: hm",
    ]
    assert check_result([Finding("server", "ok", "here")]).healthy is True


def test_declarations() -> None:
    found = [
        declaration("nvarchar", 100, 0, 0),
        declaration("nvarchar", -1, 0, 0),
        declaration("varbinary", 16, 0, 0),
        declaration("decimal", 9, 18, 2),
        declaration("datetime2", 8, 27, 7),
        declaration("int", 4, 10, 0),
        declaration("hierarchyid", 892, 0, 0),
    ]
    assert found == [
        "nvarchar(50)",
        "nvarchar(max)",
        "varbinary(16)",
        "decimal(18,2)",
        "datetime2(7)",
        "int",
        "hierarchyid",
    ]
