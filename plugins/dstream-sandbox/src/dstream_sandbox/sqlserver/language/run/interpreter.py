"""Statements one after another: control flow, transactions, errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.parser.batch import LONG
from dstream_sandbox.sqlserver.language.run import definitions, modifying, options, procedures, raising, variables
from dstream_sandbox.sqlserver.language.run.errors import enclosed, ends_batch, is_refusal
from dstream_sandbox.sqlserver.language.run.state import BreakLoop, ContinueLoop, ReturnFrom, Scope, status_of
from dstream_sandbox.sqlserver.language.statements import (
    Administer,
    AlterTableStatement,
    Block,
    CreateIndex,
    CreateModule,
    CreateTable,
    Declare,
    Drop,
    Execute,
    If,
    Jump,
    Kill,
    Located,
    Modify,
    Print,
    RaiseError,
    Return,
    SetOption,
    SetVariable,
    Throw,
    Transaction,
    Truncate,
    Try,
    Use,
    WaitFor,
    While,
)
from dstream_sandbox.sqlserver.language.syntax import Insert, Query
from dstream_sandbox.sqlserver.results import Done, EnvChange, ErrorItem, Info, Item, ReturnStatus, RowSet

_UNRESOLVED = frozenset({207, 208})
"""Names that are found when their statement is compiled again ("TRY...CATCH", errors unaffected)."""

_WITHOUT_ROWS = (Use, SetOption, Print, RaiseError, Transaction, CreateTable, AlterTableStatement, Drop, Truncate)
"""Statements behind which `@@ROWCOUNT` is 0."""

_CONTROL = (Block, If, While, Try, Jump, Return)


class Interpreter:
    """Runs statements with one set of variables.

    Args:
        session: The engine's session.
        scope: The variables.
        text: The batch or definition that the statements are of.
    """

    def __init__(self, session: Any, scope: Scope, text: str) -> None:
        self.session = session
        self.scope = scope
        self.text = text
        self.status = status_of(session)
        self.in_try = 0
        self.settled: SqlError | None = None
        self.unresolved: SqlError | None = None

    def inside(self, scope: Scope, text: str) -> Interpreter:
        """An interpreter for a procedure or a text that this one executes."""
        inner = Interpreter(self.session, scope, text)
        inner.in_try = self.in_try
        return inner

    def run(self, statements: Sequence[Located]) -> Iterator[Item]:
        """All of them.

        Raises:
            SqlError: The batch ended with it.
            ReturnFrom: RETURN.
        """
        for located in statements:
            yield from self.one(located)

    def one(self, located: Located) -> Iterator[Item]:
        """One statement, and what an error of it does."""
        statement = located.statement
        if isinstance(statement, _CONTROL):
            yield from self._guarded(located, self._control)
            return
        before = self.session.transaction_id
        try:
            yield from _STATEMENTS[type(statement)](self, statement, located)
            if not isinstance(statement, Print | Declare):
                self.status.error = 0
            if isinstance(statement, _WITHOUT_ROWS):
                self.status.rowcount = 0
        except SqlError as error:
            yield from self._transaction_changes(before)
            self._placed(error, located)
            self.status.error = error.number
            if isinstance(statement, Modify) and error.number in _UNRESOLVED:
                self.unresolved = error
            if self._ends(error):
                raise
            self.status.rowcount = 0
            yield ErrorItem(error)
        else:
            yield from self._transaction_changes(before)

    def _guarded(self, located: Located, run: Callable[[Located], Iterator[Item]]) -> Iterator[Item]:
        """Control flow: an error of its condition ends it, and the batch goes on behind it or not."""
        try:
            yield from run(located)
        except SqlError as error:
            if self.settled is error:
                raise
            self._placed(error, located)
            self.status.error = error.number
            if self._ends(error):
                raise
            yield ErrorItem(error)

    def _ends(self, error: SqlError) -> bool:
        ends = self.in_try > 0 or ends_batch(error, self.session.xact_abort)
        if ends:
            self.settled = error  # control flow around does not look at it again
        return ends

    def _placed(self, error: SqlError, located: Located) -> None:
        """The line of the statement, unless the error knows better."""
        if error.line == 1 and located.line > 1:
            error.line = located.line
        if not error.procedure:
            error.procedure = self.scope.procedure

    def _transaction_changes(self, before: int) -> Iterator[Item]:
        """A transaction began or ended: clients follow."""
        after = self.session.transaction_id
        if after == before:
            return
        if before:
            yield EnvChange("commit" if self._committed else "rollback", None, before)
        if after:
            yield EnvChange("begin", after, None)
        self._committed = False

    _committed = False

    # --- Control flow

    def _control(self, located: Located) -> Iterator[Item]:
        statement = located.statement
        if isinstance(statement, Block):
            yield from self.run(statement.statements)
        elif isinstance(statement, If):
            yield from self._if(statement)
        elif isinstance(statement, While):
            yield from self._while(statement)
        elif isinstance(statement, Try):
            yield from self._try(statement)
        elif isinstance(statement, Jump):
            raise BreakLoop if statement.kind == "break" else ContinueLoop
        elif isinstance(statement, Return):
            raise ReturnFrom(self._return_status(statement))

    def _return_status(self, statement: Return) -> int:
        if statement.value is None:
            return 0
        with enclosed(self.session, ""):
            return int(variables.typed(self.session, self.scope, statement.value)[1] or 0)

    def _if(self, statement: If) -> Iterator[Item]:
        with self.session.statement("select"):
            truth = variables.condition(self.session, self.scope, statement.condition)
        self.status.error = self.status.rowcount = 0
        branch: Any = statement.then if truth else statement.otherwise
        if branch is not None:
            yield from self.one(branch)

    def _while(self, statement: While) -> Iterator[Item]:
        body: Any = statement.body
        while True:
            self.session.check()
            with self.session.statement("select"):
                if not variables.condition(self.session, self.scope, statement.condition):
                    return
            try:
                yield from self.one(body)
            except BreakLoop:
                return
            except ContinueLoop:
                continue

    def _try(self, statement: Try) -> Iterator[Item]:
        self.in_try += 1
        self.session.try_depth += 1
        try:
            yield from self.run(statement.body.statements)
            return
        except SqlError as error:
            if error.fatal or is_refusal(error) or error is self.unresolved:
                raise  # a name that is not there is for a TRY around the EXEC to catch, not for one of this batch
            caught = error
        finally:
            self.in_try -= 1
            self.session.try_depth -= 1
        outside, self.status.caught = self.status.caught, caught
        self.settled = None  # a THROW makes it new
        try:
            yield from self.run(statement.handler.statements)
        finally:
            self.status.caught = outside

    # --- Statements

    def _modify(self, statement: Modify, located: Located) -> Iterator[Item]:
        node = statement.statement
        if isinstance(node, Query):
            yield from modifying.query(self.session, self.scope, node)
        elif isinstance(node, Insert) and node.execute is not None:
            yield from self._insert_execute(node)
        else:
            yield from modifying.change(self.session, self.scope, node, located.stop - located.start <= LONG)

    def _insert_execute(self, node: Insert) -> Iterator[Item]:
        results: list[RowSet] = []
        for item in procedures.execute(self, node.execute):
            if isinstance(item, RowSet):
                results.append(RowSet(item.columns, list(item.rows)))
            elif isinstance(item, Info | ErrorItem):
                yield item
        yield from modifying.insert_results(self.session, self.scope, node, results)

    def _declare(self, statement: Declare, located: Located) -> Iterator[Item]:
        again = self._declared.get(statement.items[0].name) is statement
        with enclosed(self.session, ""):
            (variables.redeclare if again else variables.declare)(self.session, self.scope, statement)
        self._declared[statement.items[0].name] = statement
        return iter(())

    @property
    def _declared(self) -> dict[str, Declare]:
        found: dict[str, Declare] = self.__dict__.setdefault("declared", {})
        return found

    def _set_variable(self, statement: SetVariable, located: Located) -> Iterator[Item]:
        with enclosed(self.session, "select"):
            variables.assign(self.session, self.scope, statement)
        self.status.rowcount = 1
        yield Done(None, "set")

    def _set_option(self, statement: SetOption, located: Located) -> Iterator[Item]:
        options.set_option(self.session, self.scope, statement)
        yield Done(None, "set")

    def _use(self, statement: Use, located: Located) -> Iterator[Item]:
        before = self.session.database.name
        self.session.use(statement.database)
        after = self.session.database.name
        yield EnvChange("database", after, before)
        yield Info(5701, f"Changed database context to '{after}'.", 0, 2, located.line)

    def _print(self, statement: Print, located: Located) -> Iterator[Item]:
        return raising.print_text(self.session, self.scope, statement, located.line)

    def _raise(self, statement: RaiseError, located: Located) -> Iterator[Item]:
        return raising.raise_error(self.session, self.scope, self.status, statement, located.line)

    def _throw(self, statement: Throw, located: Located) -> Iterator[Item]:
        error = raising.throw(self.session, self.scope, self.status, statement, located.line)
        if self.session.xact_abort and self.session.trancount and not self.session.try_depth:
            self.session.rollback()
        raise error

    def _wait(self, statement: WaitFor, located: Located) -> Iterator[Item]:
        type_, value = variables.typed(self.session, self.scope, statement.delay)
        match = re.fullmatch(r"(\d{1,2}):(\d{1,2})(?::(\d{1,2}(?:\.\d{1,3})?))?", str(value))
        if not type_.is_character or match is None:
            raise SqlError(148, f"Incorrect time syntax in time string '{value}' used with WAITFOR.", 15)
        self.session.sleep(int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3] or 0))
        yield Done(None, "")

    def _execute(self, statement: Execute, located: Located) -> Iterator[Item]:
        for item in procedures.execute(self, statement):
            if not isinstance(item, ReturnStatus) or self.status.depth == 0:
                yield item

    def _kill(self, statement: Kill, located: Located) -> Iterator[Item]:
        self.session.kill(statement.session)
        yield Done(None, "")

    def _transaction(self, statement: Transaction, located: Located) -> Iterator[Item]:
        name = statement.name or str(self.scope.values.get(statement.variable) or "")
        if statement.action == "begin":
            self.session.begin(name)
        elif statement.action == "commit":
            if self.session.xact_state == -1:
                raise SqlError(
                    3930,
                    "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back the transaction.",
                )
            self.session.commit()
            self._committed = True
        elif statement.action == "rollback":
            self.session.rollback(name)
        else:
            self.session.save(name)
        yield Done(None, "")

    def _definition(self, statement: Any, located: Located) -> Iterator[Item]:
        text = self.text[located.start : located.stop]
        with enclosed(self.session, "ddl"):
            if isinstance(statement, AlterTableStatement):
                definitions.alter_table(self.session, statement, text)
            else:
                _DEFINITIONS[type(statement)](self.session, statement)
        yield Done(None, "ddl")


_DEFINITIONS: dict[type, Callable[[Any, Any], None]] = {
    CreateTable: definitions.create_table,
    CreateIndex: definitions.create_index,
    CreateModule: definitions.create_module,
    Drop: definitions.drop,
    Truncate: definitions.truncate,
    Administer: definitions.administer,
}

_STATEMENTS: dict[type, Callable[[Interpreter, Any, Located], Iterator[Item]]] = {
    Modify: Interpreter._modify,
    Declare: Interpreter._declare,
    SetVariable: Interpreter._set_variable,
    SetOption: Interpreter._set_option,
    Use: Interpreter._use,
    Print: Interpreter._print,
    RaiseError: Interpreter._raise,
    Throw: Interpreter._throw,
    WaitFor: Interpreter._wait,
    Execute: Interpreter._execute,
    Kill: Interpreter._kill,
    Transaction: Interpreter._transaction,
    AlterTableStatement: Interpreter._definition,
    **dict.fromkeys(_DEFINITIONS, Interpreter._definition),
}
