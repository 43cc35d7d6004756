"""What a batch yields, as tokens: which kind of DONE, and which of them is the last."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.results import (
    Done,
    EnvChange,
    ErrorItem,
    Info,
    Item,
    ReturnStatus,
    ReturnValue,
    RowSet,
)
from dstream_sandbox.sqlserver.tds import tokens
from dstream_sandbox.sqlserver.tds.encode import encoders
from dstream_sandbox.sqlserver.tds.procedures import Output
from dstream_sandbox.sqlserver.tds.response import Response
from dstream_sandbox.sqlserver.tds.tokens import DONE, DONE_IN_PROCEDURE, DONE_PROCEDURE, DoneStatus


class Answer:
    """Turns items into tokens. Every DONE waits until it is known whether another token follows.

    Args:
        response: Where to.
        version: The client's TDS version.
        database: Gives the current database's name.
        call: Whether it answers a remote procedure call.
    """

    def __init__(self, response: Response, version: int, database: Callable[[], str], *, call: bool = False) -> None:
        self._response = response
        self._version = version
        self._database = database
        self._call = call
        self._held: tuple[int, int, str, int | None] | None = None
        self._status = 0
        self._failed = False
        self._values: list[ReturnValue] = []

    def write(self, items: Iterable[Item]) -> None:
        """Writes all; SqlError of the items goes through."""
        for item in items:
            self._item(item)

    def _item(self, item: Item) -> None:
        match item:
            case RowSet():
                self._row_set(item)
            case Done():
                self._done(0, item.command, item.count)
            case Info():
                self._token(tokens.info(item))
            case ErrorItem():
                self.error(item.error)
            case EnvChange():
                self._token(tokens.env_change(item))
            case ReturnStatus():
                self._return_status(item)
            case ReturnValue():
                self._values.append(item)

    def _row_set(self, result: RowSet) -> None:
        columns = result.columns
        encode = encoders(columns, self._version)
        self._token(tokens.column_metadata(columns, self._version, self._database()))
        if result.order:
            self._token(tokens.order(result.order))
        try:
            count = self._response.write_rows(result.rows, encode)
        finally:
            close = getattr(result.rows, "close", None)
            if close is not None:
                close()
        if getattr(result.rows, "error", None) is None:  # else the error itself comes next, and ends the statement
            self._done(0, "select", count if result.counted else None)

    def _return_status(self, item: ReturnStatus) -> None:
        self._status = item.status
        if not self._call:
            self._token(tokens.return_status(item.status))
            self._hold(DONE_PROCEDURE, 0, "exec", None)

    def error(self, problem: SqlError) -> None:
        """An error, and the end of its statement."""
        self._token(tokens.error(problem))
        self._failed = True
        self._done(DoneStatus.ERROR, "", None)

    def _done(self, status: int, command: str, count: int | None) -> None:
        self._hold(DONE_IN_PROCEDURE if self._call else DONE, status, command, count)

    def _hold(self, token: int, status: int, command: str, count: int | None) -> None:
        self._release(more=True)
        self._held = (token, status, command, count)

    def _token(self, data: bytes) -> None:
        self._release(more=True)
        self._response.write(data)

    def _release(self, *, more: bool) -> None:
        if self._held is None:
            return
        token, status, command, count = self._held
        self._held = None
        self._response.write(tokens.done(token, status | (DoneStatus.MORE if more else 0), command, count))

    def end_batch(self) -> None:
        """The last DONE of a batch."""
        if self._held is None:
            self._held = (DONE, 0, "", None)
        self._release(more=False)

    def end_call(self, outputs: dict[str, Output], ready: list[Output], *, more: bool) -> None:
        """Status and output values of a call, and its end. A call that failed has no values.

        Args:
            outputs: By the variable that the engine knows.
            ready: Values known beforehand.
            more: Another call of the same message follows.
        """
        self._release(more=True)
        status = self._status if not self._failed or self._status else 1
        self._response.write(tokens.return_status(status))
        for output in ready:
            self._value(output)
        for value in self._values:
            wanted = outputs.get(value.name)
            if wanted is not None:
                self._value(Output(wanted.ordinal, wanted.name, value.type, value.value))
        end = DoneStatus.MORE if more else 0
        if self._failed:
            end |= DoneStatus.ERROR
        self._response.write(tokens.done(DONE_PROCEDURE, end, "exec"))

    def _value(self, output: Output) -> None:
        self._response.write(
            tokens.return_value(output.ordinal, output.name, output.type, output.value, self._version, self._database())
        )
