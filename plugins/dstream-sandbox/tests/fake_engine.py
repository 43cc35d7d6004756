"""An engine without a database: statements are looked up in a table of prepared answers."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from dstream_sandbox.sqlserver.errors import CancelledError, KilledError, SqlError
from dstream_sandbox.sqlserver.results import Column, Done, EnvChange, Info, Item, ReturnStatus, ReturnValue, RowSet
from dstream_sandbox.sqlserver.types import BIGINT, INT, SqlType, nvarchar

Parameters = Mapping[str, tuple[SqlType, Any]]


class FakeSession:
    """Answers from `FakeServer.answers`, and a few statements of its own."""

    def __init__(self, server: FakeServer, spid: int, database: str) -> None:
        self.server = server
        self.spid = spid
        self.database_name = database
        self.closed = threading.Event()
        self.cancelled = threading.Event()
        self.resets = 0
        self.executed: list[tuple[str, Parameters]] = []
        self.killed = False

    def execute(self, text: str, parameters: Parameters | None = None, outputs: Collection[str] = ()) -> Iterator[Item]:
        self.cancelled.clear()
        self.executed.append((text, parameters or {}))
        for wanted, answer in self.server.answers.items():
            if wanted in text:
                yield from answer(self, text, parameters or {})
                break
        else:
            yield Done(None, "set")
        for name in outputs:
            sql_type, value = (parameters or {})[name]
            yield ReturnValue(name, sql_type, 42 if value is None else value)

    def check(self) -> None:
        if self.killed:
            raise KilledError
        if self.cancelled.is_set():
            raise CancelledError

    def cancel(self) -> None:
        self.cancelled.set()

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed.set()


Answer = Callable[[FakeSession, str, Parameters], Iterator[Item]]


class FakeServer:
    """Logs one user in."""

    def __init__(self, user: str = "sa", password: str = "secret") -> None:
        self.credentials = (user, password)
        self.on_kill: Callable[[int], object] | None = None
        self.spids = itertools.count(51)
        self.commands: list[tuple[Any, ...]] = []
        self.sessions: list[FakeSession] = []
        self.logins: list[tuple[str, str, str, str, str]] = []
        self.answers: dict[str, Answer] = {
            "numbers(": _numbers,
            "slow": _slow,
            "wait": _wait,
            "print": _print,
            "fail": _fail,
            "use ": _use,
            "BEGIN TRANSACTION": _begin,
            "COMMIT TRANSACTION": _commit,
            "several": _several,
            "EXEC [dbo].[proc]": _procedure,
            "EXEC [dbo].[quiet]": lambda *_: iter([ReturnStatus(7)]),
            "bug": _bug,
        }

    def login(self, user: str, password: str, database: str, application: str, host: str) -> FakeSession:
        self.logins.append((user, password, database, application, host))
        if (user, password) != self.credentials:
            raise SqlError(18456, f"Login failed for user '{user}'.", severity=14)
        if database == "nowhere":
            raise SqlError(
                4060, 'Cannot open database "nowhere" requested by the login. The login failed.', severity=11
            )
        session = FakeSession(self, next(self.spids), database or "master")
        self.sessions.append(session)
        return session

    def kill(self, spid: int) -> bool:
        found = [session for session in self.sessions if session.spid == spid and not session.closed.is_set()]
        for session in found:
            session.killed = True
            if self.on_kill is not None:
                self.on_kill(spid)
        return bool(found)

    def capture_job(self, action: str, database: str = "") -> None:
        self.command("capture", action, database)

    def cleanup(self, database: str = "", instance: str = "", keep_from: bytes | None = None) -> None:
        self.command("cleanup", database, instance, keep_from)

    def fabricate(self, database: str, table: str, rows: int, per_transaction: int = 100) -> None:
        self.command("fabricate", database, table, rows, per_transaction)

    def backup(self, database: str) -> str:
        return f"{database}-1"

    def restore(self, token: str) -> None:
        self.command("restore", token)

    def inject_capture_error(self, database: str, number: int = 22859, message: str = "") -> None:
        self.command("capture error", database, number, message)

    def set_database_state(self, database: str, state: str) -> None:
        self.command("database state", database, state)

    def set_clock(self, offset: float | None = None, time_zone: str | int | None = None) -> None:
        self.command("clock", offset, time_zone)

    def command(self, *words: Any) -> None:
        """What the control channel asked for can be read by the statement `commands`."""
        self.commands.append(words)
        texts = [(" ".join(map(str, words)),) for words in self.commands]
        self.rows("commands", [Column("text", nvarchar(200))], texts)

    def close(self) -> None:
        pass

    def rows(self, marker: str, columns: list[Column], rows: list[tuple[Any, ...]]) -> None:
        """A statement with `marker` in it gives these rows."""
        self.answers[marker] = lambda _session, _text, _parameters: iter([RowSet(columns, list(rows))])


def _argument(text: str) -> int:
    return int(text.partition("(")[2].partition(")")[0])


def _numbers(session: FakeSession, text: str, _: Parameters) -> Iterator[Item]:
    """`numbers(n)`: rows 0 to n-1 with a text each."""
    yield RowSet(
        [Column("n", BIGINT, nullable=False), Column("t", nvarchar(100))],
        ((n, f"number {n}") for n in range(_argument(text))),
    )


def _slow(session: FakeSession, _: str, __: Parameters) -> Iterator[Item]:
    """Rows without an end, until cancelled."""

    def rows() -> Iterator[tuple[Any, ...]]:
        for n in itertools.count():
            session.check()
            yield (n, "x" * 50)

    yield RowSet([Column("n", BIGINT), Column("t", nvarchar(100))], rows())


def _wait(session: FakeSession, _: str, __: Parameters) -> Iterator[Item]:
    session.cancelled.wait(30)
    session.check()
    yield Done()


def _print(_: FakeSession, __: str, ___: Parameters) -> Iterator[Item]:
    yield Info(0, "hello")
    yield Done()


def _fail(_: FakeSession, text: str, __: Parameters) -> Iterator[Item]:
    raise SqlError(_argument(text), "it failed", severity=20 if "fatal" in text else 16)
    yield


def _use(session: FakeSession, text: str, _: Parameters) -> Iterator[Item]:
    old, session.database_name = session.database_name, text.partition(" ")[2].strip("[]; ")
    yield EnvChange("database", session.database_name, old)
    yield Info(5701, f"Changed database context to '{session.database_name}'.")
    yield Done(None, "set")


def _begin(_: FakeSession, __: str, ___: Parameters) -> Iterator[Item]:
    yield EnvChange("begin", 4711)
    yield Done()


def _commit(_: FakeSession, __: str, ___: Parameters) -> Iterator[Item]:
    yield EnvChange("commit", None, 4711)
    yield Done()


def _several(_: FakeSession, __: str, ___: Parameters) -> Iterator[Item]:
    yield RowSet([Column("a", INT)], [(1,), (2,)])
    yield Done(3, "update")
    yield RowSet([Column("b", INT)], [])
    yield RowSet([Column("c", INT)], [(None,)])


def _procedure(_: FakeSession, __: str, parameters: Parameters) -> Iterator[Item]:
    yield RowSet([Column("arguments", INT)], [(len(parameters),)])
    yield ReturnStatus(7)


def _bug(_: FakeSession, __: str, ___: Parameters) -> Iterator[Item]:
    yield RowSet([Column("a", INT)], [("not a number",)])
