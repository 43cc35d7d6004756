from __future__ import annotations

from decimal import Decimal

import pytest

from dstream_core.cli.columns import columns
from dstream_core.cli.texts import (
    duration_text,
    hcl_value,
    plan_lines,
    size_text,
    summary_document,
    summary_line,
)
from dstream_core.errors import ProviderError
from dstream_core.protocol.result import Resource, Result, count_changes
from dstream_core.runtime.values import RunOutcome


def plan(*resources: Resource, message: str | None = None, done: bool = False) -> list[str]:
    result = Result(resources=resources, message=message)
    return list(plan_lines(result, count_changes(resources), done=done, color=False))


def test_a_plan_has_a_sign_for_each_action() -> None:
    lines = plan(
        Resource("1", "queue", "A", "create", after={"size": 5, "name": "a"}),
        Resource(
            "2", "queue", "B", "update", before={"size": 5, "ttl": "1h"}, after={"size": Decimal("6.5"), "ttl": "1h"}
        ),
        Resource("3", "queue", "C", "delete"),
        Resource("4", "queue", "D", "replace", before={"x": True}, after={}),
        Resource("5", "queue", "E", "same"),
    )
    assert lines == [
        "  + queue A",
        "      size = 5",
        '      name = "a"',
        "  ~ queue B",
        "      size = 5 -> 6.5",
        "  - queue C",
        "-/+ queue D",
        "      x = true -> (none)",
        "",
        "Plan: 2 to create, 1 to update, 2 to delete, 1 unchanged.",
    ]


def test_a_plan_without_changes_says_so() -> None:
    assert plan(Resource("5", action="same")) == ["No changes: 0 to create, 0 to update, 0 to delete, 1 unchanged."]


def test_what_was_done_is_told_in_the_past() -> None:
    assert plan(Resource("1", "queue", action="create", detail="in x"), done=True) == [
        "  + queue 1  (in x)",
        "",
        "Done: 1 created, 0 updated, 0 deleted, 0 unchanged.",
    ]


def test_strings_of_older_providers_are_listed() -> None:
    assert plan(Resource("queue-1"))[0] == "  * queue-1"


def test_columns_that_are_empty_are_left_out() -> None:
    assert list(columns(("A", "B", "C"), [("1", "", "x"), ("22", "", "y\nz")])) == ["A   C", "1   x", "22  y z"]


def outcome(**changes: object) -> RunOutcome:
    values = {"reason": "end of input", "records": 10, "acknowledged": 10, "rejected": 0, "bytes": 1234, "seconds": 2.0}
    return RunOutcome(**(values | changes))  # type: ignore[arg-type]  # the table above has the right types


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "done: 10 records, 10 acknowledged, 1.2 kB, 5.0 records/s, 2.0 s"),
        ({"reason": "SIGTERM"}, "stopped by SIGTERM: 10 records, 10 acknowledged, 1.2 kB, 5.0 records/s, 2.0 s"),
        ({"rejected": 2}, "done: 10 records, 10 acknowledged, 1.2 kB, 5.0 records/s, 2.0 s, 2 dead letters in D"),
        (
            {"acknowledged": 7, "discarded": 1, "failure": ProviderError("x")},
            (
                "failed: 10 records, 7 acknowledged, 1.2 kB, 5.0 records/s, 2.0 s, 3 NOT acknowledged, "
                "1 not delivered (the next run repeats them)"
            ),
        ),
        ({"best_effort": True}, "done: 10 records, 10 read by the output, 1.2 kB, 5.0 records/s, 2.0 s"),
        ({"seconds": 0.0}, "done: 10 records, 10 acknowledged, 1.2 kB, 0.0 records/s, 0.0 s"),
    ],
)
def test_the_summary(changes: dict[str, object], line: str) -> None:
    assert summary_line(outcome(**changes), "D") == line


def test_the_summary_as_data() -> None:
    document = summary_document("t", outcome(acknowledged=7, failure=ProviderError("x")), "D")
    assert (document["not_acknowledged"], document["error"], document["records_per_second"]) == (3, "x", 5.0)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"), (10**13, "10.0 TB")]
)
def test_size(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.05, "0.1 s"), (61, "1 min 1 s"), (7260, "2 h 1 min")])
def test_duration(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ("a ${b} %{c}", '"a $${b} %%{c}"'),
        ([1, "x"], '[1, "x"]'),
        ({"a": {"b": Decimal("0.10")}}, "{ a = { b = 0.10 } }"),
        ({}, "{}"),
    ],
)
def test_values_as_hcl(value: object, text: str) -> None:
    assert hcl_value(value) == text
