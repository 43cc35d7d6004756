"""The marker that turns a function into a DStream hook."""

from __future__ import annotations

from typing import Final

import pluggy

PROJECT: Final = "dstream"
"""The name under which pluggy knows DStream's hooks."""

hookimpl: Final = pluggy.HookimplMarker(PROJECT)
"""Marks a function or method as the implementation of a hook of the same name."""
