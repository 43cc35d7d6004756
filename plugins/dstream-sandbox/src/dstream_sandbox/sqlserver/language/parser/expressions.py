"""Expressions, by precedence as "Operator precedence" has it."""

from __future__ import annotations

from dstream_sandbox.sqlserver.language.parser.cursor import Cursor
from dstream_sandbox.sqlserver.language.parser.words import CLR_METHODS, CLR_TYPES
from dstream_sandbox.sqlserver.language.syntax import (
    AtTimeZone,
    Between,
    Binary,
    Call,
    Case,
    Cast,
    Collate,
    ColumnName,
    Compare,
    Distinct,
    Exists,
    In,
    IsNull,
    Like,
    Literal,
    Logical,
    Method,
    Names,
    Node,
    Not,
    Ordering,
    Quantified,
    Query,
    StaticMethod,
    Subquery,
    TypeName,
    Unary,
    Variable,
    Window,
)

_COMPARISONS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "!<": ">=", "!>": "<="}
_ENDS = frozenset({",", ")", ";"})
_PLAIN = {"CURRENT_TIMESTAMP", "CURRENT_USER", "SESSION_USER", "SYSTEM_USER", "USER"}
_RESERVED_FUNCTIONS = {"LEFT", "RIGHT", "COALESCE", "NULLIF"}
_REFUSED_FUNCTIONS = {"PARSE", "TRY_PARSE", "FORMAT", "OPENROWSET", "OPENQUERY", "CONTAINS", "FREETEXT", "IDENTITY"}
_TWO_WORD_TYPES = {
    "DOUBLE": ("PRECISION",),
    "CHARACTER": ("VARYING",),
    "CHAR": ("VARYING",),
    "BINARY": ("VARYING",),
    "NATIONAL": ("CHARACTER", "CHAR", "TEXT"),
}


class ExpressionParser(Cursor):
    """Reads expressions and conditions; both share one grammar, and their compilers tell them apart."""

    def query(self) -> Query:
        """A query expression (see the parser of queries)."""
        raise NotImplementedError

    def expression(self) -> Node:
        """Everything, conditions too."""
        left = self._and()
        while self.accept("OR"):
            left = Logical("OR", left, self._and())
        return left

    def _and(self) -> Node:
        left = self._not()
        while self.accept("AND"):
            left = Logical("AND", left, self._not())
        return left

    def _not(self) -> Node:
        if self.accept("NOT"):
            return Not(self._not())
        if self.at_word("EXISTS") and self.ahead().text == "(":
            self.take()
            return Exists(self._query_in_parentheses())
        return self._predicate(self.value())

    def _predicate(self, left: Node) -> Node:
        if self.token.kind == "op" and self.token.text in _COMPARISONS:
            return self._comparison(left)
        if self.accept("IS"):
            return self._is(left)
        if self.token.kind != "word":
            return left
        negated = False
        if self.at_word("NOT") and self.ahead().text in ("IN", "LIKE", "BETWEEN"):
            self.take()
            negated = True
        if self.accept("IN"):
            return self._in(left, negated)
        if self.accept("BETWEEN"):
            low = self.value()
            self.expect("AND")
            return Between(left, low, self.value(), negated)
        if self.accept("LIKE"):
            pattern = self.value()
            return Like(left, pattern, self.value() if self.accept("ESCAPE") else None, negated)
        return left

    def _comparison(self, left: Node) -> Node:
        operator = _COMPARISONS[self.take().text]
        if self.at_word("ANY", "SOME", "ALL") and self.ahead().text == "(":
            every = self.take().text == "ALL"
            return Quantified(operator, left, every, self._query_in_parentheses())
        return Compare(operator, left, self.value())

    def _is(self, left: Node) -> Node:
        negated = bool(self.accept("NOT"))
        if self.accept("NULL"):
            return IsNull(left, negated)
        self.expect("DISTINCT")
        self.expect("FROM")
        return Distinct(left, self.value(), negated)

    def _in(self, left: Node, negated: bool) -> Node:
        self.expect_op("(")
        if self.at_query():
            query = self.query()
            self.expect_op(")")
            return In(left, (), query, negated)
        items = self.values_until_parenthesis()
        if not items:
            self.fail()
        return In(left, items, None, negated)

    def values_until_parenthesis(self) -> tuple[Node, ...]:
        """Values with commas between them, and the closing parenthesis."""
        if self.accept_op(")"):
            return ()
        items = [self.value()]
        while self.accept_op(","):
            items.append(self.value())
        self.expect_op(")")
        return tuple(items)

    def at_query(self) -> bool:
        """Whether a query begins here, perhaps behind parentheses."""
        steps = 0
        while self.ahead(steps).text == "(" and self.ahead(steps).kind == "op":
            steps += 1
        token = self.ahead(steps)
        return token.kind == "word" and token.text in ("SELECT", "WITH")

    def _query_in_parentheses(self) -> Query:
        self.expect_op("(")
        query = self.query()
        self.expect_op(")")
        return query

    def value(self) -> Node:
        """An expression that is no condition (unless in parentheses)."""
        token = self.tokens[self.index]
        if token.kind in ("literal", "string"):
            after = self.tokens[self.index + 1]
            if after.kind == "op" and after.text in _ENDS:  # rows of constants are most of what is inserted
                self.index += 1
                return Literal(token.value, token.type)
        left = self._product()
        while operator := self.accept_op("+", "-", "&", "|", "^"):
            left = Binary(operator, left, self._product())
        return left

    def _product(self) -> Node:
        left = self._unary()
        while operator := self.accept_op("*", "/", "%"):
            left = Binary(operator, left, self._unary())
        return left

    def _unary(self) -> Node:
        if operator := self.accept_op("-", "+", "~"):
            return Unary(operator, self._unary())
        node = self._primary()
        while True:
            if self.accept("COLLATE"):
                node = Collate(node, self.name())
            elif self.at_words("AT", "TIME", "ZONE"):
                self.index += 3
                node = AtTimeZone(node, self._primary())
            elif self.at_op(".") and not isinstance(node, ColumnName):
                self.take()
                node = self._method(node, self._part())
            else:
                return node

    def _method(self, target: Node, name: str) -> Node:
        if not self.accept_op("("):
            return Method(target, name, (), True)
        return Method(target, name, self.values_until_parenthesis())

    def _primary(self) -> Node:
        token = self.token
        if token.kind in ("literal", "string"):
            self.take()
            return Literal(token.value, token.type)
        if token.kind == "variable":
            self.take()
            return Variable(token.text.lower())
        if token.kind == "quoted":
            return self._named()
        if token.kind == "word":
            return self._word(token.text)
        if self.accept_op("("):
            return self._parenthesis()
        if self.at_op("{"):
            self.refuse("ODBC escapes ({…})")
        return self.fail()

    def _parenthesis(self) -> Node:
        if self.at_query():
            query = self.query()
            self.expect_op(")")
            return Subquery(query)
        inner = self.expression()
        self.expect_op(")")
        return inner

    def _word(self, word: str) -> Node:
        if word in _PLAIN or word in ("NULL", "CASE"):
            self.take()
            return Literal(None, None) if word == "NULL" else self._case() if word == "CASE" else Call((word,), ())
        if self.ahead().kind == "op" and self.ahead().text == "(":
            if word in ("CAST", "TRY_CAST"):
                return self._cast(word)
            if word in ("CONVERT", "TRY_CONVERT"):
                return self._convert(word)
            if word == "IIF":
                return self._iif()
            if word in _RESERVED_FUNCTIONS or word in _REFUSED_FUNCTIONS:
                return self._call((self.take().value,)) if word in _RESERVED_FUNCTIONS else self.refuse(word)
        if word in CLR_TYPES and self.ahead().text == "::":
            return self._static()
        return self._named()

    def _static(self) -> Node:
        type_ = self.take().text.lower()
        self.take()
        name = self._part()
        if not self.accept_op("("):
            return StaticMethod(type_, name)
        return StaticMethod(type_, name, self.values_until_parenthesis())

    def _named(self) -> Node:
        names = self.names()
        if not self.at_op("("):
            return ColumnName(names)
        if len(names) > 1 and names[-1] in CLR_METHODS:
            return self._method(ColumnName(names[:-1]), names[-1])
        return self._call(names)

    def _call(self, names: Names) -> Node:
        self.expect_op("(")
        if self.at_op("*"):
            self.take()
            self.expect_op(")")
            return Call(names, (), star=True, window=self._over())
        distinct = self.accept("DISTINCT", "ALL") == "DISTINCT"
        arguments = self._arguments()
        within: tuple[Ordering, ...] = ()
        if self.at_words("WITHIN", "GROUP"):
            self.index += 2
            self.expect_op("(")
            within = self.ordering()
            self.expect_op(")")
        return Call(names, arguments, distinct, window=self._over(), within=within)

    def _arguments(self) -> tuple[Node, ...]:
        """`TRIM(x FROM y)` is given with y first."""
        if self.accept_op(")"):
            return ()
        items = [self.value()]
        if self.accept("FROM"):
            items.insert(0, self.value())
        while self.accept_op(","):
            items.append(self.value())
        self.expect_op(")")
        return tuple(items)

    def _over(self) -> Window | None:
        if not self.accept("OVER"):
            return None
        self.expect_op("(")
        partition: tuple[Node, ...] = ()
        order: tuple[Ordering, ...] = ()
        if self.accept("PARTITION"):
            self.expect("BY")
            partition = self._value_list()
        if self.at_word("ORDER"):
            order = self.ordering()
        frame = self._frame()
        self.expect_op(")")
        return Window(partition, order, frame)

    def _frame(self) -> str:
        if self.accept_words("ROWS", "UNBOUNDED", "PRECEDING"):
            return "rows"
        if self.accept_words("ROWS", "BETWEEN", "UNBOUNDED", "PRECEDING", "AND", "CURRENT", "ROW"):
            return "rows"
        for unit in ("ROWS", "RANGE"):
            if self.accept_words(unit, "BETWEEN", "UNBOUNDED", "PRECEDING", "AND", "UNBOUNDED", "FOLLOWING"):
                return "all"
        if self.at_word("ROWS", "RANGE"):
            self.refuse("this window frame")
        return ""

    def _value_list(self) -> tuple[Node, ...]:
        items = [self.value()]
        while self.accept_op(","):
            items.append(self.value())
        return tuple(items)

    def ordering(self) -> tuple[Ordering, ...]:
        """Reads ORDER BY and its list."""
        self.expect("ORDER")
        self.expect("BY")
        items = [self._ordering_item()]
        while self.accept_op(","):
            items.append(self._ordering_item())
        return tuple(items)

    def _ordering_item(self) -> Ordering:
        expression = self.value()
        return Ordering(expression, self.accept("ASC", "DESC") == "DESC")

    def _case(self) -> Node:
        operand = None if self.at_word("WHEN") else self.value()
        branches: list[tuple[Node, Node]] = []
        while self.accept("WHEN"):
            condition = self.expression() if operand is None else self.value()
            self.expect("THEN")
            branches.append((condition, self.value()))
        if not branches:
            self.fail()
        otherwise = self.value() if self.accept("ELSE") else None
        self.expect("END")
        return Case(operand, tuple(branches), otherwise)

    def _iif(self) -> Node:
        self.take()
        self.expect_op("(")
        condition = self.expression()
        self.expect_op(",")
        yes = self.value()
        self.expect_op(",")
        no = self.value()
        self.expect_op(")")
        return Case(None, ((condition, yes),), no)

    def _cast(self, word: str) -> Node:
        self.take()
        self.expect_op("(")
        operand = self.value()
        self.expect("AS")
        type_ = self.type_name()
        self.expect_op(")")
        return Cast(operand, type_, None, word.startswith("TRY_"))

    def _convert(self, word: str) -> Node:
        self.take()
        self.expect_op("(")
        type_ = self.type_name()
        self.expect_op(",")
        operand = self.value()
        style = self.value() if self.accept_op(",") else None
        self.expect_op(")")
        return Cast(operand, type_, style, word.startswith("TRY_"))

    def type_name(self) -> TypeName:
        """A data type as written."""
        word = self.token.text if self.token.kind == "word" else ""
        if word in _TWO_WORD_TYPES and self.ahead().text in _TWO_WORD_TYPES[word]:
            names: Names = (f"{self.take().text} {self.take().text}",)
            if self.accept("VARYING"):
                names = (names[0] + " VARYING",)
        else:
            names = self.names()
        arguments = ""
        if self.at_op("("):
            start = self.take().start
            while not self.at_op(")"):
                if not (self.at_word("MAX") or self.at_op(",") or self.token.kind == "literal"):
                    self.fail()
                self.take()
            self.take()
            arguments = self.span(start)
        return TypeName(names, arguments)
