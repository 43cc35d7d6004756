"""SET: the session's options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError, not_supported
from dstream_sandbox.sqlserver.language.messages import syntax_error
from dstream_sandbox.sqlserver.language.run.state import Scope
from dstream_sandbox.sqlserver.language.run.variables import evaluate
from dstream_sandbox.sqlserver.language.statements import SetOption
from dstream_sandbox.sqlserver.language.syntax import Node

_FIXED = {
    "ansi_nulls": True,
    "ansi_padding": True,
    "ansi_warnings": True,
    "concat_null_yields_null": True,
    "arithabort": True,
}
"""Options that change results: only their modern setting is followed."""


def set_option(session: Any, scope: Scope, node: SetOption) -> None:
    """SET option value.

    Raises:
        SqlError: 50001, a setting that would change results in ways that are not followed here.
    """
    value = evaluate(session, scope, node.value) if isinstance(node.value, Node) else node.value
    for option in node.option.split(","):
        setter = _SETTERS.get(option)
        if setter is not None:
            setter(session, value)
        elif option in _FIXED and value is not _FIXED[option] and option != "arithabort":
            raise not_supported(f"SET {option.upper()} OFF")
        else:
            session.options[option] = value


def _isolation(session: Any, value: Any) -> None:
    session.isolation = value


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise syntax_error(str(value)) from None


def _lock_timeout(session: Any, value: Any) -> None:
    session.lock_timeout = _number(value)


def _flag(name: str) -> Callable[[Any, Any], None]:
    return lambda session, value: setattr(session, name, bool(value))


def _rowcount(session: Any, value: Any) -> None:
    session.rowcount_limit = _number(value)


def _language(session: Any, value: Any) -> None:
    if str(value).lower() not in ("us_english", "english"):
        raise not_supported(f"SET LANGUAGE {value}")
    session.language_name = "us_english"


def _date_format(session: Any, value: Any) -> None:
    if str(value).lower() != "mdy":
        raise not_supported(f"SET DATEFORMAT {value}")


def _date_first(session: Any, value: Any) -> None:
    if _number(value) != 7:
        raise not_supported(f"SET DATEFIRST {value}")
    session.options["datefirst"] = 7


def _text_size(session: Any, value: Any) -> None:
    if 0 < _number(value) < 2**31 - 1:
        session.options["textsize"] = _number(value)


def _identity_insert(session: Any, value: Any) -> None:
    names, on = value
    database, schema, name = ((None,) * (3 - len(names)) + tuple(names))[:3]
    relation = session.resolve(database, schema, name)
    if not any(column.identity for column in relation.columns):
        raise SqlError(8106, f"Table '{name}' does not have the identity property. Cannot perform SET operation.")
    current = session.identity_insert
    if on and current is not None and current is not relation:
        raise SqlError(
            8107,
            f"IDENTITY_INSERT is already ON for table '{current.name}'. Cannot perform SET operation for table '{name}'.",
        )
    session.identity_insert = relation if on else (None if current is relation else current)


def _ansi_defaults(session: Any, value: Any) -> None:
    if not value:
        raise not_supported("SET ANSI_DEFAULTS OFF")


_SETTERS: dict[str, Callable[[Any, Any], None]] = {
    "isolation": _isolation,
    "lock_timeout": _lock_timeout,
    "xact_abort": _flag("xact_abort"),
    "nocount": _flag("nocount"),
    "implicit_transactions": _flag("implicit_transactions"),
    "rowcount": _rowcount,
    "language": _language,
    "dateformat": _date_format,
    "datefirst": _date_first,
    "textsize": _text_size,
    "identity_insert": _identity_insert,
    "ansi_defaults": _ansi_defaults,
}
