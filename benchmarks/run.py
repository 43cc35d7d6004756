"""Measures what DStream promises, each figure beside a yardstick in the same run: `uv run python benchmarks/run.py`.

`--only NAME` (again for more) measures a part, `--quick` less data and fewer rounds (for a look, not for a verdict). The exit
code is 1 if a target was missed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from file_copy import file_copy
from measure import MissingPartError, Row
from relay import memory, relay
from shims import shims
from startup import first_record, idle, providers_list


def mssql(part: str) -> Callable[[bool], list[Row]]:
    """A benchmark of the input `mssql-cdc`, found when it is asked for: its plugin may not be installed."""

    def benchmark(quick: bool) -> list[Row]:
        for name in ("dstream_mssql_cdc", "dstream_sandbox"):
            if importlib.util.find_spec(name) is None:
                raise MissingPartError(f"no {name} in this environment")
        from mssql.parts import PARTS  # noqa: PLC0415  imports both of them

        return PARTS[part](quick)

    return benchmark


BENCHMARKS: dict[str, Callable[[bool], list[Row]]] = {
    "relay": relay,
    "memory": memory,
    "shims": shims,
    "file-copy": file_copy,
    "providers-list": providers_list,
    "first-record": first_record,
    "idle": idle,
    "mssql-changes": mssql("changes"),
    "mssql-snapshot": mssql("snapshot"),
    "mssql-memory": mssql("memory"),
    "mssql-tables": mssql("tables"),
    "mssql-latency": mssql("latency"),
}


def machine() -> str:
    """Date, processor count, system and Python, for the record."""
    processor = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    day = datetime.now(UTC).date()
    return f"{day}, {os.cpu_count()} cores, {processor}, {platform.system()}, Python {platform.python_version()}"


def _lines(path: str) -> list[str]:
    try:
        with open(path) as file:
            return file.readlines()
    except OSError:
        return []


def measured(name: str, quick: bool) -> list[Row]:
    """The rows of one benchmark; a missing part or a failed run is a row of its own."""
    try:
        return BENCHMARKS[name](quick)
    except MissingPartError as error:
        return [Row(name, "-", "", None, f"not measured: {error}")]
    except (RuntimeError, AssertionError, OSError) as error:
        return [Row(name, "failed", "", False, str(error).strip().splitlines()[-1] if str(error) else repr(error))]


def show(row: Row) -> None:
    """One line of the table, as soon as it is known."""
    print(f"{row.name:36} {row.figure:>10}  {row.target:10} {row.verdict:7} {row.note}", flush=True)


def main() -> int:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", action="append", choices=sorted(BENCHMARKS), metavar="NAME", help=", ".join(BENCHMARKS)
    )
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    print(f"{machine()}{', quick' if arguments.quick else ''}\n")
    show(Row("what", "figure", "target", None, ""))
    missed = False
    for name in arguments.only or BENCHMARKS:
        for row in measured(name, arguments.quick):
            show(row)
            missed = missed or row.met is False
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
