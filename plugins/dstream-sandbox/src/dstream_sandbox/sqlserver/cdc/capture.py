"""The capture job's work: committed transactions from the log become change rows."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

from dstream_sandbox.sqlserver.cdc.state import NO_TRANSACTION, CaptureState, ScanSession
from dstream_sandbox.sqlserver.engine.clock import rounded
from dstream_sandbox.sqlserver.engine.database import Committed
from dstream_sandbox.sqlserver.engine.log import lsn_bytes

if TYPE_CHECKING:
    from dstream_sandbox.sqlserver.cdc.instances import CaptureInstance

_IDLE_SESSIONS_KEPT = 10


def scan_log(state: CaptureState, dummy_interval: float) -> int:
    """Captures all that is committed now; gives how many transactions. One scan, or several of `maxtrans` each."""
    with state.scanning:
        if state.blocked is not None:
            _report_block(state)
            return 0
        total = 0
        waiting = len(state.database.committed)
        size = state.capture_job.maxtrans if state.capture_job else 500
        while total < waiting:
            batch = list(itertools.islice(_taken(state), min(size, waiting - total)))
            _capture(state, batch)
            total += len(batch)
        if not total:
            _idle(state, dummy_interval)
        return total


def _taken(state: CaptureState) -> Any:
    committed = state.database.committed
    while committed:
        yield committed.popleft()


def _report_block(state: CaptureState) -> None:
    if state.blocked is not None and (not state.health.errors or state.health.errors[-1].number != 22859):
        instance, column = state.blocked
        _session(state, 0)
        state.add_error(
            22859, f"Log Scan process failed in processing log records. The column '{column}' of change table "
            f"'cdc.{instance.changes.name}' could not be altered to the type of its source. Refer to previous errors in the current "
            "session to identify the cause and correct any associated problems.",
        )  # fmt: skip


def _capture(state: CaptureState, batch: list[Committed]) -> None:
    rows: dict[CaptureInstance, list[Any]] = {}
    mapping: list[tuple[Any, ...]] = []
    commands = 0
    for transaction in batch:
        start_lsn = lsn_bytes(transaction.commit_lsn)
        mapping.append(
            (
                start_lsn, rounded(transaction.began), rounded(transaction.ended), transaction.transaction_id.to_bytes(6, "big"),
                lsn_bytes(transaction.first_lsn),
            )
        )  # fmt: skip
        mine: dict[CaptureInstance, list[Any]] = {}
        for record in transaction.records:
            for instance in record.table.tracked:
                if record.lsn > instance.began:
                    mine.setdefault(instance, []).extend(instance.rows(record, start_lsn))
        for instance, made in mine.items():
            # The change table's clustered order: a key update's two rows share a number and a command.
            made.sort(key=lambda row: (row[-1], row[2], row[3]))
            rows.setdefault(instance, []).extend(made)
            commands += len(made)
    _publish(state, rows, mapping)
    _note_session(state, batch, commands)


def _publish(state: CaptureState, rows: dict[CaptureInstance, list[Any]], mapping: list[tuple[Any, ...]]) -> None:
    """All at once for readers of a snapshot; change rows before the LSN that says that they are there for the others."""
    commits = state.database.server.commits
    with commits.latch:
        moment = commits.value + 1
        for instance, made in rows.items():
            if made:
                instance.changes.append(made, moment)
        state.mapping_rows(mapping, moment)
        commits.value = moment
    state.last_dummy = time.monotonic()


def _idle(state: CaptureState, dummy_interval: float) -> None:
    """Now and then an entry without a transaction, which shows that the job lives."""
    server = state.database.server
    sessions = state.health.sessions
    if sessions and sessions[-1].transactions == 0:
        sessions[-1].empty_scans += 1
        sessions[-1].end = rounded(server.now())
    else:
        session = _session(state, 0)
        session.empty_scans = 1
    if state.last_dummy and time.monotonic() - state.last_dummy < dummy_interval:
        return
    add_dummy(state)


def add_dummy(state: CaptureState) -> bytes:
    """Writes a row without a transaction to cdc.lsn_time_mapping; gives its LSN."""
    database = state.database
    now = rounded(database.server.now())
    with database.server.commits.latch:
        lsn = lsn_bytes(database.log.commit())
        _publish(state, {}, [(lsn, now, now, NO_TRANSACTION, lsn)])
    return lsn


def _session(state: CaptureState, transactions: int) -> ScanSession:
    health, now = state.health, rounded(state.database.server.now())
    number = health.sessions[-1].session_id + 1 if health.sessions else 1
    session = ScanSession(number, now, now, transactions=transactions)
    health.sessions.append(session)
    del health.sessions[:-_IDLE_SESSIONS_KEPT]
    if health.total is None:
        health.total = ScanSession(0, now)
    return session


def _note_session(state: CaptureState, batch: list[Committed], commands: int) -> None:
    session = _session(state, len(batch))
    first, last = batch[0], batch[-1]
    session.commands = commands
    session.records = sum(len(one.records) for one in batch) + 2 * len(batch)
    session.first_lsn, session.last_lsn = first.first_lsn, last.commit_lsn
    session.last_commit = rounded(last.ended)
    now = state.database.server.now()
    session.latency = max(0, (now.total_ticks - last.ended.total_ticks) // 10_000_000)
    total = state.health.total
    if total is not None:
        total.transactions += len(batch)
        total.commands += commands
        total.records += session.records
        total.end, total.last_commit, total.last_lsn, total.latency = (
            session.end,
            session.last_commit,
            session.last_lsn,
            session.latency,
        )
