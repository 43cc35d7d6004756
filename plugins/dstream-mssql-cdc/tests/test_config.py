"""The options."""

from __future__ import annotations

from typing import Any

import pytest

from dstream_core.hookspecs.options import options_schema, secret_paths, validate_options
from dstream_mssql_cdc.config import MssqlCdcOptions

HERE = {"db_connection_string": "Server=s;Database=d;User ID=u;Password=hunter2"}


def valid(**options: Any) -> MssqlCdcOptions:
    checked = validate_options(MssqlCdcOptions, {**HERE, **options})
    assert checked.problems == ()
    assert checked.instance is not None
    return checked.instance


def problem(config: dict[str, Any]) -> str:
    problems = validate_options(MssqlCdcOptions, config).problems
    return "\n".join(f"{'.'.join(map(str, item.path))}: {item.message}" for item in problems)


def test_the_original_s_configuration() -> None:
    options = valid(
        tables=["Cars", "dbo.Persons"],
        poll_interval="5s",
        max_poll_interval="5m",
        lock_config={"type": "azure_blob", "connection_string": "x", "container_name": "locks"},
    )

    assert (options.poll_interval, options.max_poll_interval) == (5, 300)
    assert (options.tables, options.lock_config.type) == (["Cars", "dbo.Persons"], "azure_blob")


def test_what_a_bare_connection_string_gives() -> None:
    options = valid()
    found = options.model_dump(include={"tables", "snapshot", "on_gap", "checkpoint", "max_connections", "envelope"})
    assert found == {
        "tables": [],
        "snapshot": "initial",
        "on_gap": "fail",
        "checkpoint": None,
        "max_connections": 4,
        "envelope": "dstream",
    }


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ({"tables": "Orders"}, "tables", ["Orders"]),
        ({"tables": None}, "tables", []),
        ({"beforeImages": "changed"}, "before_images", "changed"),
        ({"before_images": False}, "before_images", False),
        ({"poll_interval": 30}, "max_poll_interval", 30),
        ({"rowFilter": {"Orders": "Id > 1"}}, "snapshot_where", {"Orders": "Id > 1"}),
        ({"snapshot_again": {"Orders": 2}}, "snapshot_again", {"Orders": "2"}),
        ({"batch_bytes": "1MiB"}, "batch_bytes", 1024 * 1024),
        ({"encrypt": True}, "encrypt", "require"),
        ({"encrypt": "Strict"}, "encrypt", "strict"),
        ({"encrypt": False}, "encrypt", "request"),
        ({"applicationIntent": "readonly"}, "application_intent", "ReadOnly"),
        ({"host": "x"}, "server", "x"),
    ],
)
def test_spellings(options: dict[str, Any], name: str, value: object) -> None:
    assert getattr(valid(**options), name) == value


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"checkpoint": "file", "lock_config": {"type": "sqlserver"}}, "exclude each other"),
        ({"checkpoint": "azure_blob"}, "container_name"),
        ({"lock_config": {"type": "azure_blob"}}, "container_name"),
        (
            {"lock_config": {"type": "azure_blob", "container_name": "c", "account_url": "https://x", "lease": "90s"}},
            "60s",
        ),
        ({"lock_config": {"connection_string": "a", "account_url": "b"}}, "exclude each other"),
        ({"lock_config": {"type": "sqlserver"}, "max_connections": 1}, "max_connections"),
        ({"poll_interval": "10s", "max_poll_interval": "5s"}, "max_poll_interval"),
        ({"poll_interval": "soon"}, "poll_interval"),
        ({"tables": ["a.b.c"]}, "more parts"),
        ({"tables": ["a", ""]}, "no name"),
        ({"columns": {"exclude": ["a.b.c.d"]}}, "more parts"),
        ({"masks": {"hash": ["Email"]}}, "salt"),
        ({"masks": {"truncate": {"Email": -1}}}, "negative"),
        ({"snapshot_where": {"Orders": " "}}, "empty"),
        ({"encrypt": "sure"}, "strict or disable"),
        ({"checkpoint_table": "dbo.*"}, "one table"),
        ({"tabels": ["x"]}, "no such option"),
        ({"db_connection_string": "Server=s;Integrated Security=true"}, "Windows login"),
        ({"db_connection_string": "Server=s;UID=u"}, "names no database"),
    ],
)
def test_what_is_wrong_is_said_before_a_run(options: dict[str, Any], message: str) -> None:
    told = problem({**HERE, **options})
    assert message in told
    assert "hunter2" not in told


def test_a_server_is_needed() -> None:
    assert "`db_connection_string` or `server` is required" in problem({})


def test_a_checkpoint_in_blobs_without_leases() -> None:
    options = valid(checkpoint="azure_blob", lock_config={"container_name": "c", "account_url": "https://x"})
    assert options.lock_config.has_blobs


def test_secrets_are_declared() -> None:
    config = {
        **HERE,
        "password": "p",
        "masks": {"salt": "s", "hash": ["a"]},
        "lock_config": {"connection_string": "c", "container_name": "n"},
    }
    secret, _ = secret_paths(MssqlCdcOptions, config)
    assert secret == {
        ("db_connection_string",),
        ("password",),
        ("masks", "salt"),
        ("lock_config", "connection_string"),
    }


def test_every_option_is_described() -> None:
    schema = options_schema(MssqlCdcOptions)
    for properties in (schema["properties"], *(each.get("properties", {}) for each in schema["$defs"].values())):
        for name, declared in properties.items():
            inner = schema["$defs"].get(declared.get("$ref", "").rpartition("/")[2], {})
            assert len({**inner, **declared}.get("description", "")) > 20, name
