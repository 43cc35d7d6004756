"""INSERT, UPDATE, DELETE, MERGE."""

from __future__ import annotations

from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.parser.queries import QueryParser
from dstream_sandbox.sqlserver.language.syntax import (
    Assignment,
    CommonTable,
    DefaultValue,
    Delete,
    Insert,
    Merge,
    MergeBranch,
    Names,
    Node,
    Output,
    Query,
    TableName,
    Update,
)

_ASSIGNMENTS = ("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=")


class ModificationParser(QueryParser):
    """Reads statements that change rows."""

    def execute(self) -> Any:
        """EXEC behind INSERT (see the parser of statements)."""
        raise NotImplementedError

    def value_or_default(self) -> Node:
        """A value, or DEFAULT."""
        return DefaultValue() if self.accept("DEFAULT") else self.value()

    def modification(self) -> Query | Insert | Update | Delete | Merge:
        """A query or one of the four, with its WITH in front and OPTION behind."""
        common: tuple[CommonTable, ...] = ()
        start = self.index
        if self.at_word("WITH"):
            common = self.common_tables()
        if self.at_word("INSERT"):
            statement: Query | Insert | Update | Delete | Merge = self._insert(common)
        elif self.at_word("UPDATE"):
            statement = self._update(common)
        elif self.at_word("DELETE"):
            statement = self._delete(common)
        elif self.at_word("MERGE"):
            statement = self._merge(common)
        else:
            self.index = start
            statement = self.query()
        self.hints_of_query()
        if isinstance(statement, Merge) and not self.at_op(";"):
            raise SqlError(10713, "A MERGE statement must be terminated by a semi-colon (;).", 15)
        return statement

    def _target(self) -> Names:
        if self.token.kind == "variable":
            return (self.take().text.lower(),)
        names = self.names()
        if self.at_word("WITH") and self.ahead().text == "(":
            self.take()
            self.hints()
        return names

    def _insert(self, common: tuple[CommonTable, ...]) -> Insert:
        self.expect("INSERT")
        top = self.top()
        self.accept("INTO")
        target = self._target()
        columns = self._columns()
        output = self._output()
        if self.accept_words("DEFAULT", "VALUES"):
            return Insert(target, columns, None, None, output, common, top)
        if self.at_word("EXEC", "EXECUTE"):
            return Insert(target, columns, None, self.execute(), output, common, top)
        if not (self.at_word("SELECT", "WITH", "VALUES") or self.at_query()):
            self.fail()
        return Insert(target, columns, self.query(), None, output, common, top)

    def _columns(self) -> Names:
        """A column list; names may have their table in front."""
        if not self.at_op("(") or self.at_query():
            return ()
        self.take()
        columns = [self.names()[-1]]
        while self.accept_op(","):
            columns.append(self.names()[-1])
        self.expect_op(")")
        return tuple(columns)

    def _output(self) -> Output | None:
        if not self.accept("OUTPUT"):
            return None
        items = self.select_list()
        if not self.accept("INTO"):
            return Output(items)
        into = (self.take().text.lower(),) if self.token.kind == "variable" else self.names()
        columns = self.name_list() if self.at_op("(") and not self.at_query() else ()
        if self.at_word("OUTPUT"):
            self.refuse("two OUTPUT clauses")
        return Output(items, into, columns)

    def _update(self, common: tuple[CommonTable, ...]) -> Update:
        self.expect("UPDATE")
        if self.at_word("STATISTICS"):
            self.refuse("UPDATE STATISTICS")
        top = self.top()
        target = self._target()
        assignments = self._assignments()
        output = self._output()
        source = self.from_clause() if self.accept("FROM") else None
        return Update(target, assignments, source, self._where(), output, common, top)

    def _where(self) -> Node | None:
        if not self.accept("WHERE"):
            return None
        if self.at_words("CURRENT", "OF"):
            self.refuse("WHERE CURRENT OF")
        return self.expression()

    def _assignments(self) -> tuple[Assignment, ...]:
        self.expect("SET")
        items = [self._assignment()]
        while self.accept_op(","):
            items.append(self._assignment())
        return tuple(items)

    def _assignment(self) -> Assignment:
        variable = ""
        if self.token.kind == "variable":
            variable = self.take().text.lower()
            operator = self.accept_op(*_ASSIGNMENTS) or self.fail()
            if not (operator == "=" and self.at_name() and self.ahead().text == "="):
                return Assignment("", self.value(), operator, variable)
        column = self.names()[-1]
        if self.at_op("("):
            self.refuse(f"the method {column} in SET")
        operator = self.accept_op(*_ASSIGNMENTS) or self.fail()
        return Assignment(column, self.value_or_default(), operator, variable)

    def _delete(self, common: tuple[CommonTable, ...]) -> Delete:
        self.expect("DELETE")
        top = self.top()
        self.accept("FROM")
        target = self._target()
        output = self._output()
        source = self.from_clause() if self.accept("FROM") else None
        return Delete(target, source, self._where(), output, common, top)

    def _merge(self, common: tuple[CommonTable, ...]) -> Merge:
        self.expect("MERGE")
        top = self.top()
        self.accept("INTO")
        hints: tuple[str, ...] = ()
        names = (self.take().text.lower(),) if self.token.kind == "variable" else self.names()
        if self.at_word("WITH"):
            self.take()
            hints = self.hints()
        target = TableName(names, "" if self.at_word("USING") else self._alias(), hints)
        self.expect("USING")
        source = self.joined()
        self.expect("ON")
        condition = self.expression()
        branches: list[MergeBranch] = []
        while self.accept("WHEN"):
            branches.append(self._branch())
        if not branches:
            self.fail()
        return Merge(target, source, condition, tuple(branches), self._output(), common, top)

    def _branch(self) -> MergeBranch:
        kind = "matched"
        if self.accept("NOT"):
            kind = "not matched"
        self.expect("MATCHED")
        if kind == "not matched" and self.accept("BY"):
            kind = "not matched by source" if self.expect("TARGET", "SOURCE") == "SOURCE" else kind
        condition = self.expression() if self.accept("AND") else None
        self.expect("THEN")
        if kind == "not matched":
            self.expect("INSERT")
            columns = self._columns()
            if self.accept_words("DEFAULT", "VALUES"):
                return MergeBranch(kind, condition, "insert")
            values = self.values().rows
            return MergeBranch(kind, condition, "insert", (), columns, values[0])
        if self.expect("UPDATE", "DELETE") == "UPDATE":
            return MergeBranch(kind, condition, "update", self._assignments())
        return MergeBranch(kind, condition, "delete")
