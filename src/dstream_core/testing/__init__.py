"""What an author needs in tests: a provider under test, its hooks without a process, and the conformance suite.

Nothing here needs pytest.
"""

from __future__ import annotations

from dstream_core.testing.conformance import (
    Check,
    CheckOutcome,
    ConformanceError,
    NotApplicableError,
    Subject,
    conformance_checks,
    run_conformance,
)
from dstream_core.testing.in_process import Delivered, run_input, run_output
from dstream_core.testing.process import ProviderProcess, ProviderProcessError

__all__ = [
    "Check",
    "CheckOutcome",
    "ConformanceError",
    "Delivered",
    "NotApplicableError",
    "ProviderProcess",
    "ProviderProcessError",
    "Subject",
    "conformance_checks",
    "run_conformance",
    "run_input",
    "run_output",
]
