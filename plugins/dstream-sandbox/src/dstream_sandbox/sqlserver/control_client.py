"""The control channel from the client's side, a method for each verb."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import Any

from dstream_sandbox.sqlserver.errors import SandboxError, SqlError
from dstream_sandbox.sqlserver.tds.faults import Action, Place, Stage


class ControlClient:
    """The verbs of the control channel (see `control`), a method for each. Safe for several threads, one at a time.

    Args:
        host: Of the sandbox.
        port: Its control port.
        password: The administrator's.
        timeout: Seconds that an answer may take.
    """

    def __init__(self, host: str, port: int, password: str, timeout: float = 120.0) -> None:
        self._lock = threading.Lock()
        self._socket = socket.create_connection((host, port), timeout)
        self._lines = self._socket.makefile("rwb")
        try:
            self._exchange({"password": password})
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hangs up."""
        with contextlib.suppress(OSError):
            self._lines.close()
        self._socket.close()

    def call(self, verb: str, **arguments: Any) -> Any:
        """Any verb.

        Raises:
            SqlError: The server answered with an error number.
            SandboxError: The verb failed, or the sandbox is gone.
        """
        return self._exchange({"verb": verb, **arguments})

    def _exchange(self, request: dict[str, Any]) -> Any:
        try:
            with self._lock:
                self._lines.write(json.dumps(request).encode() + b"\n")
                self._lines.flush()
                line = self._lines.readline()
        except (OSError, ValueError) as error:
            raise SandboxError(f"the sandbox does not answer: {error}") from error
        if not line:
            raise SandboxError("the sandbox has closed the control channel")
        answer = json.loads(line)
        if answer["ok"]:
            return answer["result"]
        if answer.get("number") is not None:
            raise SqlError(answer["number"], answer["error"].partition(": ")[2])
        raise SandboxError(answer["error"])

    # -- faults

    def fault(
        self,
        action: Action,
        *,
        pattern: str | None = None,
        on: Stage = "statement",
        place: Place = "start",
        position: int = 0,
        count: int = 1,
        skip: int = 0,
        database: str | None = None,
        application: str | None = None,
        spid: int | None = None,
        **details: Any,
    ) -> int:
        """Puts a fault up; gives its number.

        The arguments are the fields of `tds.faults.Fault`; `details` are those that one action has: `milliseconds` (delay),
        `number`, `message`, `severity`, `state` (error), `bytes_per_second` (throttle).
        """
        given = {
            "pattern": pattern, "on": on, "place": place, "position": position, "count": count, "skip": skip,
            "database": database, "application": application, "spid": spid,
        }  # fmt: skip
        return int(self.call("fault", action=action, **given, **details))

    def delay(self, milliseconds: int, **where: Any) -> int:
        """Answers so much later."""
        return self.fault("delay", milliseconds=milliseconds, **where)

    def hang(self, **where: Any) -> int:
        """Does not answer until `release`."""
        return self.fault("hang", **where)

    def error(self, number: int, message: str = "sandbox: an error on command", **where: Any) -> int:
        """Answers with an error."""
        return self.fault("error", number=number, message=message, **where)

    def refuse_logins(self, number: int = 18456, message: str = "Login failed.", **where: Any) -> int:
        """Logins fail with this error."""
        return self.error(number, message, **{"on": "login", "count": 0, **where})

    def faults(self) -> list[dict[str, Any]]:
        """All of them, with how often each has happened (`fired`)."""
        return list(self.call("faults"))

    def fired(self, fault: int) -> int:
        """How often a fault has happened."""
        return next((int(each["fired"]) for each in self.faults() if each["id"] == fault), 0)

    def release(self, fault: int | None = None) -> None:
        """Lets what hangs go on; None: everything."""
        self.call("release", fault=fault)

    def clear_faults(self, fault: int | None = None) -> None:
        """Takes a fault away, or all."""
        self.call("clear_faults", fault=fault)

    # -- what was seen

    def statements(self, after: int = 0) -> list[dict[str, Any]]:
        """Statements in order."""
        return list(self.call("statements", after=after))

    def distinct_statements(self) -> dict[str, int]:
        """Texts and how often each came."""
        return dict(self.call("distinct_statements"))

    def statement_count(self) -> int:
        """How many came since the start or `clear_statements`."""
        return int(self.call("statement_counts")["total"])

    def statements_by_session(self) -> dict[int, int]:
        """How many came from each spid."""
        return {int(spid): count for spid, count in self.call("statement_counts")["sessions"].items()}

    def clear_statements(self) -> None:
        """Forgets them."""
        self.call("clear_statements")

    # -- connections

    def connections(self) -> dict[str, Any]:
        """`sessions`, `current`, `most`, `accepted`."""
        return dict(self.call("connections"))

    def most_connections(self) -> int:
        """The most at any one time."""
        return int(self.connections()["most"])

    def forget_most_connections(self) -> None:
        """Counts the most anew."""
        self.call("forget_most_connections")

    def close_connections(self) -> int:
        """Cuts all off; gives their number."""
        return int(self.call("close_connections"))

    def kill(self, spid: int) -> bool:
        """As KILL does; whether there was such a session."""
        return bool(self.call("kill", spid=spid))

    def stop_listening(self) -> None:
        """New connections are refused."""
        self.call("stop_listening")

    def listen(self) -> None:
        """New connections are accepted again."""
        self.call("listen")

    def restart(self, milliseconds: int = 0) -> None:
        """Ends all connections, is away for a while, and is back when this returns."""
        self.call("restart", milliseconds=milliseconds)

    # -- the database

    def sql(self, text: str, database: str = "") -> list[list[Any]]:
        """Runs a batch as administrator; gives the rows of its last result set (none: an empty list).

        Raises:
            SqlError: It failed.
        """
        sets = [result["rows"] for result in self.sql_results(text, database) if "rows" in result]
        return list(sets[-1]) if sets else []

    def sql_results(self, text: str, database: str = "") -> list[dict[str, Any]]:
        """Runs a batch as administrator; gives everything that it said."""
        return list(self.call("sql", text=text, database=database))

    def start_capture(self, database: str = "") -> None:
        """Starts the capture jobs ("": of all databases)."""
        self.call("capture", action="start", database=database)

    def stop_capture(self, database: str = "") -> None:
        """Stops them: writes are no longer captured."""
        self.call("capture", action="stop", database=database)

    def capture_once(self, database: str = "") -> None:
        """Captures all that is committed; it is done when this returns."""
        self.call("capture", action="once", database=database)

    def cleanup(self, database: str = "", instance: str = "", keep_from: bytes | None = None) -> None:
        """Runs the clean-up jobs now.

        Args:
            database: "" for all.
            instance: A capture instance; "" for all.
            keep_from: The new low water mark; None: as the retention says.
        """
        mark = None if keep_from is None else keep_from.hex()
        self.call("cleanup", database=database, instance=instance, keep_from=mark)

    def fabricate(self, database: str, table: str, rows: int, per_transaction: int = 100) -> None:
        """Fills a captured table's change table with made-up inserts, quickly."""
        self.call("fabricate", database=database, table=table, rows=rows, per_transaction=per_transaction)

    def backup(self, database: str) -> str:
        """Keeps a database's committed state; gives a token for `restore`."""
        return str(self.call("backup", database=database))

    def restore(self, token: str) -> None:
        """Puts a database back to what it was; its sessions are killed."""
        self.call("restore", token=token)

    def capture_error(self, database: str, number: int = 22859, message: str = "") -> None:
        """Adds a row to sys.dm_cdc_errors, as a log scan that fails does."""
        self.call("capture_error", database=database, number=number, message=message)

    def database_state(self, database: str, state: str) -> None:
        """Puts a database into a state such as RECOVERING; unless it is ONLINE, nobody opens it."""
        self.call("database_state", database=database, state=state)

    def clock(self, offset: float | None = None, time_zone: str | int | None = None) -> None:
        """Moves the server's clock (seconds ahead of the real one), or the server to another time zone."""
        self.call("clock", offset=offset, time_zone=time_zone)

    def shutdown(self) -> None:
        """Ends the process."""
        self.call("shutdown")
