"""The installed `dstream` as a user has it: a folder with a configuration, commands in it, and what they leave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

DSTREAM = str(Path(sys.executable).with_name("dstream"))


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Stdout, which is exactly one JSON document."""
        return json.loads(self.out)

    def says(self, *texts: str) -> bool:
        """Whether stderr is a message for a person and has these texts in it."""
        assert "Traceback" not in self.err, self.err
        missing = [text for text in texts if text not in self.err]
        assert not missing, f"{missing} is not in:\n{self.err}"
        return True


class Project:
    """A folder with a `dstream.hcl`, and the command to run in it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.started: list[subprocess.Popen[bytes]] = []
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("DSTREAM_LOG")}

    def write(self, text: str, name: str = "dstream.hcl") -> Path:
        """A file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def program(self, name: str, text: str, manifest: dict[str, Any] | None = None) -> Path:
        """An executable of the project, with its manifest if it speaks version 1; text without `#!` is sh."""
        text = textwrap.dedent(text).lstrip("\n")
        path = self.write(text if text.startswith("#!") else f"#!/bin/sh\n{text}", name)
        path.chmod(0o755)
        if manifest is not None:
            known = {"name": path.name, "version": "1", "protocol": 1, "commands": ["run"], "capabilities": ["ack"]}
            Path(f"{path}.provider.json").write_text(json.dumps(known | manifest))
        return path

    def python(self, name: str, text: str, manifest: dict[str, Any] | None = None) -> Path:
        """The same in Python; json, os and sys are imported."""
        first = f"#!{sys.executable} -SE\nimport json, os, sys\n"
        return self.program(name, first + textwrap.dedent(text), manifest)

    def start(self, *arguments: str, program: str = DSTREAM, **options: Any) -> subprocess.Popen[bytes]:
        """Starts the command; the test ends it."""
        process = subprocess.Popen(
            [program, *arguments],
            cwd=options.pop("cwd", self.folder),
            env=self.environment | options.pop("env", {}),
            stdin=subprocess.DEVNULL,
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            bufsize=0,  # a test reads the first line itself, and communicate() the rest
            **options,
        )
        self.started.append(process)
        return process

    def __call__(self, *arguments: str, timeout: float = 30, **options: Any) -> Done:
        """Runs the command to its end."""
        process = self.start(*arguments, **options)
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        return Done(process.returncode, (out or b"").decode(), (err or b"").decode())

    def end(self, process: subprocess.Popen[bytes], sent: int | None = None) -> Done:
        """Sends a signal, if one is given, and waits for the end."""
        if sent is not None:
            process.send_signal(sent)
        out, err = process.communicate(timeout=30)
        return Done(process.returncode, (out or b"").decode(), (err or b"").decode())

    def task(self, name: str, source: str, sink: str) -> str:
        """The text of a task; `source` and `sink` are the bodies of its blocks."""
        return f'task "{name}" {{\n  input {{\n{source}\n  }}\n  output {{\n{sink}\n  }}\n}}\n'


def _wait_for(what: Callable[[], Any], reason: str, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {reason}"
        time.sleep(0.01)
    return found


@pytest.fixture
def dstream(tmp_path: Path) -> Iterator[Project]:
    """`dstream("run", "demo")` in a folder of its own."""
    project = Project(tmp_path)
    yield project
    for process in project.started:
        if process.poll() is None:  # the test failed before it ended what it had started
            process.kill()
            process.communicate()


@pytest.fixture
def wait_for() -> Callable[..., Any]:
    """`wait_for(condition, "what should happen")`: the condition's first true value."""
    return _wait_for
