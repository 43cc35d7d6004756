"""SET: of variables and of the session's options."""

from __future__ import annotations

from dstream_sandbox.sqlserver.language.parser.modification import ModificationParser
from dstream_sandbox.sqlserver.language.statements import SetOption, SetVariable, Statement

ON_OFF = frozenset(
    [
        "ANSI_NULLS",
        "ANSI_NULL_DFLT_ON",
        "ANSI_NULL_DFLT_OFF",
        "ANSI_PADDING",
        "ANSI_WARNINGS",
        "ANSI_DEFAULTS",
        "ARITHABORT",
        "ARITHIGNORE",
        "CONCAT_NULL_YIELDS_NULL",
        "CURSOR_CLOSE_ON_COMMIT",
        "IMPLICIT_TRANSACTIONS",
        "NOCOUNT",
        "NUMERIC_ROUNDABORT",
        "QUOTED_IDENTIFIER",
        "XACT_ABORT",
        "FORCEPLAN",
        "REMOTE_PROC_TRANSACTIONS",
    ]
)
WITH_VALUE = frozenset(
    "LOCK_TIMEOUT TEXTSIZE DEADLOCK_PRIORITY DATEFORMAT DATEFIRST LANGUAGE ROWCOUNT CONTEXT_INFO QUERY_GOVERNOR_COST_LIMIT".split()  # noqa: SIM905  one word a line would hide the list
)
_REFUSED = frozenset(
    "FMTONLY NOEXEC PARSEONLY SHOWPLAN_ALL SHOWPLAN_TEXT SHOWPLAN_XML OFFSETS FIPS_FLAGGER RESULT_SET_CACHING".split()  # noqa: SIM905  one word a line would hide the list
)
_ASSIGNMENTS = ("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=")


class OptionParser(ModificationParser):
    """Reads SET."""

    def set_statement(self) -> Statement:
        """SET and what follows."""
        self.take()
        if self.token.kind == "variable":
            return self._set_variable()
        if self.accept_words("TRANSACTION", "ISOLATION", "LEVEL"):
            return SetOption("isolation", self._isolation())
        if self.at_word("STATISTICS"):
            return self._statistics()
        if self.accept("IDENTITY_INSERT"):
            table = self.names()
            return SetOption("identity_insert", (table, self.expect("ON", "OFF") == "ON"))
        return self._set_option()

    def _set_variable(self) -> Statement:
        name = self.take().text.lower()
        if self.at_op("."):
            self.refuse("methods of variables in SET")
        operator = self.accept_op(*_ASSIGNMENTS) or self.fail()
        if self.at_word("CURSOR"):
            self.refuse("cursors")
        return SetVariable(name, operator, self.value())

    def _isolation(self) -> str:
        for words in (
            ("READ", "UNCOMMITTED"),
            ("READ", "COMMITTED"),
            ("REPEATABLE", "READ"),
            ("SNAPSHOT",),
            ("SERIALIZABLE",),
        ):
            if self.accept_words(*words):
                return " ".join(words).lower()
        return self.fail()

    def _statistics(self) -> Statement:
        """Numbers for a person at a terminal: taken, nothing comes of them when OFF; ON would have to print."""
        self.take()
        what = self.expect("IO", "TIME", "PROFILE", "XML")
        if self.expect("ON", "OFF") == "ON":
            self.refuse(f"SET STATISTICS {what} ON")
        return SetOption("statistics", False)

    def _set_option(self) -> Statement:
        options = [self.take().text]
        while self.accept_op(","):
            options.append(self.take().text)
        name = options[0]
        if any(option in _REFUSED for option in options):
            return self._refused(name)
        if all(option in ON_OFF for option in options):
            value = self.expect("ON", "OFF") == "ON"
            return SetOption(",".join(options).lower(), value)
        if name in WITH_VALUE and len(options) == 1:
            return SetOption(name.lower(), self._option_value())
        self.index -= 1
        return self.fail()

    def _refused(self, name: str) -> Statement:
        """Switching off what cannot be on does nothing."""
        if self.accept("OFF"):
            return SetOption("statistics", False)
        return self.refuse(f"SET {name}")

    def _option_value(self) -> object:
        if self.token.kind == "variable":
            return self._primary()
        if self.at_op("-", "+") or self.token.kind == "literal":
            if isinstance(self.token.value, bytes):
                return self.take().value
            return self.integer()
        return str(self.take().value)
