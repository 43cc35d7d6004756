from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from dstream_core.api.info import ProviderInfo, RoleInfo
from dstream_core.errors import ConfigurationError, Place
from dstream_core.providers.discovery import Catalogue
from dstream_core.providers.installed import Installed
from dstream_core.providers.resolution import Reference, Resolved, resolve
from dstream_core.providers.roles import check_verb, role_problem

PLACE = Place("dstream.hcl", 3, 5)


def installed(provider_id: str, *, distribution: str = "d", **roles: RoleInfo) -> Installed:
    return Installed(provider_id, distribution, "1", info=ProviderInfo(provider_id, "s", **roles))


COUNTER = installed("counter", input=RoleInfo("c:C", "c:Options", ("run", "check")))
CONSOLE = installed("console", output=RoleInfo("c:C", verbs=("run", "init", "plan")))
CATALOGUE = Catalogue((COUNTER, CONSOLE, Installed("bad", "dstream-bad", "2", "broken", "ImportError: no")))


def plugin(provider_id: str, role: Any, catalogue: Catalogue = CATALOGUE) -> Resolved:
    return resolve(Reference("provider", provider_id, role, PLACE, Path()), catalogue)


def executable(folder: Path, manifest: Any = None, role: Any = "input") -> Resolved:
    path = folder / "mine"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    if manifest is not None:
        (folder / "mine.provider.json").write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
    return resolve(Reference("provider_path", "./mine", role, PLACE, folder))


def test_a_plugin_runs_in_the_shim() -> None:
    found = plugin("counter", "input")
    assert found.argv[0] == sys.executable
    assert found.argv[-5:] == ("-m", "dstream_core.shim", "counter", "--role", "input")
    assert (found.protocol, found.options, found.answers("check"), found.answers("init")) == (
        1,
        "c:Options",
        True,
        False,
    )


@pytest.mark.parametrize(
    ("provider_id", "code", "text"),
    [
        ("countr", "provider/unknown", '"counter"'),
        ("kafka", "provider/unknown", "pip install dstream-kafka"),
        ("bad", "provider/broken", "ImportError: no"),
    ],
)
def test_a_plugin_that_is_not_there(provider_id: str, code: str, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        plugin(provider_id, "input")
    assert (caught.value.code, caught.value.where) == (code, PLACE)
    assert text in f"{caught.value.message} {caught.value.hint}"


def test_a_conflict_is_one_of_the_same_role_only() -> None:
    other = installed("counter", distribution="e", input=RoleInfo("x:X"))
    output = installed("counter", distribution="f", output=RoleInfo("x:X"))
    with pytest.raises(ConfigurationError) as caught:
        plugin("counter", "input", Catalogue((COUNTER, other, output)))
    assert "d and e" in caught.value.message
    assert plugin("counter", "output", Catalogue((COUNTER, other, output))).distribution == "f"


def test_a_path_with_a_manifest(tmp_path: Path) -> None:
    manifest = {
        "name": "mine",
        "protocol": 1,
        "roles": ["input"],
        "commands": ["run", "discover"],
        "capabilities": ["ack"],
        "config_schema": {"type": "object"},
    }
    found = executable(tmp_path, manifest)
    assert found.argv == (str(tmp_path / "mine"),)
    assert (found.protocol, found.roles, found.answers("discover")) == (1, ("input",), True)
    assert found.schema == {"type": "object"}


@pytest.mark.parametrize("manifest", [None, {"name": "mine", "type": "input", "version": "1"}])
def test_a_path_without_one_that_says_protocol_1_is_older(tmp_path: Path, manifest: Any) -> None:
    found = executable(tmp_path, manifest)
    assert (found.older, found.roles, found.verbs) == (True, (), None)


@pytest.mark.parametrize("manifest", ["{", "[]", '{"protocol": 7}', '{"protocol": 1, "roles": ["boss"]}'])
def test_a_manifest_that_is_wrong_names_its_file(tmp_path: Path, manifest: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        executable(tmp_path, manifest)
    assert "mine.provider.json" in caught.value.message
    assert caught.value.where == PLACE


def test_a_path_of_the_current_directory_gets_the_right_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "x").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        resolve(Reference("provider_path", "bin/x", "input", PLACE, tmp_path / "project"))
    assert "relative to the folder of the configuration" in str(caught.value.hint)
    assert str(tmp_path / "bin/x") in str(caught.value.hint)


def test_roles() -> None:
    counter, console = plugin("counter", "output"), plugin("console", "input")
    swapped = role_problem(counter, console, PLACE)
    assert swapped is not None
    assert (swapped.code, swapped.where) == ("provider/role", PLACE)
    assert "swapped" in str(swapped.hint)
    alone = role_problem(counter, plugin("counter", "input"), PLACE)
    assert alone is not None
    assert "use it in the `input` block" in str(alone.hint)
    assert "counter is an input provider, but stands in the `output` block" in alone.message
    assert role_problem(plugin("counter", "input"), None, PLACE) is None


def test_older_providers_have_no_role_to_check(tmp_path: Path) -> None:
    assert role_problem(executable(tmp_path, role="output"), None, PLACE) is None


def test_verbs() -> None:
    check_verb(plugin("console", "output"), "plan")
    with pytest.raises(ConfigurationError, match="console is an output provider and has no infrastructure to destroy"):
        check_verb(plugin("console", "output"), "destroy")
