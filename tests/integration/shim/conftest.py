"""Providers that count as installed, in processes of their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dstream_core.protocol.command import Session
from dstream_core.testing import ProviderProcess

PROVIDERS = Path(__file__).parent / "providers"

Start = Callable[..., ProviderProcess]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH whose dist-info says that `shimtest` 4.2 is installed, with a broken plugin beside it."""
    folder = tmp_path_factory.mktemp("site")
    for source in PROVIDERS.glob("*.py"):
        (folder / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    for name, version, points in (
        ("shimtest", "4.2", "probe = shimtest_plugin"),
        ("shimbroken", "1", "broken = shimtest_broken"),
    ):
        information = folder / f"{name}-{version}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (information / "entry_points.txt").write_text(f"[dstream.providers]\n{points}\n")
    return folder


@pytest.fixture
def environment(site: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))}


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Start:
    """`start("input", mode="count", count=3)`: the probe in a role; `provider=`, `session=`, … as for ProviderProcess."""

    def begin(
        role: Any,
        *,
        provider: str = "probe",
        arguments: tuple[str, ...] = (),
        session: dict[str, Any] | None = None,
        state_dir: Path | None = None,
        verb: Any = "run",
        older: bool = False,
        send_command: bool = True,
        config: dict[str, Any] | None = None,
        **options: Any,
    ) -> ProviderProcess:
        command = [sys.executable, "-m", "dstream_core.shim", provider, *arguments]
        told = Session(role=role, task="test", **(session or {}))
        return ProviderProcess(
            command,
            role,
            options if config is None else config,
            verb=verb,
            session=told,
            older=older,
            state_dir=state_dir or tmp_path / "state",
            environment=environment,
            send_command=send_command,
        )

    return begin
