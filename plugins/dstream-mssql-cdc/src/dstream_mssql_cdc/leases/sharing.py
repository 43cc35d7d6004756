"""Who is to have how many tables. Pure arithmetic, the same in every copy.

Nobody assigns tables. Each copy knows who takes part and how many tables there are, which gives everybody's share;
whoever has more hands over, whoever has less takes what is free. The shares add up to the number of tables, so there is
always something free for those that lack something, and nothing moves once everybody has a share.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence


def share(members: Collection[str], me: str, tables: int) -> int:
    """How many tables a member is to have.

    Args:
        members: the names of those that take part, `me` among them or not. The first in order have one more where the
            division leaves a rest; names begin with the time of joining, so that it is the newest that go without.
        me: the member.
        tables: how many there are.
    """
    order = sorted({*members, me})
    whole, rest = divmod(tables, len(order))
    return whole + (order.index(me) < rest)


def surplus(mine: Sequence[str], most: int, leaving: Collection[str] = ()) -> set[str]:
    """Which tables to hand over.

    Args:
        mine: those that this member has, the longest held first.
        most: its share.
        leaving: those that it was to hand over before; they stay chosen as long as there are too many.
    """
    first = [name for name in mine if name in leaving]
    newest_first = [name for name in reversed(mine) if name not in leaving]
    return set((first + newest_first)[: max(len(mine) - most, 0)])


def in_turn(names: Iterable[str], me: str) -> list[str]:
    """The order in which a member tries tables: its own, so that members seldom try the same at the same time."""

    def rank(name: str) -> bytes:
        return hashlib.blake2b(f"{me}\0{name}".encode(), digest_size=8).digest()

    return sorted(names, key=rank)
