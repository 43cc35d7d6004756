"""What all tests share: parts of the machine, hostile programs, and the promise to leave no process behind."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parent
CHILDREN = ROOT / "tests" / "children"

MARK = f"DSTREAM_TEST_MARK={uuid.uuid4().hex}"
"""Stands in the environment of every process a test starts, so that what is left of it can be found."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=30, metavar="N", help="kills in each kill test (30)")


def pytest_configure() -> None:
    name, value = MARK.split("=")
    os.environ[name] = value
    # Tests start hundreds of interpreters, which without compiled modules take three times as long to start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_xdist_auto_num_workers() -> int:
    """One more than cores: tests of processes and servers wait for them much of the time."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest begin first: one that begins last leaves all workers but its own idle."""
    items.sort(key=lambda item: not any(item.get_closest_marker(name) for name in ("kills", "long")))


def _uv() -> str | None:
    return os.environ.get("UV") or _program("uv")


def _root() -> str | None:
    return "root" if os.geteuid() == 0 else None


def _linux() -> str | None:
    return "linux" if sys.platform == "linux" else None


def _program(name: str) -> str | None:
    """Beside this Python (a tool of the environment), or on PATH."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


PARTS: dict[str, Callable[[], str | None]] = {"linux": _linux, "root": _root, "uv": _uv}
"""Parts that are no program of their own name; everything else is a program."""


def require_part(part: str) -> str:
    """Where a part of the machine is; without it the test is skipped, and fails where CI=true."""
    return PARTS.get(part, lambda: _program(part))() or do_without(part)


def do_without(part: str) -> NoReturn:
    """Skip the test, since the machine lacks a part of it; fail where CI=true."""
    reason = f"this machine has no {part}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and CI installs every part (.ci/run)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def require() -> Callable[[str], str]:
    """`require("cc")`: the path of a program this test cannot do without."""
    return require_part


@pytest.fixture
def lacking() -> Callable[[str], NoReturn]:
    """`lacking("tmpfs")`: the test has found out by itself that it cannot do without a part that is not there."""
    return do_without


@pytest.fixture(autouse=True)
def _needs(request: pytest.FixtureRequest) -> None:
    for marker in request.node.iter_markers("needs"):
        for part in marker.args:
            require_part(part)


@pytest.fixture
def child() -> Callable[..., tuple[str, ...]]:
    """`child("crash.py", "--when", "ready")`: the argv of a program in tests/children."""

    def argv(program: str, *arguments: object) -> tuple[str, ...]:
        path = CHILDREN / program
        if not path.is_file():
            raise FileNotFoundError(path)
        # -S -E: nothing of the environment is theirs, and they start in 10 ms.
        start = (sys.executable, "-S", "-E") if path.suffix == ".py" else ("/bin/sh",)
        return (*start, str(path), *map(str, arguments))

    return argv


@pytest.fixture
def provider_file(tmp_path: Path) -> Callable[..., Path]:
    """`provider_file("mine", argv, roles=["input"])`: an executable for `provider = "./mine"`; roles=None: no manifest."""

    def write(name: str, argv: Sequence[str], roles: Sequence[str] | None = ("input",), **manifest: object) -> Path:
        path = tmp_path / name
        path.write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
        path.chmod(0o755)
        if roles is not None:
            document = {"name": name, "version": "1", "protocol": 1, "roles": list(roles), "capabilities": ["ack"]}
            Path(f"{path}.provider.json").write_text(json.dumps(document | {"commands": ["run"]} | manifest))
        return path

    return write


def marked_processes() -> dict[int, str]:
    """Processes other than this one that carry the mark of this test run, with their command lines."""
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        if pid == os.getpid():
            continue
        try:
            if MARK.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found[pid] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue  # gone, or not ours to look at
    return found


@pytest.fixture(autouse=True, scope="module")
def _no_process_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    deadline = time.monotonic() + 3
    while (left := marked_processes()) and time.monotonic() < deadline:
        time.sleep(0.05)  # they were told to end; this is the bounded wait for it
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    if left:
        pytest.fail(f"{request.node.nodeid} left processes behind: {left}", pytrace=False)
