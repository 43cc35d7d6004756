"""Finding a provider among installed plugins: only the one that is meant is imported, whatever the others are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from dstream_core.errors import ConfigurationError, ProviderError
from dstream_core.shim.imports import resolve
from dstream_core.shim.loading import find_provider

PLUGIN = """
from dstream_core.api import ProviderInfo, RoleInfo, hookimpl

@hookimpl
def dstream_provider():
    return [ProviderInfo(name, "x", input=RoleInfo("a.b:C"), version={version!r}) for name in {names!r}]
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(module: str, entry: str, *names: str, version: str = "", code: str = "") -> None:
        (tmp_path / f"{module}.py").write_text(code or PLUGIN.format(names=names, version=version))
        information = tmp_path / f"{module}-7.1.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 7.1\n")
        (information / "entry_points.txt").write_text(f"[dstream.providers]\n{entry} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return add


def test_only_the_plugin_of_that_name_is_imported(install: Any) -> None:
    install("loading_wanted", "wanted", "wanted")
    install("loading_other", "other", "other")
    assert find_provider("wanted").version == ""
    assert find_provider("wanted", versions=True).version == "7.1"
    assert "loading_other" not in sys.modules


def test_a_version_of_its_own_stays(install: Any) -> None:
    install("loading_wanted", "wanted", "wanted", version="3")
    assert find_provider("wanted", versions=True).version == "3"


def test_an_entry_point_of_another_name_may_bring_it(install: Any) -> None:
    install("loading_pair", "pair", "first", "second")
    assert find_provider("second").id == "second"


def test_a_broken_plugin_is_a_reason_not_a_failure(install: Any) -> None:
    install("loading_broken", "aaa", code="import does_not_exist_at_all")
    install("loading_pair", "pair", "first", "second")
    assert find_provider("second").id == "second"
    with pytest.raises(ConfigurationError) as caught:
        find_provider("secund")
    assert "did you mean 'second'?" in str(caught.value.hint)
    assert "does_not_exist_at_all" in str(caught.value.hint)


def test_the_plugin_that_is_meant_says_why_it_is_broken(install: Any) -> None:
    install("loading_broken", "broken", code="raise SystemError('no')")
    with pytest.raises(ProviderError, match="SystemError: no"):
        find_provider("broken")


@pytest.mark.parametrize(
    ("text", "message"),
    [("json:nothing", "json has no nothing"), ("json.no_such", "cannot be imported"), ("json:loads.nothing", "has no")],
)
def test_an_import_string_that_leads_nowhere(text: str, message: str) -> None:
    with pytest.raises(ProviderError, match=message):
        resolve(text, "the thing")


def test_import_strings() -> None:
    assert resolve("json", "x").__name__ == "json"
    assert resolve("json:JSONDecoder.decode", "x").__name__ == "decode"
