"""What the tests of the file provider share: runs of the input in this process, step by step."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dstream_core.api import EncodedLines, State
from dstream_core.api.delivery.wire import encode_position
from dstream_core.protocol.exact_json import decode_json
from dstream_file.config import FileInputOptions
from dstream_file.input import FileInput

Step = Callable[[], object]
EXECUTABLES = Path(sys.executable).parent


class Recorder:
    """A log that a test can read."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.numbers: list[dict[str, Any]] = []

    def progress(self, numbers: Mapping[str, Any]) -> None:
        self.numbers.append(dict(numbers))

    def info(self, message: str, *arguments: Any) -> None:
        self.messages.append(("info", message % arguments if arguments else message))

    def warning(self, message: str, *arguments: Any) -> None:
        self.messages.append(("warning", message % arguments if arguments else message))

    @property
    def text(self) -> str:
        return "\n".join(message for _, message in self.messages)

    @property
    def warnings(self) -> str:
        return "\n".join(message for level, message in self.messages if level == "warning")


class FollowContext:
    """The context of a run whose pauses are the test's steps; it is asked to stop behind the last of them."""

    def __init__(self, options: FileInputOptions, state: State, log: Recorder, steps: list[Step]):
        self.options = options
        self.state = state
        self.log = log
        self.stopping = False
        self._steps = steps

    def wait(self, seconds: float) -> bool:
        if not self._steps:
            self.stopping = True
            return True
        self._steps.pop(0)()
        return False


class InputRuns:
    """Runs of one task, with its state between them."""

    def __init__(self, folder: Path):
        self._state_dir = folder / "state"
        self.log = Recorder()

    def run(self, *steps: Step, acknowledge: int | None = None, **options: Any) -> list[dict[str, Any]]:
        """One run; what it yields is acknowledged, or only the first lines up to `acknowledge`.

        Args:
            steps: while following: what happens in each pause.
            acknowledge: how many of the lines are, None: all.
            options: the input's.
        """
        self.log = Recorder()
        state = State(self._state_dir, "file", "test")
        context = FollowContext(FileInputOptions(**options), state, self.log, list(steps))
        lines: list[dict[str, Any]] = []
        stored: dict[str, bytes] = {}
        for item in FileInput().dstream_run_input(context):  # type: ignore[arg-type]  has what the input asks for
            before = len(lines)
            if isinstance(item, EncodedLines):
                assert item.lines.count(b"\n") == item.count
                lines += [decode_json(line) for line in item.lines.splitlines()]
            if acknowledge is None or len(lines) <= acknowledge:
                stored[item.partition] = encode_position(item.position)
            elif isinstance(item, EncodedLines) and before < acknowledge:
                assert item.position_of is not None
                stored[item.partition] = encode_position(item.position_of(acknowledge - before))
        if stored:
            state.store(stored)
        return lines

    def values(self, *steps: Step, **options: Any) -> list[Any]:
        """The data of one run's lines."""
        return [line["data"] for line in self.run(*steps, **options)]

    def positions(self) -> Mapping[str, Any]:
        """What is stored, by file."""
        state = State(self._state_dir, "file", "test")
        return {key: state.resume("file", key) for key in state.partitions() if key != "started"}


@pytest.fixture
def runs(tmp_path: Path) -> InputRuns:
    return InputRuns(tmp_path)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory that is the current one."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def file_input() -> list[Path]:
    return [EXECUTABLES / "dstream-file-input"]


@pytest.fixture
def file_output() -> list[Path]:
    return [EXECUTABLES / "dstream-file-output"]
