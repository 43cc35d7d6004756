"""Statements of a batch: control flow, variables, procedures, transactions."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import cast

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.messages import syntax_error
from dstream_sandbox.sqlserver.language.parser.definitions import DefinitionParser
from dstream_sandbox.sqlserver.language.parser.options import OptionParser
from dstream_sandbox.sqlserver.language.scanner import line_of
from dstream_sandbox.sqlserver.language.statements import (
    Argument,
    Block,
    CreateModule,
    Declaration,
    Declare,
    Execute,
    If,
    Jump,
    Kill,
    Located,
    Modify,
    ModuleParameter,
    Print,
    RaiseError,
    Return,
    Statement,
    Throw,
    Transaction,
    Try,
    Use,
    WaitFor,
    While,
)
from dstream_sandbox.sqlserver.language.syntax import ColumnName, Literal, Node
from dstream_sandbox.sqlserver.types import nvarchar

LONG = 8000
"""Batches beyond this length are mostly data: their trees and plans are not kept."""


def parse_batch(text: str, quoted_identifier: bool = True) -> tuple[Located, ...]:
    """The statements of a batch; those of short batches are kept.

    Args:
        text: The batch.
        quoted_identifier: SET QUOTED_IDENTIFIER when it begins.

    Raises:
        SqlError: 102, 156, 105, …: it is not T-SQL; 50001: it is, but the sandbox does not do it.
    """
    return (_parsed if len(text) > LONG else _kept)(text, quoted_identifier)


def _parsed(text: str, quoted_identifier: bool) -> tuple[Located, ...]:
    try:
        return BatchParser(text, quoted_identifier).batch()
    except RecursionError:
        raise SqlError(8621, "Some part of your SQL statement is nested too deeply.", 17) from None


_kept = lru_cache(maxsize=500)(_parsed)


def parse_query(text: str) -> BatchParser:
    """A parser at the beginning of a text, for definitions that are kept as text."""
    return BatchParser(text)


class BatchParser(OptionParser, DefinitionParser):
    """Reads statements."""

    def batch(self) -> tuple[Located, ...]:
        """All statements; a procedure's name may begin the batch without EXEC."""
        statements: list[Located] = []
        while self.accept_op(";"):
            pass
        if self.at_name() and self.token.text not in _STARTS:
            statements.append(self._located(self._procedure_call))
        statements += self._until("end")
        return tuple(statements)

    def _until(self, *words: str) -> list[Located]:
        """Statements up to one of these words (upper case), or to the end of the text ("end")."""
        found: list[Located] = []
        while True:
            while self.accept_op(";"):
                pass
            if self.token.kind == "end":
                if "end" in words:
                    return found
                self.fail()
            if self.at_word(*words):
                return found
            found.append(self._located(self._statement))

    def _located(self, read: Callable[[], Statement]) -> Located:
        start = self.token.start
        statement = read()
        return Located(statement, line_of(self.text, start), start, self.tokens[self.index - 1].stop)

    def _one(self) -> Located:
        """The one statement behind IF, ELSE or WHILE."""
        while self.accept_op(";"):
            pass
        statement = self._located(self._statement)
        if self.at_op(";"):
            self.take()
        return statement

    def _statement(self) -> Statement:
        token = self.token
        if token.kind == "op" and token.text == "(" and self.at_query():
            return Modify(self.modification())
        reader = _STARTS.get(token.text) if token.kind == "word" else None
        if reader is None:
            if token.text == "GO":
                raise syntax_error("GO")
            if token.text in _REFUSED:
                self.refuse(token.text)
            self.fail()
        return reader(self)

    def _modify(self) -> Statement:
        return Modify(self.modification())

    def _declare(self) -> Statement:
        self.take()
        items = [self._declaration()]
        while self.accept_op(","):
            items.append(self._declaration())
        return Declare(tuple(items))

    def _declaration(self) -> Declaration:
        if self.token.kind != "variable":
            if self.ahead().text == "CURSOR":
                self.refuse("cursors")
            self.fail()
        name = self.take().text.lower()
        self.accept("AS")
        if self.accept("TABLE"):
            return Declaration(name, None, None, self.table_elements())
        if self.at_word("CURSOR"):
            self.refuse("cursors")
        type_ = self.type_name()
        return Declaration(name, type_, self.value() if self.accept_op("=") else None)

    def _use(self) -> Statement:
        self.take()
        return Use(self.name())

    def _if(self) -> Statement:
        self.take()
        condition = self.expression()
        then = self._one()
        otherwise = None
        if self.accept("ELSE"):
            otherwise = self._one()
        return If(condition, then, otherwise)

    def _while(self) -> Statement:
        self.take()
        condition = self.expression()
        return While(condition, self._one())

    def _jump(self) -> Statement:
        return Jump(self.take().text.lower())

    def _begin(self) -> Statement:
        self.take()
        if self.at_word("TRAN", "TRANSACTION", "DISTRIBUTED"):
            return self._transaction("begin")
        if self.accept("TRY"):
            return self._try()
        if self.at_word("CONVERSATION", "DIALOG", "ATOMIC"):
            self.refuse(f"BEGIN {self.token.text}")
        body = self._until("END")
        self.expect("END")
        if not body:
            self.fail()
        return Block(tuple(body))

    def _try(self) -> Statement:
        body = self._until("END")
        self.expect_words("END", "TRY")
        while self.accept_op(";"):
            self.fail()
        self.expect_words("BEGIN", "CATCH")
        handler = self._until("END")
        self.expect_words("END", "CATCH")
        return Try(Block(tuple(body)), Block(tuple(handler)))

    def _transaction(self, action: str) -> Statement:
        if self.at_word("DISTRIBUTED"):
            self.refuse("distributed transactions")
        word = self.accept("TRAN", "TRANSACTION") or self.accept("WORK")
        if action == "begin" and not word:
            self.fail()
        name = variable = ""
        if word != "WORK":
            if self.token.kind == "variable":
                variable = self.take().text.lower()
            elif self.at_name() and self.token.text not in _STARTS:
                name = self.name()
        if self.accept("WITH"):
            if self.accept_op("("):
                self.expect("DELAYED_DURABILITY")
                self.expect_op("=")
                self.take()
                self.expect_op(")")
            else:
                self.expect("MARK")
                if self.token.kind == "string":
                    self.take()
        return Transaction(action, name, variable)

    def _commit(self) -> Statement:
        self.take()
        return self._transaction("commit")

    def _rollback(self) -> Statement:
        self.take()
        return self._transaction("rollback")

    def _save(self) -> Statement:
        self.take()
        if not self.at_word("TRAN", "TRANSACTION"):
            self.fail()
        statement = self._transaction("save")
        if isinstance(statement, Transaction) and not (statement.name or statement.variable):
            self.fail()
        return statement

    def _throw(self) -> Statement:
        self.take()
        if self.token.kind not in ("literal", "variable"):
            return Throw(())
        items = [self._primary()]
        for _ in range(2):
            self.expect_op(",")
            items.append(self._primary())
        return Throw(tuple(items))

    def _raiserror(self) -> Statement:
        self.take()
        self.expect_op("(")
        items = [self.value()]
        while self.accept_op(","):
            items.append(self.value())
        self.expect_op(")")
        options: list[str] = []
        if self.accept("WITH"):
            options.append(self.expect("LOG", "NOWAIT", "SETERROR"))
            while self.accept_op(","):
                options.append(self.expect("LOG", "NOWAIT", "SETERROR"))
        if len(items) < 3:
            self.fail()
        return RaiseError(tuple(items), tuple(options))

    def _print(self) -> Statement:
        self.take()
        return Print(self.value())

    def _return(self) -> Statement:
        self.take()
        done = self.token.kind == "end" or self.at_op(";") or (self.token.kind == "word" and self._at_start())
        return Return(None if done else self.value())

    def _at_start(self) -> bool:
        return self.token.text in _STARTS or self.token.text in ("END", "ELSE")

    def _waitfor(self) -> Statement:
        self.take()
        if not self.accept("DELAY"):
            self.refuse("WAITFOR other than DELAY")
        return WaitFor(self._primary())

    def execute(self) -> Execute:
        """EXEC procedure, EXEC @status = procedure, EXEC ('text')."""
        self.expect("EXEC", "EXECUTE")
        if self.accept_op("("):
            text = self.value()
            if self.at_op(","):
                self.refuse("EXEC ('…', arguments)")
            self.expect_op(")")
            if self.at_word("AT", "AS"):
                self.refuse(f"EXEC (…) {self.token.text}")
            return Execute((), (), text)
        status = ""
        if self.token.kind == "variable" and self.ahead().text == "=":
            status = self.take().text.lower()
            self.take()
        return self._procedure_call(status)

    def _execute(self) -> Statement:
        if self.ahead().text == "AS" and self.ahead().kind == "word":
            self.refuse("EXECUTE AS")
        return self.execute()

    def _procedure_call(self, status: str = "") -> Execute:
        variable, names = "", cast("tuple[str, ...]", ())
        if self.token.kind == "variable":
            variable = self.take().text.lower()
        else:
            names = self.names()
        arguments: list[Argument] = []
        if not self._at_end_of_call():
            arguments.append(self._argument())
            while self.accept_op(","):
                arguments.append(self._argument())
        if self.accept("WITH"):
            self.expect("RECOMPILE")
        return Execute(names, tuple(arguments), None, status, variable)

    def _at_end_of_call(self) -> bool:
        token = self.token
        if token.kind == "end" or (token.kind == "op" and token.text in (";", ")")):
            return True
        return token.kind == "word" and (self._at_start() or token.text == "WITH")

    def _argument(self) -> Argument:
        name = ""
        if self.token.kind == "variable" and self.ahead().text == "=":
            name = self.take().text.lower()
            self.take()
        value = self._argument_value()
        return Argument(name, value, bool(self.accept("OUTPUT", "OUT")))

    def _argument_value(self) -> Node:
        """A constant, a variable, DEFAULT, or a word that is taken as a text; no expression."""
        if self.accept("DEFAULT"):
            return ColumnName(("DEFAULT",))
        if self.at_name():
            name = self.name()
            return Literal(name, nvarchar(max(len(name), 1)))
        sign = self.accept_op("-", "+")
        if self.token.kind not in ("literal", "string", "variable") and not self.at_word("NULL"):
            self.fail()
        node = self._primary()
        if sign == "-" and isinstance(node, Literal):
            if not isinstance(node.value, int | float | Decimal):
                self.fail()
            return Literal(-node.value, node.type)
        return node

    def _kill(self) -> Statement:
        self.take()
        if self.at_word("STATS", "QUERY") or self.token.kind == "string":
            self.refuse("KILL of anything but a session's number")
        return Kill(self.integer())

    def _create(self) -> Statement:
        start = self.take().start
        mode = "create"
        if self.accept("OR"):
            self.expect("ALTER")
            mode = "create or alter"
        return self._definition(mode, start)

    def _definition(self, mode: str, start: int) -> Statement:
        word = self.token.text
        if word in ("VIEW", "PROC", "PROCEDURE", "FUNCTION", "TRIGGER"):
            self.take()
            return self._module(word, mode, start)
        if mode != "create":
            self.fail()
        unique = bool(self.accept("UNIQUE"))
        clustered = self.accept("CLUSTERED", "NONCLUSTERED") == "CLUSTERED"
        if self.accept("INDEX"):
            return self.create_index(unique, clustered)
        if unique:
            self.fail()
        word = self.take().text
        if word == "SERVER" and self.accept("ROLE"):
            self.refuse("CREATE SERVER ROLE")
        readers: dict[str, Callable[[], Statement]] = {
            "TABLE": self.create_table,
            "SCHEMA": self.create_schema,
            "DATABASE": self.create_database,
            "TYPE": self.create_type,
            "LOGIN": lambda: self.login(True),
            "USER": self.create_user,
            "ROLE": self.create_role,
        }
        if word not in readers:
            self.index -= 1
            self.refuse(f"CREATE {self.token.text}") if self.token.kind == "word" else self.fail()
        return readers[word]()

    def _module(self, word: str, mode: str, start: int) -> Statement:
        if word in ("FUNCTION", "TRIGGER"):
            self.refuse(f"{mode.upper()} {word}")
        name = self.names()
        if word == "VIEW":
            return self._view(mode, name, start)
        return self._procedure(mode, name, start)

    def _view(self, mode: str, name: tuple[str, ...], start: int) -> Statement:
        columns = self.name_list() if self.at_op("(") else ()
        if self.accept("WITH"):
            self.expect("SCHEMABINDING", "ENCRYPTION", "VIEW_METADATA")
        self.expect("AS")
        query = self.query()
        if self.accept("WITH"):
            self.refuse("WITH CHECK OPTION")
        return CreateModule("V", name, mode, self.text[start:].strip(), columns, query)

    def _procedure(self, mode: str, name: tuple[str, ...], start: int) -> Statement:
        parameters: list[ModuleParameter] = []
        inside = bool(self.accept_op("("))
        while self.token.kind == "variable":
            parameters.append(self.parameter())
            if not self.accept_op(","):
                break
        if inside:
            self.expect_op(")")
        if self.accept("WITH"):
            self.expect("RECOMPILE", "ENCRYPTION")
        self.expect("AS")
        body = self._until("end")
        return CreateModule("P", name, mode, self.text[start:].strip(), parameters=tuple(parameters), body=tuple(body))

    def parameter(self) -> ModuleParameter:
        """A parameter of a procedure or of sp_executesql."""
        name = self.take().text.lower()
        self.accept("AS")
        type_ = self.type_name()
        has_default = bool(self.accept_op("="))
        default = self._argument_value() if has_default else None
        output = bool(self.accept("OUTPUT", "OUT"))
        self.accept("READONLY")
        return ModuleParameter(name, type_, default, has_default, output)

    def _alter(self) -> Statement:
        start = self.take().start
        word = self.token.text
        if word in ("VIEW", "PROC", "PROCEDURE", "FUNCTION", "TRIGGER"):
            return self._definition("alter", start)
        self.take()
        if word == "TABLE":
            return self.alter_table()
        if word == "DATABASE":
            return self.alter_database()
        if word == "LOGIN":
            return self.login(False)
        if word == "ROLE":
            return self.alter_role(False)
        if word == "SERVER" and self.accept("ROLE"):
            return self.alter_role(True)
        self.index -= 1
        return self.refuse(f"ALTER {self.token.text}") if self.token.kind == "word" else self.fail()

    def _drop(self) -> Statement:
        self.take()
        return self.drop()

    def _truncate(self) -> Statement:
        self.take()
        return self.truncate()


_STARTS: dict[str, Callable[[BatchParser], Statement]] = {
    "SELECT": BatchParser._modify,
    "WITH": BatchParser._modify,
    "INSERT": BatchParser._modify,
    "UPDATE": BatchParser._modify,
    "DELETE": BatchParser._modify,
    "MERGE": BatchParser._modify,
    "DECLARE": BatchParser._declare,
    "SET": BatchParser.set_statement,
    "USE": BatchParser._use,
    "IF": BatchParser._if,
    "WHILE": BatchParser._while,
    "BREAK": BatchParser._jump,
    "CONTINUE": BatchParser._jump,
    "BEGIN": BatchParser._begin,
    "COMMIT": BatchParser._commit,
    "ROLLBACK": BatchParser._rollback,
    "SAVE": BatchParser._save,
    "THROW": BatchParser._throw,
    "RAISERROR": BatchParser._raiserror,
    "PRINT": BatchParser._print,
    "RETURN": BatchParser._return,
    "WAITFOR": BatchParser._waitfor,
    "EXEC": BatchParser._execute,
    "EXECUTE": BatchParser._execute,
    "KILL": BatchParser._kill,
    "CREATE": BatchParser._create,
    "ALTER": BatchParser._alter,
    "DROP": BatchParser._drop,
    "TRUNCATE": BatchParser._truncate,
    "GRANT": BatchParser.permission,
    "DENY": BatchParser.permission,
    "REVOKE": BatchParser.permission,
}

_REFUSED = frozenset(
    [
        "OPEN",
        "CLOSE",
        "FETCH",
        "DEALLOCATE",
        "GOTO",
        "BACKUP",
        "RESTORE",
        "BULK",
        "CHECKPOINT",
        "DBCC",
        "RECONFIGURE",
        "SHUTDOWN",
        "REVERT",
        "READTEXT",
        "WRITETEXT",
        "UPDATETEXT",
        "ENABLE",
        "DISABLE",
    ]
)
