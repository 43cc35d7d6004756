"""Errors of the SQL Server sandbox: those that the server answers with, and those of running it."""

from __future__ import annotations

from dstream_core.api import ProviderError


class SqlError(Exception):
    """An error as SQL Server reports it to a client (an ERROR token).

    Args:
        number: The error number that clients look at (`208`, `1205`, `2627`, …).
        message: The text, as SQL Server words it where that is known.
        severity: The class: 11 to 16 end the statement; 17 to 19 also; 20 and more end the connection.
        state: The state, 1 where nothing else is known.
        line: The line in the batch or procedure, from 1.
        procedure: The procedure that it happened in, "" in a batch.
        ends_batch: The rest of the batch is not run. None: as the number and severity have it (decided by the language).
        state_of_transaction: What becomes of the open transaction: "kept", "doomed" (it can only be rolled back) or "rolled back".
    """

    def __init__(
        self,
        number: int,
        message: str,
        severity: int = 16,
        state: int = 1,
        line: int = 1,
        procedure: str = "",
        *,
        ends_batch: bool | None = None,
        state_of_transaction: str = "kept",
    ) -> None:
        super().__init__(f"{number}: {message}")
        self.number = number
        self.message = message
        self.severity = severity
        self.state = state
        self.line = line
        self.procedure = procedure
        self.ends_batch = ends_batch
        self.state_of_transaction = state_of_transaction

    @property
    def fatal(self) -> bool:
        """Whether the connection ends with it."""
        return self.severity >= 20


class CancelledError(Exception):
    """The client asked to stop what runs (attention), or it is gone. Not an error that is reported."""


class KilledError(Exception):
    """The session was ended by `KILL`: the connection closes without another word."""


def not_supported(what: str) -> SqlError:
    """What the sandbox does not do is refused by name, never guessed (number 50001)."""
    return SqlError(50001, f"sandbox: not supported: {what}")


class SandboxError(ProviderError):
    """The sandbox's process could not be started or does not answer."""
