"""The benchmarks of the input `mssql-cdc` by name."""

from __future__ import annotations

from collections.abc import Callable

from measure import Row

from mssql.idle_tables import idle_tables
from mssql.latency import latency
from mssql.speed import speed
from mssql.steady import steady_memory

PARTS: dict[str, Callable[[bool], list[Row]]] = {
    "changes": lambda quick: [*speed("mixed", quick), *speed("inserts", quick)],
    "snapshot": lambda quick: speed("rows", quick),
    "memory": steady_memory,
    "tables": idle_tables,
    "latency": latency,
}
