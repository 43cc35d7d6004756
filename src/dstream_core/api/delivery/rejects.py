"""What happens to a line that cannot be delivered: kept or the end of the run, as configured (invariant 10)."""

from __future__ import annotations

import threading

from dstream_core.api.delivery.dead_letters import DeadLetters
from dstream_core.api.delivery.intervals import Intervals
from dstream_core.api.delivery.ledger import Ledger
from dstream_core.errors import ProviderError


class RejectedLineError(ProviderError):
    """A line could not be delivered and the task is configured to stop there."""

    default_code = "output/rejected-line"


class TooManyRejectsError(ProviderError):
    """So many lines in a row were rejected that the destination, not the lines, must be at fault."""

    default_code = "output/too-many-rejects"


class DeadLetterError(ProviderError):
    """A rejected line could not be written to the dead letters."""

    default_code = "output/dead-letter"


class Rejects:
    """Carries out `on_reject` and `max_rejects`.

    Args:
        ledger: the book in which kept lines count as done.
        dead_letters: where they are kept.
        stop: end at the first rejected line instead of keeping it.
        limit: lines rejected in a row (by their numbers) at which the output stops.
    """

    def __init__(self, ledger: Ledger, dead_letters: DeadLetters, *, stop: bool, limit: int):
        self._ledger = ledger
        self._dead_letters = dead_letters
        self._limit = max(limit, 1)
        self._rejected = Intervals()
        self._lock = threading.Lock()
        self.stops = stop
        """The first rejected line ends the run."""

    def reject(self, number: int, line: bytes, reason: str, size: int) -> None:
        """Keeps a line, or ends the delivery.

        Args:
            number: the line's number, from 1.
            line: its bytes, without the newline.
            reason: why it cannot be delivered; holds no value that may be secret.
            size: bytes that are no longer outstanding, once it is kept.

        Raises:
            RejectedLineError: the task stops at the first such line; nothing after it will be acknowledged.
            TooManyRejectsError: this line is kept, and was one too many in a row.
        """
        if self.stops:
            raise self._fail(
                RejectedLineError(
                    f"line {number} cannot be delivered: {reason}",
                    hint='`on_reject = "dead_letter"` in the output block keeps such lines and goes on',
                )
            )
        try:
            self._dead_letters.keep(number, line, reason)
        except OSError as error:
            raise self._fail(
                DeadLetterError(f"line {number} cannot be kept as a dead letter: {error.strerror or error}")
            ) from None
        row = self._row_of(number)
        self._ledger.acknowledge(number, number, size)
        if row >= self._limit:
            raise self._fail(
                TooManyRejectsError(
                    f"{row} lines in a row were rejected, the last one (line {number}) because: {reason}",
                    hint="they are kept as dead letters; `max_rejects` in the output block sets how many may follow"
                    " one another",
                )
            )

    def _row_of(self, number: int) -> int:
        with self._lock:
            self._rejected.drop_before(self._ledger.count)
            self._rejected.add(number, number)
            first, last = self._rejected.run_of(number) or (number, number)
        return last - first + 1

    def _fail(self, failure: ProviderError) -> ProviderError:
        self._ledger.fail(failure)
        return failure
