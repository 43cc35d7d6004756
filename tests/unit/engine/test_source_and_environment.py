from __future__ import annotations

from typing import Any

import pytest

from dstream_core.config.model import ProviderBlock
from dstream_core.engine.environment import child_environment
from dstream_core.engine.source import listed_tables
from dstream_core.errors import Place

PLACE = Place("dstream.hcl", 1, 1)


def block(role: Any, *environment: str) -> ProviderBlock:
    return ProviderBlock(role, "provider", "x", PLACE, PLACE, environment=frozenset(environment))


def test_a_child_lacks_what_only_the_other_block_names() -> None:
    """Invariant 5."""
    everything = {"A": "1", "B": "2", "BOTH": "3", "PATH": "/bin", "DSTREAM_VAR_x": "s", "DSTREAM_COLOR": "1"}
    child = child_environment(everything, block("input", "A", "BOTH"), block("output", "B", "BOTH"), color=False)
    assert child == {"A": "1", "BOTH": "3", "PATH": "/bin"}


def test_color_is_told() -> None:
    assert child_environment({}, block("output"), block("input"), color=True) == {"DSTREAM_COLOR": "1"}


@pytest.mark.parametrize(
    ("config", "source"),
    [
        ({}, None),
        ({"tables": []}, None),
        ({"tables": "Orders"}, None),
        (
            {"Tables": ["Orders", "dbo.Persons", 3]},
            {"tables": [{"name": "Orders"}, {"schema": "dbo", "name": "Persons"}]},
        ),
    ],
)
def test_the_tables_of_the_options(config: dict[str, Any], source: Any) -> None:
    assert listed_tables(config) == source
