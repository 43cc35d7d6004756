"""A server in this process, with a database of its own for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from dstream_sandbox.sqlserver.engine.server import Server
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.results import Done, ErrorItem, Info, Item, RowSet
from dstream_sandbox.sqlserver.types import SqlType

_numbers = itertools.count(1)


def read(item: Item) -> Item:
    """The item; of a result with its rows read."""
    return RowSet(item.columns, list(item.rows), item.counted) if isinstance(item, RowSet) else item


class Sql:
    """A session that runs batches and gives what a test wants of the answer."""

    def __init__(self, server: Server, database: str = "master") -> None:
        self.server = server
        self.session = server.login("sa", "Secret-1", database, "test", "here")

    def items(self, text: str, **parameters: tuple[SqlType, Any]) -> list[Item]:
        """All items; the rows of results are read in their turn."""
        given = {f"@{name}": value for name, value in parameters.items()}
        return [read(item) for item in self.session.execute(text, given)]

    def results(self, text: str, **parameters: tuple[SqlType, Any]) -> list[RowSet]:
        """The result sets of a batch without errors."""
        items = self.items(text, **parameters)
        for item in items:
            if isinstance(item, ErrorItem):
                raise item.error
        return [item for item in items if isinstance(item, RowSet)]

    def rows(self, text: str, **parameters: tuple[SqlType, Any]) -> list[Any]:
        """The rows of the last result set."""
        return list(self.results(text, **parameters)[-1].rows)

    def row(self, text: str, **parameters: tuple[SqlType, Any]) -> Any:
        """The only row."""
        (row,) = self.rows(text, **parameters)
        return row

    def value(self, text: str, **parameters: tuple[SqlType, Any]) -> Any:
        """The only value of `SELECT <text>`."""
        return self.row(f"SELECT {text}", **parameters)[0]

    def type(self, text: str) -> str:
        """The declaration of the type of an expression."""
        return self.results(f"SELECT {text} AS x")[-1].columns[0].type.declaration()

    def do(self, text: str, **parameters: tuple[SqlType, Any]) -> list[int]:
        """Runs a batch without errors; the counts of its statements."""
        items = self.items(text, **parameters)
        for item in items:
            if isinstance(item, ErrorItem):
                raise item.error
        return [item.count for item in items if isinstance(item, Done) and item.count is not None]

    def error(self, text: str, **parameters: tuple[SqlType, Any]) -> SqlError:
        """The first error of a batch."""
        try:
            for item in self.items(text, **parameters):
                if isinstance(item, ErrorItem):
                    return item.error
        except SqlError as error:
            return error
        raise AssertionError(f"no error: {text}")

    def messages(self, text: str) -> list[str]:
        """What PRINT and RAISERROR said."""
        return [item.message for item in self.items(text) if isinstance(item, Info) and item.number != 5701]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One for all tests."""
    made = Server("sa", "Secret-1", capture=False)
    yield made
    made.close()


@pytest.fixture
def sql(server: Server) -> Iterator[Sql]:
    """A session in a new database."""
    name = f"test{next(_numbers)}"
    made = Sql(server)
    made.do(f"CREATE DATABASE {name}")
    made.do(f"USE {name}")
    yield made
    made.session.close()
