from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dstream_core.errors import ConfigurationError
from dstream_core.providers.json_schema import schema_problems, schema_secret_paths
from dstream_core.providers.option_rows import option_rows

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "max_count": {"type": "integer", "minimum": 1, "default": 5, "description": "How\n many."},
        "ratio": {"type": "number", "multipleOf": Decimal("0.1")},
        "mode": {"enum": ["a", "b"]},
        "lock": {"$ref": "#/$defs/Lock"},
        "tags": {
            "type": "array",
            "items": {"type": "object", "properties": {"api_key": {"type": "string", "secret": True}}},
        },
    },
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {
        "Lock": {
            "type": "object",
            "properties": {"password": {"type": "string", "format": "password"}, "region": {"secret": False}},
            "required": ["password"],
            "additionalProperties": False,
        }
    },
}


def problems(config: dict[str, Any]) -> list[tuple[tuple[str | int, ...], str, str]]:
    return [(item.path, item.code, item.message) for item in schema_problems(SCHEMA, config, "x")]


def test_a_right_config_has_none() -> None:
    assert (
        problems({"name": "x", "max_count": 3, "ratio": Decimal("0.3"), "mode": "a", "lock": {"password": "p"}}) == []
    )


@pytest.mark.parametrize(
    ("config", "path", "code", "message"),
    [
        ({}, ("name",), "options/missing", "is required"),
        ({"name": "X"}, ("name",), "options/invalid", "must match ^[a-z]+$"),
        ({"name": "x", "maxCount": 0}, ("maxCount",), "options/invalid", "must be at least 1"),
        ({"name": "x", "MAX_COUNT": "5"}, ("MAX_COUNT",), "options/invalid", "must be of type integer"),
        ({"name": "x", "mode": "c"}, ("mode",), "options/invalid", "must be one of a, b"),
        ({"name": "x", "lock": {}}, ("lock", "password"), "options/missing", "is required"),
        (
            {"name": "x", "lock": {"passwort": "p", "password": "p"}},
            ("lock", "passwort"),
            "options/unknown",
            "there is no such option",
        ),
        (
            {"name": "x", "tags": [{}, {"apiKey": 5}]},
            ("tags", 1, "apiKey"),
            "options/invalid",
            "must be of type string",
        ),
    ],
)
def test_each_problem_has_its_path_in_the_users_spelling(
    config: dict[str, Any], path: tuple[str | int, ...], code: str, message: str
) -> None:
    assert problems(config) == [(path, code, message)]


def test_no_message_holds_a_value() -> None:
    """Invariant 5."""
    config = {
        "name": "SECRET",
        "max_count": "SECRET",
        "mode": "SECRET",
        "lock": {"password": ["SECRET"]},
        "ratio": "SECRET",
    }
    found = schema_problems(SCHEMA, config, "x")
    assert len(found) == 5
    assert not any("SECRET" in f"{item.message}{item.hint}" for item in found)


def test_an_unknown_option_has_a_suggestion() -> None:
    (found,) = schema_problems(SCHEMA, {"name": "x", "max_cuont": 3}, "x")
    assert found.hint == "did you mean `max_count`?"


@pytest.mark.parametrize(
    "schema", [{"type": "nonsense"}, {"properties": 5}, {"$ref": "https://example.invalid/schema"}]
)
def test_a_schema_that_is_none_is_the_providers_fault_and_nothing_is_fetched(schema: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        schema_problems(schema, {"a": 1}, "mine")
    assert caught.value.code == "provider/manifest"


def test_secret_paths() -> None:
    config = {"lock": {"password": "p", "region": "r"}, "tags": [{"apiKey": "k"}]}
    assert schema_secret_paths(SCHEMA, config) == (
        frozenset({("lock", "password"), ("tags", 0, "apiKey")}),
        frozenset({("lock", "region")}),
    )


def test_rows_for_people() -> None:
    rows = {row.name: row for row in option_rows(SCHEMA)}
    assert rows["name"].required
    assert (rows["max_count"].type, rows["max_count"].default, rows["max_count"].description) == (
        "integer",
        5,
        "How many.",
    )
    assert rows["mode"].type == '"a" | "b"'
    assert rows["lock.password"].secret
    assert rows["tags"].type == "list of object"


def test_optional_options_do_not_say_null() -> None:
    schema = {"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}}}
    assert option_rows(schema)[0].type == "string"
