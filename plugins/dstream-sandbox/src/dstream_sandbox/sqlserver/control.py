"""The control channel: what tests and people ask of a running sandbox, beside the wire.

A second loopback port speaks JSON, one object a line. The first line authenticates: `{"password": "…"}` with the sandbox's own
password; then every line is a request `{"verb": "…", …arguments}`, answered by `{"ok": true, "result": …}` or
`{"ok": false, "error": "…"}`, in order. Connections are served side by side, so that one can release what another waits for.

| verb | arguments | result |
|---|---|---|
| `ping` | | `"pong"` |
| `fault` | the fields of `tds.faults.Fault` | its number |
| `faults` | | all faults, with `matched`, `fired` and `active` |
| `release` | `fault` (its number; all without it) | lets what hangs go on |
| `clear_faults` | `fault` (its number; all without it) | takes them away, and lets what hangs go on |
| `statements` | `after` (a number) | statements in order: number, time, spid, database, application, kind, text, parameters |
| `distinct_statements` | | text: how often |
| `statement_counts` | | `{"total": …, "sessions": {spid: …}}` |
| `clear_statements` | | forgets them |
| `connections` | | `sessions`, `current`, `most` (at one time), `accepted` |
| `forget_most_connections` | | `most` starts anew from the present ones |
| `close_connections` | | cuts all off, gives their number |
| `kill` | `spid` | as KILL does; whether there was one |
| `stop_listening`, `listen` | | connections are refused; accepted again, on the same port |
| `restart` | `milliseconds` | all connections end, nobody listens for that time; data stays. Answers when it listens again |
| `sql` | `text`, `database` | runs a batch as administrator: a list of `{"columns", "rows"}`, `{"count"}` and `{"message"}` |
| `capture` | `action` (start, stop, once), `database` (all without it) | the capture jobs |
| `cleanup` | `database`, `instance` (all without them), `keep_from` (an LSN in hex: the new low water mark) | the clean-up jobs, now |
| `fabricate` | `database`, `table`, `rows`, `per_transaction` | fills a change table with made-up inserts |
| `backup` | `database` | keeps its state, gives a token |
| `restore` | `token` | puts a database back; its sessions are killed |
| `capture_error` | `database`, `number`, `message` | adds a row to sys.dm_cdc_errors |
| `database_state` | `database`, `state` | ONLINE, RECOVERING, SUSPECT…: unless it is ONLINE, nobody opens it |
| `clock` | `offset` (seconds), `time_zone` | moves the server's clock, or the server |
| `shutdown` | | answers, then ends the process |
"""

from __future__ import annotations

import contextlib
import hmac
import json
import logging
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.results import Done, ErrorItem, Info, Item, RowSet
from dstream_sandbox.sqlserver.seam import Server
from dstream_sandbox.sqlserver.tds.encode import text_of
from dstream_sandbox.sqlserver.tds.faults import Fault
from dstream_sandbox.sqlserver.tds.server import WireServer
from dstream_sandbox.sqlserver.types import SqlType, Variant

LOG = logging.getLogger("dstream_sandbox.sqlserver")

Verb: TypeAlias = Callable[..., Any]

LARGEST_REQUEST = 64 * 1024 * 1024
"""Bytes of a line at most."""


class Control:
    """The verbs.

    Args:
        wire: The listening side.
        engine: The database side.
        user: Who `sql` runs as.
        password: Of that user, and of the control channel.
        ended: Set by `shutdown`.
    """

    def __init__(self, wire: WireServer, engine: Server, user: str, password: str, ended: threading.Event) -> None:
        self._wire = wire
        self._engine = engine
        self._user = user
        self._password = password
        self._ended = ended
        services = wire.services
        faults, journal = services.faults, services.journal
        self._verbs: dict[str, Verb] = {
            "ping": lambda: "pong",
            "fault": lambda **fields: faults.add(Fault(**fields)),
            "faults": faults.describe,
            "release": lambda fault=None: faults.release(fault),
            "clear_faults": lambda fault=None: faults.clear(fault),
            "statements": journal.statements,
            "distinct_statements": journal.distinct,
            "statement_counts": lambda: {"total": journal.total, "sessions": journal.by_session()},
            "clear_statements": journal.clear,
            "connections": wire.connections,
            "forget_most_connections": wire.forget_most,
            "close_connections": wire.close_all,
            "kill": self._kill,
            "stop_listening": wire.stop_listening,
            "listen": wire.listen_again,
            "restart": wire.restart,
            "sql": self._sql,
            "capture": self._capture,
            "cleanup": self._cleanup,
            "fabricate": engine.fabricate,
            "backup": engine.backup,
            "restore": engine.restore,
            "capture_error": engine.inject_capture_error,
            "database_state": engine.set_database_state,
            "clock": engine.set_clock,
            "shutdown": ended.set,
        }

    def accepts(self, password: str) -> bool:
        """Whether it is the right one."""
        return hmac.compare_digest(password.encode(), self._password.encode())

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Does what a request asks for; failures are answers as well."""
        arguments = dict(request)
        verb = self._verbs.get(arguments.pop("verb", ""))
        if verb is None:
            return {"ok": False, "error": f"there is no verb {request.get('verb')!r}"}
        try:
            return {"ok": True, "result": verb(**arguments)}
        except (SqlError, ValueError, TypeError, LookupError, OSError) as error:
            return {"ok": False, "error": str(error) or type(error).__name__, "number": getattr(error, "number", None)}

    def _kill(self, spid: int) -> bool:
        # The engine tells the wire. Asking the wire as well could hit who got the number next.
        return self._engine.kill(spid) or self._wire.kill(spid)

    def _capture(self, action: str, database: str = "") -> None:
        if action not in ("start", "stop", "once"):
            raise ValueError(f"action is start, stop or once, not {action!r}")
        self._engine.capture_job(action, database)

    def _cleanup(self, database: str = "", instance: str = "", keep_from: str | None = None) -> None:
        lsn = None if keep_from is None else bytes.fromhex(keep_from.removeprefix("0x"))
        self._engine.cleanup(database, instance, lsn)

    def _sql(self, text: str, database: str = "") -> list[dict[str, Any]]:
        session = self._engine.login(self._user, self._password, database, "dstream sandbox control", "")
        try:
            return [shown for item in session.execute(text) if (shown := _shown(item)) is not None]
        finally:
            session.close()


def _shown(item: Item) -> dict[str, Any] | None:
    match item:
        case RowSet():
            columns = item.columns
            rows = [
                [_json(value, column.type) for value, column in zip(row, columns, strict=True)] for row in item.rows
            ]
            return {"columns": [column.name for column in columns], "rows": rows}
        case Done(count=count) if count is not None:
            return {"count": count}
        case Info():
            return {"message": item.message, "number": item.number}
        case ErrorItem():
            raise item.error
    return None


def _json(value: Any, sql_type: SqlType) -> Any:
    """Numbers that JSON keeps exactly stay numbers; binaries are `0x…`; all others are texts."""
    if value is None or (isinstance(value, (bool, int, float, str)) and sql_type.name != "time"):
        return value
    if isinstance(value, bytes):
        return f"0x{value.hex().upper()}"
    if isinstance(value, Variant):
        return _json(value.value, value.type)
    if sql_type.name in ("time", "datetime2", "datetimeoffset", "datetime", "smalldatetime"):
        scale = {"datetime": 3, "smalldatetime": 0}.get(sql_type.name, sql_type.scale)
        return text_of(value, sql_type.name, 7 if scale is None else scale)
    return str(value)


class ControlServer:
    """Listens for control connections on a loopback port, a thread for each."""

    def __init__(self, control: Control, host: str = "127.0.0.1", port: int = 0) -> None:
        self._control = control
        self._listener = socket.create_server((host, port))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="control", daemon=True).start()

    def close(self) -> None:
        """Accepts no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(accepted,), name="control client", daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        with accepted, accepted.makefile("rwb") as lines, contextlib.suppress(OSError):
            if not self._authenticated(lines.readline(4096)):
                _answer(lines, {"ok": False, "error": 'the first line is to be {"password": …}, the right one'})
                return
            _answer(lines, {"ok": True, "result": "dstream sandbox"})
            while line := lines.readline(LARGEST_REQUEST):
                _answer(lines, self._handled(line))

    def _authenticated(self, line: bytes) -> bool:
        try:
            given = json.loads(line).get("password")
        except (ValueError, AttributeError):
            return False
        return isinstance(given, str) and self._control.accepts(given)

    def _handled(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
        except ValueError as error:
            return {"ok": False, "error": f"not JSON: {error}"}
        if not isinstance(request, dict):
            return {"ok": False, "error": "a request is an object"}
        try:
            return self._control.handle(request)
        except Exception as error:
            LOG.exception("the control verb %s failed", request.get("verb"))
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}


def _answer(lines: Any, answer: dict[str, Any]) -> None:
    lines.write(json.dumps(answer).encode() + b"\n")
    lines.flush()
