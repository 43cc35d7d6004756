"""Environment variables, as templates and `env()` read them."""

from __future__ import annotations

from collections.abc import Mapping

from dstream_core.config.diagnostics import failure
from dstream_core.config.evaluate.trace import Trace
from dstream_core.config.source import Source


def look_up(
    environment: Mapping[str, str], name: str, trace: Trace, source: Source, start: int, end: int
) -> str | None:
    """The value of a variable, None if it is not set; the trace remembers that it was looked at.

    Raises:
        DiagnosticsError: its value is not valid UTF-8, so no JSON could carry it.
    """
    trace.environment.add(name)
    value = environment.get(name)
    if value is None:
        return None
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise failure(
            source, "template/not-utf8", f"The environment variable {name} does not hold valid UTF-8.", start, end
        ) from None
    trace.private[name] = value
    return value
