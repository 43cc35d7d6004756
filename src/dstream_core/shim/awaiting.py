"""Hooks may be coroutines."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def settled(answer: Any, finish: Callable[[], None] | None = None) -> Any:
    """A hook's answer; if it is a coroutine, what that returns.

    Args:
        answer: what the hook returned.
        finish: called inside the loop when the coroutine has ended, however it did: it releases threads that the
            loop would otherwise wait for.
    """
    if not inspect.isawaitable(answer):
        return answer
    import asyncio  # noqa: PLC0415  costs 50 ms that only asynchronous providers need

    async def wait() -> Any:
        try:
            return await answer
        finally:
            if finish is not None:
                finish()

    return asyncio.run(wait())
