"""The barest program that does what counter -> null does: build, encode, pipe, parse every envelope. Two processes.

python bare_loop.py produce LINES | python bare_loop.py consume REPORT
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import orjson


def produce(lines: int) -> None:
    """Builds and writes the counter's envelopes, buffered as Python does by itself."""
    write = sys.stdout.buffer.write
    shown, timestamp = 0, ""
    for number in range(1, lines + 1):
        millisecond = time.time_ns() // 1_000_000
        if millisecond != shown:  # the text is made once a millisecond, as the counter does
            shown = millisecond
            timestamp = datetime.fromtimestamp(millisecond / 1000, UTC).isoformat(timespec="milliseconds")
        envelope = {
            "data": {"value": number, "timestamp": timestamp},
            "metadata": {"seq": number, "source": "counter", "interval_ms": 0},
        }
        write(orjson.dumps(envelope) + b"\n")
    sys.stdout.buffer.flush()


def consume(report: str) -> None:
    """Parses every line; reports lines and the seconds from the first to the last."""
    lines, first = 0, 0.0
    for line in sys.stdin.buffer:
        if not lines:
            first = time.perf_counter()
        envelope = orjson.loads(line)
        envelope["data"], envelope["metadata"]
        lines += 1
    Path(report).write_text(json.dumps({"lines": lines, "seconds": time.perf_counter() - first}))


if __name__ == "__main__":
    if sys.argv[1] == "produce":
        produce(int(sys.argv[2]))
    else:
        consume(sys.argv[2])
