"""What pymssql and the server say, as errors that a person and the retry loop understand."""

from __future__ import annotations

import re
from typing import Final

from dstream_core.api import ConfigurationError, DStreamError, ProviderError, TemporaryError
from dstream_mssql_cdc.connection.numbers import (
    CONNECTION_LOST,
    DEADLOCK,
    LOCK_TIMEOUT,
    QUERY_TIMEOUT,
    SETTINGS_WRONG,
    TEMPORARY,
)


class ConnectionLostError(TemporaryError):
    """The session is gone: connect again and go on from the last position."""

    default_code = "mssql/connection-lost"


class UnreachableError(TemporaryError):
    """No session could be opened, and the next try may succeed."""

    default_code = "mssql/unreachable"


class BusyError(TemporaryError):
    """The server could not serve this statement now (deadlock, lock, throttling, recovery); the session may live on."""

    default_code = "mssql/busy"


class StatementError(ProviderError):
    """The server refused a statement for a reason that will not pass.

    `number_of` tells its number: some are answers that a caller expects.
    """

    default_code = "mssql/statement"


class SetupError(ConfigurationError):
    """Something in the database, the login or the options must be put right by somebody."""

    default_code = "mssql/setup"


def number_of(error: BaseException) -> int | None:
    """The server's (or FreeTDS') number of an error from this module; None if it has none."""
    number = getattr(error, "number", None)
    return number if isinstance(number, int) else None


def numbered(error: DStreamError, number: int | None) -> DStreamError:
    """The error with the server's number, for `number_of`."""
    error.__dict__["number"] = number
    return error


def number_and_text(error: BaseException) -> tuple[int | None, str]:
    """What is inside an exception of pymssql: the number, if it has one, and the first message."""
    arguments = error.args
    if len(arguments) == 1 and isinstance(arguments[0], tuple):  # from connect, which wraps once more
        arguments = arguments[0]
    match arguments:
        case (int(number), bytes(text), *_):
            return number, _first_message(text.decode("utf-8", "replace"))
        case (int(number), str(text), *_):
            return number, _first_message(text)
        case (str(text), *_):
            return None, _first_message(text)
    return None, type(error).__name__


def classify(error: BaseException, where: str = "") -> DStreamError:
    """The error for something that pymssql raised while a session was open.

    Args:
        error: from pymssql; a DStreamError comes back as it is.
        where: what was being done, for the message.
    """
    if isinstance(error, DStreamError):
        return error
    number, text = number_and_text(error)
    return classified(number, text, where)


def classified(number: int | None, text: str, where: str = "") -> DStreamError:
    """The error for a number and a message.

    Args:
        number: of the server or of FreeTDS; None for what pymssql says of itself.
        text: the message that came with it.
        where: what was being done.
    """
    said = f"{where}: {text}" if where else text
    if number is not None:
        said = f"{said} (error {number})"
    return numbered(_classified(number, text, said), number)


def _classified(number: int | None, text: str, said: str) -> DStreamError:
    if number is None:
        # pymssql's own errors (`Not connected to any MS SQL server`, a closed connection) have no number
        return ConnectionLostError(said, hint=_AGAIN)
    if number == DEADLOCK:
        return BusyError(said, code="mssql/deadlock", hint="the server chose this reader as the victim; it tries again")
    if number == LOCK_TIMEOUT:
        return BusyError(said, code="mssql/lock-timeout", hint="another session holds a lock; it is tried again")
    if number == QUERY_TIMEOUT:
        return ConnectionLostError(said, code="mssql/query-timeout", hint="raise query_timeout if the server is slow")
    if number in CONNECTION_LOST:
        return ConnectionLostError(said, hint=_AGAIN)
    if number in TEMPORARY:
        return BusyError(said, hint=_AGAIN)
    if number in SETTINGS_WRONG:
        code, hint = SETTINGS_WRONG[number]
        return SetupError(said, code=code, hint=_with_names(hint, text))
    return StatementError(said)


_AGAIN: Final = (
    "nothing is lost: a run tries again by itself, and a start that ended with exit code 75 is worth another one"
)

_QUOTED = re.compile(r"""['"“]([^'"“”]+)['"”]""")


def _with_names(hint: str, text: str) -> str:
    """The hint with the names from the server's message in it: `{0}` is the first that is quoted there."""
    names = _QUOTED.findall(text)
    while len(names) < 3:
        names.append("…")
    return hint.format(*names)


def _first_message(text: str) -> str:
    """The server's own words, without what DB-Library adds below them."""
    head = re.split(r"\s*DB-Lib error message \d+, severity \d+:\s*", text)
    words = next((part for part in head if part.strip()), "unknown error")
    return " ".join(words.split())[:1000]
