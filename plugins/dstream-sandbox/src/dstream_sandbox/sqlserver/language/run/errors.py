"""What becomes of a batch and its transaction after an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dstream_sandbox.sqlserver.errors import SqlError

_STATEMENT_ONLY = frozenset({
    109, 110, 120, 121, 201, 213, 217, 220, 229, 230, 232, 262, 266, 271, 272, 273, 297, 313, 512, 515, 535, 536, 537, 544, 547,
    1222, 1505, 1750, 1913, 2601, 2627, 2628, 2705, 2714, 2760, 2812, 3621, 3701, 3702, 3726, 3728, 3902, 3903, 6401, 6522,
    8101, 8102, 8115, 8134, 8144, 8145, 8146, 8152, 8170, 8672, 14_234, 15_007, 15_023, 15_025, 15_151, 15_247, 15_600, 22_901,
    22_906, 22_911, 22_926, 22_931, 22_941, 22_985,
})  # fmt: skip
"""Errors that end their statement alone ("Database Engine error severities"); the batch goes on."""

_ROLL_BACK = frozenset({241, 242, 245, 295, 8114, 8169, 235, 244, 248, 1205, 3960, 3961, 3951, 3952})
"""Errors that end the batch and its transaction."""


def ends_batch(error: SqlError, xact_abort: bool) -> bool:
    """Whether the rest of the batch is not run."""
    if error.ends_batch is not None:
        return error.ends_batch
    if error.fatal or (xact_abort and error.number != 50_000):
        return True
    if is_refusal(error):
        return True
    if error.number >= 50_000:
        return False
    return error.number not in _STATEMENT_ONLY


def is_refusal(error: SqlError) -> bool:
    """What the sandbox does not do: no TRY may hide it."""
    return error.number == 50_001 and error.message.startswith("sandbox:")


def rolls_back(error: SqlError) -> bool:
    """Whether the open transaction is lost with it."""
    return error.number in _ROLL_BACK


@contextmanager
def enclosed(session: Any, kind: str) -> Iterator[None]:
    """`session.statement`, with errors told what they do to the transaction before it sees them."""
    with session.statement(kind):
        try:
            yield
        except SqlError as error:
            if rolls_back(error):
                error.state_of_transaction = "rolled back"
            raise
