"""What a run says about its tables: messages, each with what to do."""

from __future__ import annotations

from dstream_core.api import ConfigurationError, DStreamError, ProviderError
from dstream_mssql_cdc.catalog.values import CaptureInstance, Table
from dstream_mssql_cdc.position import ChangePosition
from dstream_mssql_cdc.sql import literal
from dstream_mssql_cdc.stream.segments import Gap, in_order


class GapError(ProviderError):
    """Changes are gone before they were read."""

    default_code = "mssql/gap"


class NotCapturedError(ConfigurationError):
    """A table is not captured any more."""

    default_code = "mssql/capture-disabled"


def gap_error(table: Table, gap: Gap, instance: str = "") -> DStreamError:
    """The error for changes that are gone, with the two ways to go on.

    Args:
        table: the table.
        gap: what is gone.
        instance: the capture instance that was read last, if that is known.
    """
    if gap.reason == "purged":
        what = (
            f"{table.qualified}: changes are gone: the position is 0x{gap.position.hex()}, "
            f"the change table begins at 0x{gap.limit.hex()}"
        )
        why = "the cleanup job removed them before they were read (sys.sp_cdc_change_job, @retention in minutes)"
        if instance and instance not in {each.name for each in table.instances}:
            why = f"the capture instance {instance} was disabled before all its changes were read"
    else:
        what = (
            f"{table.qualified}: the position 0x{gap.position.hex()} lies beyond the database's last change "
            f"0x{gap.limit.hex()}"
        )
        why = "the database was restored to an earlier state, or is another one"
    return GapError(what, hint=f'{why}; with on_gap = "snapshot" the table\'s rows are delivered again')


def not_captured(table: Table) -> DStreamError:
    """The error for a table whose capture was disabled while it was read."""
    return NotCapturedError(
        f"{table.qualified}: change data capture was disabled while the table was read",
        hint=f'changes are lost from then on; enable it again: {enable_call(table)}, and run with on_gap = "snapshot", '
        "or take the table out of `tables`",
    )


def enable_call(table: Table, instance: str = "") -> str:
    """The T-SQL that captures a table."""
    named = f", @capture_instance = {literal(instance)}" if instance else ""
    return (
        f"EXEC sys.sp_cdc_enable_table @source_schema = {literal(table.schema)}, "
        f"@source_name = {literal(table.name)}, @role_name = NULL{named}"
    )


def disable_call(table: Table, instance: CaptureInstance) -> str:
    """The T-SQL that gives up one capture instance."""
    return (
        f"EXEC sys.sp_cdc_disable_table @source_schema = {literal(table.schema)}, "
        f"@source_name = {literal(table.name)}, @capture_instance = {literal(instance.name)}"
    )


def instance_news(before: Table, now: Table) -> list[str]:
    """What is to be said when a table's capture instances are others than they were."""
    known = {instance.object_id for instance in before.instances}
    news = []
    for instance in in_order(now.instances):
        if instance.object_id not in known:
            changed = _difference(before.instances, instance)
            news.append(
                f"{now.qualified}: capture instance {instance.name} begins at 0x{instance.start_lsn.hex()}{changed}; "
                "it is read from there on, the older one up to there"
            )
    return news


def may_be_dropped(table: Table, position: ChangePosition) -> list[str]:
    """What is to be said once an older capture instance has been read to its end."""
    *older, newest = in_order(table.instances)
    if not older or position < ChangePosition.behind(newest.start_lsn):
        return []
    return [
        f"{table.qualified}: capture instance {instance.name} is not read any more; give it up with "
        f"{disable_call(table, instance)}"
        for instance in older
    ]


def uncaptured_columns(table: Table) -> list[str]:
    """Names of columns of the table that its newest capture instance does not know."""
    newest = in_order(table.instances)[-1]
    captured = {column.name for column in newest.columns}
    return [column.name for column in table.columns if column.name not in captured and not column.computed]


def uncaptured_warning(table: Table, columns: list[str]) -> str:
    """What is to be said of columns that were added and are not captured."""
    newest = in_order(table.instances)[-1]
    again = enable_call(table, f"{newest.name}_v2")
    return (
        f"{table.qualified}: {', '.join(columns)} is not captured by {newest.name}; to capture it from now on: {again}; "
        "what was written before that is delivered with snapshot_again"
    )


def _difference(instances: tuple[CaptureInstance, ...], newer: CaptureInstance) -> str:
    if not instances:
        return ""
    old = {column.name: column.declaration for column in in_order(instances)[-1].columns}
    new = {column.name: column.declaration for column in newer.columns}
    parts = [
        ("new columns", [name for name in new if name not in old]),
        ("without", [name for name in old if name not in new]),
        ("changed", [f"{name} {old[name]} -> {new[name]}" for name in new if name in old and new[name] != old[name]]),
    ]
    said = [f"{what} {', '.join(names)}" for what, names in parts if names]
    return f" ({'; '.join(said)})" if said else ""
