"""The second client of the tests, python-tds: a laptop may be without it, CI may not."""

from __future__ import annotations

import os

import pytest

try:
    import pytds
except ImportError:
    if os.environ.get("CI") == "true":
        raise
    pytest.skip("this machine has no python-tds", allow_module_level=True)

__all__ = ["pytds"]
