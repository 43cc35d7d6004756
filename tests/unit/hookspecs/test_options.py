"""Options against a model: spelling, nearest names, places, and no value in any message."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, field_validator

from dstream_core.api import NOT_SECRET
from dstream_core.hookspecs.options import options_schema, secret_paths, validate_options


class Lock(BaseModel):
    kind: Literal["blob"] = "blob"
    connection_string: SecretStr | None = None
    container_name: str = "locks"


class NoLock(BaseModel):
    kind: Literal["none"]
    waitSeconds: int = 0  # noqa: N815  authors write what they like


class Table(BaseModel):
    table_name: str
    row_limit: int | None = None


class Options(BaseModel):
    max_count: int = 0
    interval: float = 1.0
    exact: Decimal = Decimal(0)
    api_key: str = Field(default="", json_schema_extra={"secret": True})
    region: str = Field(default="", json_schema_extra=dict(NOT_SECRET))
    renamed: str = Field(default="", alias="otherName")
    choice: str = Field(default="", validation_alias=AliasChoices("first", "second"))
    lock: Annotated[Lock | NoLock, Field(description="how to lock")] | None = None
    tables: list[Table] = []
    by_name: dict[str, Table] = {}
    plain: dict[str, Any] = {}

    @field_validator("region")
    @classmethod
    def _known(cls, value: str) -> str:
        if value == "nowhere":
            raise ValueError("there is no such region")
        return value


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    known: int = 0


def problems(config: dict[str, Any]) -> dict[tuple[str | int, ...], tuple[str, str | None]]:
    checked = validate_options(Options, config)
    assert checked.instance is None
    return {problem.path: (problem.message, problem.hint) for problem in checked.problems}


@pytest.mark.parametrize("name", ["max_count", "maxCount", "MaxCount", "MAX_COUNT", "maxcount", "max-count"])
def test_spellings_of_a_name(name: str) -> None:
    checked = validate_options(Options, {name: 3})
    assert checked.instance == Options(max_count=3)


@given(st.from_regex(r"[a-z]+(_[a-z]+)*", fullmatch=True))
def test_camel_case_is_the_same_option(name: str) -> None:
    head, *tail = name.split("_")
    camel = head + "".join(part.capitalize() for part in tail)
    model = type("Model", (BaseModel,), {"__annotations__": {name: int}, "__module__": __name__})
    if name in ("copy", "json", "dict", "schema", "validate", "construct") or name.startswith("model_"):
        return  # names that pydantic keeps for itself
    checked = validate_options(model, {camel: 1})
    assert checked.instance is not None
    assert checked.instance.model_dump() == {name: 1}


@pytest.mark.parametrize("name", ["renamed", "otherName", "other_name", "Othername"])
def test_a_field_is_known_by_its_alias_too(name: str) -> None:
    checked = validate_options(Options, {name: "x"})
    assert checked.instance is not None
    assert checked.instance.renamed == "x"


@pytest.mark.parametrize("name", ["choice", "first", "second"])
def test_alias_choices(name: str) -> None:
    checked = validate_options(Options, {name: "x"})
    assert checked.instance is not None
    assert checked.instance.choice == "x"


def test_nested_names_in_every_place() -> None:
    checked = validate_options(
        Options,
        {
            "lock": {"Kind": "blob", "containerName": "c"},
            "tables": [{"tableName": "a", "rowLimit": 1}, {"table_name": "b"}],
            "byName": {"Keep_This": {"tableName": "d"}},
            "plain": {"leaveMe": {"asI": "am"}},
        },
    )
    assert checked.instance is not None
    assert checked.instance.lock == Lock(container_name="c")
    assert [table.table_name for table in checked.instance.tables] == ["a", "b"]
    assert checked.instance.by_name == {"Keep_This": Table(table_name="d")}
    assert checked.instance.plain == {"leaveMe": {"asI": "am"}}


def test_of_several_models_the_one_that_knows_the_names_is_meant() -> None:
    checked = validate_options(Options, {"lock": {"kind": "none", "WaitSeconds": 4}})
    assert checked.instance is not None
    assert checked.instance.lock == NoLock(kind="none", waitSeconds=4)


def test_an_unknown_name_is_an_error_with_the_nearest_one() -> None:
    found = problems({"maxCuont": 3, "zzz": 1, "tables": [{"tableNam": "x", "tableName": "y"}]})
    assert found[("maxCuont",)] == ("there is no such option", "did you mean `max_count`?")
    assert found[("zzz",)][1] is not None
    assert "options here: max_count, interval" in str(found[("zzz",)][1])
    assert found[("tables", 0, "tableNam")] == ("there is no such option", "did you mean `table_name`?")


def test_a_model_may_allow_more() -> None:
    checked = validate_options(Open, {"known": 1, "unknown": 2})
    assert checked.instance is not None
    assert checked.instance.model_extra == {"unknown": 2}


def test_one_option_twice_is_an_error() -> None:
    assert problems({"max_count": 1, "maxCount": 2}) == {
        ("maxCount",): ("is the same option as `max_count`", None),
    }


def test_places_are_in_the_users_spelling() -> None:
    found = problems({"maxCount": "x", "tables": [{"rowLimit": "y"}], "lock": {"kind": "none", "WaitSeconds": "z"}})
    assert ("maxCount",) in found
    assert found[("tables", 0, "table_name")] == ("is required", None)
    assert ("tables", 0, "rowLimit") in found
    assert ("lock", "WaitSeconds") in found


def test_a_validators_own_words() -> None:
    assert problems({"region": "nowhere"}) == {("region",): ("there is no such region", None)}


def test_no_message_holds_a_value() -> None:
    secret = "s3cr3t-value"
    config = {"max_count": secret, "interval": secret, "api_key": [secret], "lock": {"connectionString": [secret]}}
    assert secret not in repr(problems(config))
    assert problems(config)[("api_key",)][0] == "is not valid (the option is secret, so the reason is not shown)"


def test_numbers_arrive_as_the_model_wants_them() -> None:
    exact = Decimal("0.1000000000000000000000000001")
    checked = validate_options(
        Options, {"max_count": Decimal(3), "interval": Decimal("0.5"), "exact": exact, "plain": {"n": Decimal(4)}}
    )
    assert checked.instance is not None
    assert (checked.instance.max_count, checked.instance.interval) == (3, 0.5)
    assert checked.instance.exact == exact
    assert type(checked.instance.plain["n"]) is int


def test_the_schema_names_options_in_snake_case() -> None:
    names = options_schema(Options)["properties"]
    assert "renamed" in names
    assert names["api_key"]["secret"] is True


def test_where_secrets_stand() -> None:
    secret, shown = secret_paths(
        Options,
        {
            "apiKey": "a",
            "region": "b",
            "lock": {"connectionString": "c"},
            "maxCount": 1,
            "tables": [{"tableName": "t"}],
        },
    )
    assert secret == {("apiKey",), ("lock", "connectionString")}
    assert shown == {("region",)}


@given(st.dictionaries(st.text(max_size=8), st.recursive(st.none() | st.integers() | st.text(), st.lists), max_size=4))
def test_nothing_that_json_can_hold_breaks_it(config: dict[str, Any]) -> None:
    checked = validate_options(Options, config)
    assert (checked.instance is None) == bool(checked.problems)
    secret_paths(Options, config)


class Odd(BaseModel):
    source: str = Field(default="", validation_alias=AliasChoices("source", "from_where"))

    def option_warnings(self) -> list[tuple[str, str]]:
        return [("source", "Has an odd key")] if self.source == "odd" else []


def test_what_is_odd_about_valid_options() -> None:
    checked = validate_options(Odd, {"fromWhere": "odd"})
    assert checked.instance is not None
    assert checked.problems == ()
    (warning,) = checked.warnings
    assert (warning.path, warning.message, warning.severity) == (("fromWhere",), "Has an odd key", "warning")
    assert validate_options(Odd, {"source": "well"}).warnings == ()
    assert validate_options(Odd, {"source": "odd", "other": 1}).warnings == ()
