"""What is said of servers and jobs, from prepared answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from scripted import Answer, ScriptedConnection

from dstream_mssql_cdc.catalog import queries
from dstream_mssql_cdc.catalog.server_checks import check_capture, check_server
from dstream_mssql_cdc.catalog.values import Database
from dstream_mssql_cdc.connection.connect import Connection
from dstream_mssql_cdc.connection.errors import BusyError, SetupError

DATABASE = Database("SQL1", "Shop", "guid", 16, "Latin1_General_CI_AS", True, True, 3, "16.0.1", "Developer")
NOW = datetime(2026, 1, 2, 3, 4)  # noqa: DTZ001  the server's own clock, as it tells it
DENIED = SetupError("denied", code="mssql/permission")


def job(kind: str, retention: int | None = None) -> tuple[Any, ...]:
    return (1, kind, f"cdc.Shop_{kind}", 500, 10, True, 5, retention, 0)


WELL: dict[str, Answer] = {
    queries.JOBS: [job("capture"), job("cleanup", 4320)],
    queries.AGENT: [("Running",)],
    queries.MAX_LSN: [(b"\1" * 10,)],
    queries.NEWEST_ENTRY: [(NOW - timedelta(minutes=4), NOW)],
    queries.VIEW_STATE: [(1, "anna")],
}


def said(database: Database = DATABASE, **answers: Answer) -> list[tuple[str, str, str]]:
    connection = cast(
        "Connection", ScriptedConnection({**WELL, **{getattr(queries, k): v for k, v in answers.items()}})
    )
    return [(each.subject, each.severity, each.text + each.remedy) for each in check_capture(connection, database)]


def trouble(**answers: Answer) -> tuple[str, str]:
    ((_, severity, text),) = [each for each in said(**answers) if each[1] != "ok"]
    return severity, text


def test_all_is_well() -> None:
    assert {severity for _, severity, _ in said()} == {"ok"}
    assert any("72 hours" in text for _, _, text in said())


@pytest.mark.parametrize(
    ("answers", "severity", "text"),
    [
        ({"MAX_LSN": [(None,)]}, "error", "sp_cdc_start_job"),
        ({"JOBS": [job("cleanup", 60)]}, "error", "sp_cdc_add_job @job_type = N'capture'"),
        ({"JOBS": [job("capture")]}, "warning", "sp_cdc_add_job @job_type = N'cleanup'"),
        ({"AGENT": [("Stopped",)]}, "error", "stopped"),
        ({"NEWEST_ENTRY": [(NOW - timedelta(hours=1), NOW)]}, "warning", "stand still"),
        ({"VIEW_STATE": [(0, "anna")]}, "warning", "GRANT VIEW DATABASE STATE TO [anna]"),
    ],
)
def test_what_is_wrong(answers: dict[str, Answer], severity: str, text: str) -> None:
    found = trouble(**answers)
    assert found[0] == severity
    assert text in found[1]


def test_what_may_not_be_seen_is_no_error() -> None:
    assert {severity for _, severity, _ in said(JOBS=DENIED, AGENT=DENIED, VIEW_STATE=DENIED)} == {"ok"}


def test_a_session_that_fails_is_no_finding() -> None:
    with pytest.raises(BusyError):
        said(JOBS=BusyError("deadlock"))


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ({"JOBS": []}, "on the primary: EXEC sys.sp_cdc_help_jobs"),
        ({"JOBS": [job("capture")]}, "no cleanup job"),
        ({"AGENT": [("Stopped",)]}, "the primary's counts"),
        ({"NEWEST_ENTRY": [(NOW - timedelta(hours=1), NOW)]}, "on the primary: EXEC sys.sp_cdc_start_job"),
    ],
)
def test_a_secondary_is_not_asked_for_the_primarys_jobs(answers: dict[str, Answer], text: str) -> None:
    found = [each for each in said(replace(DATABASE, read_only=True), **answers) if each[1] != "ok"]
    ((_, severity, said_of_it),) = found
    assert severity == "warning"
    assert text in said_of_it


def test_azure_has_no_jobs() -> None:
    azure = replace(DATABASE, engine_edition=5)
    assert not any(subject in ("jobs", "retention", "SQL Server Agent") for subject, _, _ in said(azure))


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({}, "ok"),
        ({"version": 10}, "error"),
        ({"version": 12, "engine_edition": 5}, "ok"),
        ({"engine_edition": 4}, "warning"),
        ({"engine_edition": 2, "version": 12}, "error"),
        ({"engine_edition": 2, "version": 13}, "ok"),
    ],
)
def test_editions(changes: dict[str, Any], severity: str) -> None:
    server, database = check_server(replace(DATABASE, **changes))
    assert (server.severity, database.severity) == (severity, "ok")


def test_a_database_that_is_not_online() -> None:
    _, database = check_server(replace(DATABASE, state="SUSPECT"))
    assert database.severity == "error"
