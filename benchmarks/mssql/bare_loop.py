"""The barest program that takes these rows: pymssql, statement after statement, a thousand rows at a time.

It reads what to do from stdin, as JSON, and writes rows, seconds and CPU time behind the warm-up to stdout.
"""

from __future__ import annotations

import json
import sys
import time

import pymssql  # noqa: TID253  this program is nothing but that

FETCHED_ROWS = 1000


def main() -> None:
    """Runs all statements."""
    given = json.load(sys.stdin)
    connection = pymssql.connect(**given["connection"], autocommit=True, tds_version="7.4", charset="UTF-8")
    cursor = connection.cursor()
    rows, started = 0, (0.0, 0.0, 0)
    for statement in given["statements"]:
        cursor.execute(statement)
        while block := cursor.fetchmany(FETCHED_ROWS):
            rows += len(block)
            if not started[2] and rows >= given["warm_up"]:
                started = time.perf_counter(), time.process_time(), rows
    seconds, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
    json.dump({"rows": rows - started[2], "seconds": seconds, "cpu": cpu}, sys.stdout)


if __name__ == "__main__":
    main()
