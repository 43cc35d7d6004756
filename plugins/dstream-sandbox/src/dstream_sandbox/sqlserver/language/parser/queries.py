"""SELECT and everything of it."""

from __future__ import annotations

from dstream_sandbox.sqlserver.language.parser.expressions import ExpressionParser
from dstream_sandbox.sqlserver.language.parser.words import HINTS_REFUSED, HINTS_TAKEN, QUERY_HINTS
from dstream_sandbox.sqlserver.language.syntax import (
    Body,
    ColumnName,
    CommonTable,
    Derived,
    Join,
    Names,
    Node,
    Query,
    Select,
    SelectItem,
    SetOperation,
    Source,
    Star,
    TableCall,
    TableName,
    Top,
    TypeName,
    Values,
)

_JOIN_WORDS = ("JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "OUTER")
_ASSIGNMENTS = ("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=")


class QueryParser(ExpressionParser):
    """Reads query expressions."""

    def query(self) -> Query:
        """`[WITH …] SELECT … [UNION …] [ORDER BY …]`, without OPTION."""
        common = self.common_tables()
        body = self._union()
        order = self.ordering() if self.at_word("ORDER") else ()
        offset = fetch = None
        if order and self.accept("OFFSET"):
            offset = self.value()
            self.expect("ROW", "ROWS")
            if self.accept("FETCH"):
                self.expect("FIRST", "NEXT")
                fetch = self.value()
                self.expect("ROW", "ROWS")
                self.expect("ONLY")
        if self.at_word("FOR"):
            self.refuse("FOR XML, FOR JSON and FOR BROWSE")
        if isinstance(body, Query) and not (common or order):
            return body
        return Query(body, common, order, offset, fetch)

    def common_tables(self) -> tuple[CommonTable, ...]:
        """Reads WITH and its list, if it is there."""
        if not self.accept("WITH"):
            return ()
        if self.at_word("XMLNAMESPACES"):
            self.refuse("XMLNAMESPACES")
        tables = [self._common_table()]
        while self.accept_op(","):
            tables.append(self._common_table())
        return tuple(tables)

    def _common_table(self) -> CommonTable:
        name = self.name()
        columns = self.name_list() if self.at_op("(") else ()
        self.expect("AS")
        self.expect_op("(")
        query = self.query()
        self.expect_op(")")
        return CommonTable(name, columns, query)

    def hints_of_query(self) -> None:
        """OPTION (…) is read over: the hints are for an optimizer."""
        if not self.accept("OPTION"):
            return
        self.expect_op("(")
        depth = 1
        if not self.at_word(*QUERY_HINTS):
            self.fail()
        while depth:
            token = self.take()
            if token.kind == "end":
                self.fail()
            depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "op" else 0

    def _union(self) -> Body:
        left = self._intersect()
        while word := self.accept("UNION", "EXCEPT"):
            operator = "union all" if word == "UNION" and self.accept("ALL") else word.lower()
            left = SetOperation(operator, left, self._intersect())
        return left

    def _intersect(self) -> Body:
        left = self._term()
        while self.accept("INTERSECT"):
            left = SetOperation("intersect", left, self._term())
        return left

    def _term(self) -> Body:
        if self.accept_op("("):
            inner = self.query()
            self.expect_op(")")
            return inner
        if self.at_word("VALUES"):
            return self.values()
        return self._select()

    def values(self) -> Values:
        """VALUES (…), (…)."""
        self.expect("VALUES")
        rows = [self._value_row()]
        while self.accept_op(","):
            rows.append(self._value_row())
        return Values(tuple(rows))

    def _value_row(self) -> tuple[Node, ...]:
        self.expect_op("(")
        items = [self.value_or_default()]
        while self.accept_op(","):
            items.append(self.value_or_default())
        self.expect_op(")")
        return tuple(items)

    def value_or_default(self) -> Node:
        """A value; DEFAULT where the statement allows it."""
        return self.value()

    def _select(self) -> Select:
        self.expect("SELECT")
        distinct = self.accept("DISTINCT", "ALL") == "DISTINCT"
        top = self.top()
        items = self.select_list()
        into = self.names() if self.accept("INTO") else ()
        source = self.from_clause() if self.accept("FROM") else None
        where = self.expression() if self.accept("WHERE") else None
        group_by: tuple[Node, ...] = ()
        if self.accept("GROUP"):
            self.expect("BY")
            group_by = self._group_list()
        having = self.expression() if self.accept("HAVING") else None
        if self.at_word("WINDOW"):
            self.refuse("the WINDOW clause")
        return Select(items, source, where, group_by, having, distinct, top, into)

    def _group_list(self) -> tuple[Node, ...]:
        if self.at_word("ROLLUP", "CUBE", "GROUPING") and self.ahead().text in ("(", "SETS"):
            self.refuse("ROLLUP, CUBE and GROUPING SETS")
        items = [self.value()]
        while self.accept_op(","):
            items.append(self.value())
        if self.at_word("WITH"):
            self.refuse("GROUP BY … WITH ROLLUP or CUBE")
        return tuple(items)

    def top(self) -> Top | None:
        """TOP (n) or TOP n, PERCENT, WITH TIES."""
        if not self.accept("TOP"):
            return None
        if self.accept_op("("):
            count = self.value()
            self.expect_op(")")
        else:
            count = self._primary()
        percent = bool(self.accept("PERCENT"))
        return Top(count, percent, self.accept_words("WITH", "TIES"))

    def select_list(self) -> tuple[SelectItem, ...]:
        """The items behind SELECT or OUTPUT."""
        items = [self._select_item()]
        while self.accept_op(","):
            items.append(self._select_item())
        return tuple(items)

    def _select_item(self) -> SelectItem:
        if self.accept_op("*"):
            return SelectItem(Star())
        token, after = self.token, self.ahead()
        if token.kind == "variable" and after.kind == "op" and after.text in _ASSIGNMENTS:
            self.index += 2
            return SelectItem(self.value(), variable=token.text.lower(), operator=after.text)
        if after.kind == "op" and after.text == "=" and (self.at_name() or token.kind == "string"):
            alias = str(self.take().value)
            self.take()
            return SelectItem(self.value(), alias)
        start = self.index
        if self.at_name() and (star := self._qualified_star()) is not None:
            return SelectItem(star)
        self.index = start
        expression = self.value()
        return SelectItem(expression, self._alias(with_string=True))

    def _qualified_star(self) -> Star | None:
        parts = [str(self.take().value)]
        while self.accept_op("."):
            if self.accept_op("*"):
                return Star(tuple(parts))
            if self.token.kind not in ("word", "quoted"):
                return None
            parts.append(str(self.take().value))
        return None

    def _alias(self, with_string: bool = False) -> str:
        required = bool(self.accept("AS"))
        if self.at_name() or (with_string and self.token.kind == "string"):
            return str(self.take().value)
        if required:
            self.fail()
        return ""

    def from_clause(self) -> Source:
        """Sources with commas and joins, behind FROM."""
        source = self.joined()
        while self.accept_op(","):
            source = Join("cross", source, self.joined())
        return source

    def joined(self) -> Source:
        """One source and what is joined to it."""
        source = self._factor()
        while self.at_word(*_JOIN_WORDS):
            source = self._join(source)
        return source

    def _join(self, left: Source) -> Source:
        kind = self._join_kind()
        right = self._factor()
        if kind in ("cross", "cross apply", "outer apply"):
            return Join(kind, left, right)
        while not self.at_word("ON") and self.at_word(*_JOIN_WORDS):
            right = self._join(right)
        self.expect("ON")
        return Join(kind, left, right, self.expression())

    def _join_kind(self) -> str:
        if self.accept("JOIN"):
            return "inner"
        word = self.expect(*_JOIN_WORDS)
        if word in ("CROSS", "OUTER") and self.accept("APPLY"):
            return f"{word.lower()} apply"
        if word == "OUTER":
            self.fail()
        if word != "CROSS":
            if word != "INNER":
                self.accept("OUTER")
            self.accept("HASH", "LOOP", "MERGE", "REMOTE")
        self.expect("JOIN")
        return word.lower()

    def _factor(self) -> Source:
        if self.at_op("("):
            return self._parenthesized()
        if self.token.kind == "variable":
            name = self.take().text.lower()
            return TableName((name,), self._alias())
        if self.at_word("OPENROWSET", "OPENQUERY", "OPENXML", "CONTAINSTABLE", "FREETEXTTABLE", "OPENDATASOURCE"):
            self.refuse(self.token.text)
        names = self.names()
        if self.at_op("(") and not self._old_hint():
            return self._table_call(names)
        return self._table(names)

    def _old_hint(self) -> bool:
        return (
            self.ahead().kind == "word"
            and self.ahead().text in HINTS_REFUSED | HINTS_TAKEN
            and self.ahead(2).text in ",)"
        )

    def _table(self, names: Names) -> TableName:
        if self.at_words("FOR", "SYSTEM_TIME"):
            self.refuse("temporal tables")
        hints = self.hints() if self.at_op("(") else ()
        alias = self._alias()
        if self.at_word("TABLESAMPLE", "PIVOT", "UNPIVOT"):
            self.refuse(self.token.text)
        if self.at_word("WITH") and self.ahead().text == "(":
            self.take()
            hints = self.hints()
        elif self.at_op("(") and self._old_hint():
            hints = self.hints()
        return TableName(names, alias, hints)

    def hints(self) -> tuple[str, ...]:
        """`(ROWLOCK, INDEX(1))`: those that speak of locks, in lower case."""
        self.expect_op("(")
        found: list[str] = []
        while not self.accept_op(")"):
            self.accept_op(",")
            word = self.take().text
            if word in HINTS_REFUSED:
                self.refuse(f"table hint {word}: dirty reads would hide mistakes")
            if word not in HINTS_TAKEN:
                self.index -= 1
                self.fail()
            found.append(word.lower())
            if self.accept_op("="):
                self.take()
            if self.at_op("("):
                self._skip_parentheses()
        return tuple(found)

    def _skip_parentheses(self) -> None:
        depth = 0
        while True:
            token = self.take()
            if token.kind == "end":
                self.fail()
            depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "op" else 0
            if depth == 0:
                return

    def _table_call(self, names: Names) -> TableCall:
        self.expect_op("(")
        arguments = self._arguments_of_table()
        schema: tuple[tuple[str, TypeName, str], ...] = ()
        if self.at_word("WITH") and names[-1].upper() == "OPENJSON":
            self.refuse("OPENJSON … WITH")
        alias = self._alias()
        columns = self.name_list() if alias and self.at_op("(") else ()
        return TableCall(names, arguments, alias, columns, schema)

    def _arguments_of_table(self) -> tuple[Node, ...]:
        """DEFAULT stands for the parameter's default."""
        if self.accept_op(")"):
            return ()
        items = [self._table_argument()]
        while self.accept_op(","):
            items.append(self._table_argument())
        self.expect_op(")")
        return tuple(items)

    def _table_argument(self) -> Node:
        return ColumnName(("DEFAULT",)) if self.accept("DEFAULT") else self.value()

    def _parenthesized(self) -> Source:
        if self.at_query() or self.ahead().text == "VALUES":
            self.take()
            query = Query(self.values()) if self.at_word("VALUES") else self.query()
            self.expect_op(")")
            self.accept("AS")
            alias = self.name()
            columns = self.name_list() if self.at_op("(") else ()
            return Derived(query, alias, columns)
        self.take()
        source = self.joined()
        self.expect_op(")")
        return source
