"""CREATE, ALTER, DROP of tables, indexes and modules."""

from __future__ import annotations

from typing import Any

from dstream_sandbox.sqlserver.language.parser.administration import AdministrationParser
from dstream_sandbox.sqlserver.language.statements import (
    AlterAction,
    AlterTableStatement,
    ColumnDefinition,
    Constraint,
    CreateIndex,
    CreateTable,
    Drop,
    Truncate,
)
from dstream_sandbox.sqlserver.language.syntax import Call, Literal, Names, Node, TypeName, Unary

_CONSTRAINTS = ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "REFERENCES", "INDEX")


class DefinitionParser(AdministrationParser):
    """Reads definitions of tables."""

    def create_table(self) -> CreateTable:
        """Behind CREATE TABLE."""
        name = self.names()
        if self.at_word("AS"):
            self.refuse("CREATE TABLE … AS")
        columns, constraints = self.table_elements()
        while self.accept("ON", "TEXTIMAGE_ON", "FILESTREAM_ON"):
            self.name()
        if self.at_word("WITH"):
            self._with_options()
        return CreateTable(name, columns, constraints)

    def _with_options(self) -> None:
        """WITH (DATA_COMPRESSION = PAGE …): says nothing about contents."""
        self.expect("WITH")
        if self.ahead().text in ("SYSTEM_VERSIONING", "MEMORY_OPTIMIZED", "LEDGER"):
            self.refuse(self.ahead().text)
        self._skip_parentheses()

    def table_elements(self) -> tuple[tuple[ColumnDefinition, ...], tuple[Constraint, ...]]:
        """`(columns and constraints)`."""
        columns: list[ColumnDefinition] = []
        constraints: list[Constraint] = []
        self.expect_op("(")
        while True:
            if self.at_word("PERIOD"):
                self.refuse("temporal tables")
            if self.at_word(*_CONSTRAINTS):
                constraints.append(self.constraint())
            else:
                columns.append(self.column())
            if not self.accept_op(","):
                break
            if self.at_op(")"):
                break  # a comma behind the last element is taken
        self.expect_op(")")
        return tuple(columns), tuple(constraints)

    def column(self) -> ColumnDefinition:
        """One column with its options."""
        name = self.name()
        if self.accept("AS"):
            return self._computed(name)
        if self.at_word("TIMESTAMP", "ROWVERSION") or not (self.at_op(",", ")")):
            type_ = self.type_name()
        else:
            type_ = TypeName(("timestamp",))
        return self._options(name, type_)

    def _computed(self, name: str) -> ColumnDefinition:
        start = self.token.start
        expression = self.value()
        text = self.span(start)
        persisted = bool(self.accept("PERSISTED"))
        nullable = None
        if persisted and self.accept_words("NOT", "NULL"):
            nullable = False
        constraints: list[Constraint] = []
        while self.at_word("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK"):
            constraints.append(self._column_constraint(name))
        return ColumnDefinition(
            name,
            None,
            nullable,
            computed=expression,
            computed_text=_in_parentheses(text),
            persisted=persisted,
            constraints=tuple(constraints),
        )

    def _options(self, name: str, type_: TypeName) -> ColumnDefinition:
        found: dict[str, Any] = {}
        constraints: list[Constraint] = []
        while self._option(found) or self._named_option(name, found, constraints):
            pass
        if "collation" in found:
            type_ = TypeName(type_.names, type_.arguments, found.pop("collation"))
        return ColumnDefinition(name, type_, constraints=tuple(constraints), **found)

    def _option(self, found: dict[str, Any]) -> bool:
        if self.accept("NULL"):
            found["nullable"] = True
        elif self.accept_words("NOT", "NULL"):
            found["nullable"] = False
        elif self.accept("COLLATE"):
            found["collation"] = self.name()
        elif self.accept("IDENTITY"):
            found["identity"] = self._identity()
        elif self.accept("ROWGUIDCOL"):
            found["rowguidcol"] = True
        elif self.accept("SPARSE"):
            found["sparse"] = True
        elif self.at_words("NOT", "FOR", "REPLICATION"):
            self.index += 3
        elif self.at_word("MASKED", "GENERATED", "ENCRYPTED", "FILESTREAM", "HIDDEN"):
            self.refuse(f"column option {self.token.text}")
        else:
            return False
        return True

    def _named_option(self, column: str, found: dict[str, Any], constraints: list[Constraint]) -> bool:
        named = self.at_word("CONSTRAINT")
        if self.at_word("DEFAULT") or (named and self.ahead(2).text == "DEFAULT"):
            found["default_name"] = self._constraint_name()
            found["default"], found["default_text"] = self._default()
        elif self.at_word(*_CONSTRAINTS):
            constraints.append(self._column_constraint(column))
        else:
            return False
        return True

    def _identity(self) -> tuple[int, int]:
        if not self.accept_op("("):
            return (1, 1)
        seed = self.integer()
        self.expect_op(",")
        step = self.integer()
        self.expect_op(")")
        return (seed, step)

    def _default(self) -> tuple[Node, str]:
        self.expect("DEFAULT")
        start = self.token.start
        node = self.value()
        return node, _default_text(node, self.span(start))

    def _constraint_name(self) -> str:
        return self.name() if self.accept("CONSTRAINT") else ""

    def _column_constraint(self, column: str) -> Constraint:
        return self.constraint(column)

    def constraint(self, column: str = "") -> Constraint:
        """A constraint of a table, or of a column (its name is given)."""
        name = self._constraint_name()
        if self.accept_words("PRIMARY", "KEY"):
            return self._key(name, "primary key", column)
        if self.accept("UNIQUE"):
            return self._key(name, "unique", column)
        if self.accept("INDEX"):
            return self._inline_index(column)
        if self.accept("CHECK"):
            self.accept_words("NOT", "FOR", "REPLICATION")
            return self._check(name)
        if self.accept("FOREIGN"):
            self.expect("KEY")
            columns = self.name_list() if self.at_op("(") else (column,)
            self.expect("REFERENCES")
            return self._reference(name, columns)
        self.expect("REFERENCES")
        return self._reference(name, (column,))

    def _key(self, name: str, kind: str, column: str) -> Constraint:
        clustered = {"CLUSTERED": True, "NONCLUSTERED": False, "": None}[self.accept("CLUSTERED", "NONCLUSTERED")]
        columns = self.key_columns() if self.at_op("(") else ((column, False),)
        if not columns[0][0]:
            self.fail()
        self._index_options()
        return Constraint(kind, name, columns, clustered, unique=True)

    def _inline_index(self, column: str) -> Constraint:
        name = self.name()
        unique = bool(self.accept("UNIQUE"))
        clustered = {"CLUSTERED": True, "NONCLUSTERED": False, "": None}[self.accept("CLUSTERED", "NONCLUSTERED")]
        columns = self.key_columns() if self.at_op("(") else ((column, False),)
        included = self.name_list() if self.accept("INCLUDE") else ()
        self._index_options()
        return Constraint("index", name, columns, clustered, unique=unique, included=included)

    def key_columns(self) -> tuple[tuple[str, bool], ...]:
        """`(a, b DESC)`."""
        self.expect_op("(")
        columns = [self._key_column()]
        while self.accept_op(","):
            columns.append(self._key_column())
        self.expect_op(")")
        return tuple(columns)

    def _key_column(self) -> tuple[str, bool]:
        name = self.name()
        return name, self.accept("ASC", "DESC") == "DESC"

    def _index_options(self) -> None:
        if self.at_word("WITH") and self.ahead().text == "(":
            self.take()
            self._skip_parentheses()
        if (
            self.at_word("ON")
            and self.ahead().kind in ("quoted", "word")
            and self.ahead().text not in ("DELETE", "UPDATE")
        ):
            self.take()
            self.take()
            if self.at_op("("):
                self._skip_parentheses()

    def _check(self, name: str) -> Constraint:
        start = self.token.start
        self.expect_op("(")
        condition = self.expression()
        self.expect_op(")")
        return Constraint("check", name, expression=condition, text=self.span(start))

    def _reference(self, name: str, columns: Names) -> Constraint:
        target = self.names()
        target_columns = self.name_list() if self.at_op("(") else ()
        actions = {"DELETE": "no action", "UPDATE": "no action"}
        while self.at_word("ON") and self.ahead().text in actions:
            self.take()
            event = self.take().text
            actions[event] = self._action()
        self.accept_words("NOT", "FOR", "REPLICATION")
        return Constraint(
            "foreign key",
            name,
            tuple((column, False) for column in columns),
            target=target,
            target_columns=target_columns,
            on_delete=actions["DELETE"],
            on_update=actions["UPDATE"],
        )

    def _action(self) -> str:
        if self.accept("CASCADE"):
            return "cascade"
        if self.accept("NO"):
            self.expect("ACTION")
            return "no action"
        self.expect("SET")
        return f"set {self.expect('NULL', 'DEFAULT').lower()}"

    def alter_table(self) -> AlterTableStatement:
        """Behind ALTER TABLE."""
        name = self.names()
        if self.at_word("WITH") and self.ahead().text in ("CHECK", "NOCHECK"):
            self.take()
            self.take()
        if self.accept("ADD"):
            return AlterTableStatement(name, self._additions())
        if self.accept_words("ALTER", "COLUMN"):
            column = (
                self.column() if self.ahead().text not in ("ADD", "DROP") else self.refuse("ALTER COLUMN … ADD or DROP")
            )
            return AlterTableStatement(name, (AlterAction("alter column", column, column.name),))
        if self.accept("DROP"):
            return AlterTableStatement(name, self._removals())
        if self.accept("REBUILD"):
            if self.at_word("WITH"):
                self._with_options()
            return AlterTableStatement(name, (AlterAction("rebuild"),))
        if self.at_word("SWITCH", "SET") or self.ahead().text in ("CHANGE_TRACKING", "FILETABLE_NAMESPACE"):
            self.refuse(f"ALTER TABLE … {self.token.text}")
        return AlterTableStatement(name, self._switches())

    def _additions(self) -> tuple[AlterAction, ...]:
        actions = [self._addition()]
        while self.accept_op(","):
            self.accept("ADD")
            actions.append(self._addition())
        return tuple(actions)

    def _addition(self) -> AlterAction:
        if self.at_word("DEFAULT") or (self.at_word("CONSTRAINT") and self.ahead(2).text == "DEFAULT"):
            name = self._constraint_name()
            expression, text = self._default()
            self.expect("FOR")
            constraint = Constraint("default", name, ((self.name(), False),), expression=expression, text=text)
            return AlterAction("add constraint", constraint=constraint, with_values=self.accept_words("WITH", "VALUES"))
        if self.at_word(*_CONSTRAINTS):
            return AlterAction("add constraint", constraint=self.constraint())
        self.accept("COLUMN")
        column = self.column()
        return AlterAction("add column", column, column.name, with_values=self.accept_words("WITH", "VALUES"))

    def _removals(self) -> tuple[AlterAction, ...]:
        actions: list[AlterAction] = []
        action = "drop constraint"
        while True:
            if word := self.accept("COLUMN", "CONSTRAINT"):
                action = f"drop {word.lower()}"
            if_exists = self.accept_words("IF", "EXISTS")
            actions.append(AlterAction(action, name=self.name(), if_exists=if_exists))
            if not self.accept_op(","):
                return tuple(actions)

    def _switches(self) -> tuple[AlterAction, ...]:
        verb = self.expect("CHECK", "NOCHECK", "ENABLE", "DISABLE").lower()
        what = self.expect("CONSTRAINT", "TRIGGER").lower()
        names = [self._all_or_name()]
        while self.accept_op(","):
            names.append(self._all_or_name())
        return tuple(AlterAction(f"{verb} {what}", name=name) for name in names)

    def _all_or_name(self) -> str:
        return self.accept("ALL") or self.name()

    def create_index(self, unique: bool, clustered: bool) -> CreateIndex:
        """Behind CREATE [UNIQUE] [CLUSTERED] INDEX."""
        name = self.name()
        self.expect("ON")
        table = self.names()
        columns = self.key_columns()
        included = self.name_list() if self.accept("INCLUDE") else ()
        where, text = None, ""
        if self.accept("WHERE"):
            start = self.token.start
            where = self.expression()
            text = f"({self.span(start)})"
        self._index_options()
        return CreateIndex(
            table, Constraint("index", name, columns, clustered, unique=unique, included=included), where, text
        )

    def drop(self) -> Drop:
        """Behind DROP."""
        kind = self._dropped_kind()
        if_exists = self.accept_words("IF", "EXISTS")
        if kind == "index":
            name = self.names()
            if len(name) > 1:
                return Drop(kind, ((name[-1],),), if_exists, name[:-1])
            self.expect("ON")
            return Drop(kind, (name,), if_exists, self.names())
        names = [self.names()]
        while self.accept_op(","):
            names.append(self.names())
        return Drop(kind, tuple(names), if_exists)

    def _dropped_kind(self) -> str:
        word = self.take().text
        known = (
            "TABLE",
            "VIEW",
            "FUNCTION",
            "TRIGGER",
            "SCHEMA",
            "DATABASE",
            "TYPE",
            "LOGIN",
            "USER",
            "ROLE",
            "INDEX",
            "PROCEDURE",
        )
        if word == "PROC":
            return "procedure"
        if word not in known:
            self.index -= 1
            self.refuse(f"DROP {self.token.text}") if self.token.kind == "word" else self.fail()
        return word.lower()

    def truncate(self) -> Truncate:
        """Behind TRUNCATE."""
        self.expect("TABLE")
        name = self.names()
        if self.at_word("WITH"):
            self.refuse("TRUNCATE TABLE … WITH (PARTITIONS …)")
        return Truncate(name)


def _in_parentheses(text: str) -> str:
    return text if text.startswith("(") and text.endswith(")") else f"({text})"


def _default_text(node: Node, text: str) -> str:
    """As `sys.default_constraints.definition` shows it: `((0))`, `('x')`, `(getdate())`."""
    while text.startswith("(") and text.endswith(")") and isinstance(node, Literal | Unary | Call):
        text = text[1:-1].strip()
    if isinstance(node, Call):
        text = text.lower() if len(node.names) == 1 else text
    numeric = isinstance(node, Unary) or (isinstance(node, Literal) and not isinstance(node.value, str | bytes | None))
    return f"(({text}))" if numeric else _in_parentheses(text)
