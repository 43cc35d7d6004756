"""Every example in README, docs and plugin READMEs works: HCL lints, shell runs, output is as shown, JSON parses.

What an example is follows from the words behind the opening fence:

- `hcl` lints without an error; `hcl fragment` does so inside an output block; `hcl error` has at least one error.
  `env=NAME,NAME`: environment variables that it reads.
- `hcl file=NAME` (any language) is also written to NAME, for the examples below it on its page.
- `sh` runs and ends with 0. `console` runs the lines behind `$` and prints what is shown (`...` stands for anything);
  `exit=N` if it ends with another code. `retry`: it is run again until it works, where something takes its time.
- `sh background=NAME` is what the reader has in another terminal: it runs while the examples below it do, or until one of
  them has `interrupts=NAME`, which presses Ctrl-C there first.
- `norun=REASON` (words joined by `-`) only checks the syntax: for what needs a cloud, a terminal, or installs something.
- `json` is JSON, as one document or line by line. `python` compiles. `sql` is T-SQL by sqlfluff's grammar.

The examples of a page share one folder, in which the repository's `dstream.hcl` lies, and run in their order.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest
from sqlfluff.core import Linter

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/**/*.md",
    "examples/**/*.md",
    "plugins/*/README.md",
    "benchmarks/README.md",
]
FENCE = re.compile(r"^( *)(```+)(\w+)([^\n`]*)\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
SECONDS = 20


@dataclass(frozen=True)
class Example:
    """One fenced block: where it is, its language, the words behind it, its text."""

    page: Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @cached_property
    def options(self) -> dict[str, str]:
        pairs = (word.partition("=") for word in self.words)
        return {name: value for name, _, value in pairs}


def examples_of(page: Path) -> list[Example]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        indent, _, language, words, body = match.groups()
        body = re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)
        line = text.count("\n", 0, match.start()) + 1
        found.append(Example(page, line, language, tuple(words.split()), body))
    return found


def pages() -> list[Path]:
    return sorted({page for pattern in PAGES for page in ROOT.glob(pattern) if ".tox" not in page.parts})


EXAMPLES = [example for page in pages() for example in examples_of(page)]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Example], Path]:
    """The folder of an example's page, with every file that the page wrote above it."""
    made: dict[Path, Path] = {}

    def folder(example: Example) -> Path:
        if example.page not in made:
            made[example.page] = tmp_path_factory.mktemp("page")
            for file in (ROOT / "dstream.hcl", *(ROOT / "examples").glob("*")):
                target = made[example.page] / file.relative_to(ROOT)
                target.parent.mkdir(exist_ok=True)
                if file.is_dir():
                    shutil.copytree(file, target)
                elif file.is_file():
                    shutil.copy(file, target)
        place = made[example.page]
        for earlier in examples_of(example.page):
            if earlier.line <= example.line and (name := earlier.options.get("file")):
                target = place / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(earlier.text, encoding="utf-8")
                target.chmod(0o755 if earlier.text.startswith("#!") else 0o644)
        return place

    return folder


def environment() -> dict[str, str]:
    beside = str(Path(sys.executable).parent)
    return os.environ | {"PATH": f"{beside}:{os.environ['PATH']}", "NO_COLOR": "1", "COLUMNS": "100"}


def shell(text: str, folder: Path) -> tuple[int, str]:
    """Exit code and all output of a script; what outlives it is ended with it."""
    with subprocess.Popen(
        ["/bin/sh", "-eu", "-c", text],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                output, _ = process.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                output, _ = process.communicate()
            pytest.fail(f"still running after {SECONDS} s:\n{output}", pytrace=False)
    return process.returncode, output


class Terminals:
    """The other terminals of the pages' readers: what runs there while further examples do."""

    def __init__(self) -> None:
        self._running: dict[tuple[Path, str], subprocess.Popen[bytes]] = {}

    def start(self, example: Example, name: str, folder: Path) -> None:
        with (folder / f"{name}.log").open("wb") as log:
            self._running[example.page, name] = subprocess.Popen(
                ["/bin/sh", "-eu", "-c", example.text],
                cwd=folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def interrupt(self, page: Path, name: str) -> None:
        process = self._running.pop((page, name))
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(SECONDS)
        finally:
            process.kill()
            process.wait()

    def logs(self, page: Path, folder: Path) -> str:
        """What the programs of a page have printed, for the message of a test that fails."""
        names = [name for where, name in self._running if where == page]
        return "".join(f"\n-- {name}:\n{(folder / name).with_suffix('.log').read_text()[-2000:]}" for name in names)

    def close(self) -> None:
        for page, name in reversed(list(self._running)):
            self.interrupt(page, name)


TERMINALS = Terminals()


@pytest.fixture(autouse=True, scope="module")
def _terminals_are_closed() -> Iterator[None]:
    yield
    TERMINALS.close()


def check_shell(example: Example, folder: Path) -> None:
    if "norun" in example.options:
        done = subprocess.run(["/bin/sh", "-n", "-c", example.text], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    elif name := example.options.get("background"):
        TERMINALS.start(example, name, folder)
    else:
        attempt(example, example.text, "", folder)


def check_console(example: Example, folder: Path) -> None:
    lines = example.text.splitlines()
    script = "\n".join(line.removeprefix("$ ").removeprefix("> ") for line in lines if line.startswith(("$ ", "> ")))
    shown = [line for line in lines if not line.startswith(("$ ", "> "))]
    if "norun" in example.options:
        return
    pattern = r"\s*".join(re.escape(line.strip()).replace(r"\.\.\.", "(?:.|\\n)*?") for line in shown)
    attempt(example, script, pattern, folder)


def attempt(example: Example, script: str, pattern: str, folder: Path) -> None:
    """Runs a script, which must end as it should and print what is shown; again, if the example says `retry`."""
    if name := example.options.get("interrupts"):
        TERMINALS.interrupt(example.page, name)
    deadline = time.monotonic() + (SECONDS if "retry" in example.options else 0)
    while True:
        code, output = shell(script, folder)
        printed = "\n".join(line.strip() for line in output.splitlines())
        if code == int(example.options.get("exit", 0)) and re.search(pattern, printed):
            return
        assert time.monotonic() < deadline, output + TERMINALS.logs(example.page, folder)
        time.sleep(0.2)


def check_hcl(example: Example, folder: Path) -> None:
    if "norun" in example.options:
        return
    configuration = folder / f"line-{example.line}.hcl"
    text = example.text
    if "fragment" in example.options:
        # A piece of an output block; the block gets a provider unless the piece names one.
        provider = "" if "provider" in text else '  provider = "console"\n'
        text = f'task "example" {{\ninput {{ provider = "counter" }}\noutput {{\n{provider}{text}}}\n}}\n'
    configuration.write_text(text)
    for program in re.findall(r'"(\./[\w./-]+)"', text):  # programs that the reader has
        path = folder / program
        if path.suffix in ("", ".sh", ".awk") and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#!/bin/sh\n")
            path.chmod(0o755)
    variables = dict.fromkeys(filter(None, example.options.get("env", "").split(",")), "not a secret")
    done = dstream(["lint", "--config", str(configuration)], folder, variables)
    configuration.unlink()
    assert done.returncode == (2 if "error" in example.options else 0), done.stdout + done.stderr


def dstream(arguments: list[str], folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["dstream", *arguments],
        cwd=folder,
        env=environment() | variables,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def check_json(example: Example, _folder: Path) -> None:
    try:
        json.loads(example.text)
    except ValueError:
        for line in example.text.splitlines():
            json.loads(line)


def check_python(example: Example, _folder: Path) -> None:
    compile(example.text, str(example), "exec", dont_inherit=True)


@cache
def tsql() -> Linter:
    return Linter(dialect="tsql")


def check_sql(example: Example, _folder: Path) -> None:
    if "norun" in example.options:
        return
    tree = tsql().parse_string(example.text.replace("…", "x")).tree
    assert tree is not None
    assert [part.raw for part in tree.recursive_crawl("unparsable")] == []


CHECKS: dict[str, Callable[[Example, Path], None]] = {
    "hcl": check_hcl,
    "sh": check_shell,
    "bash": check_shell,
    "shell": check_shell,
    "console": check_console,
    "json": check_json,
    "python": check_python,
    "sql": check_sql,
}


@pytest.mark.parametrize("example", [example for example in EXAMPLES if example.language in CHECKS], ids=str)
def test_the_example_works(example: Example, folders: Callable[[Example], Path]) -> None:
    CHECKS[example.language](example, folders(example))


def test_every_fence_says_its_language() -> None:
    unknown = {str(example): example.language for example in EXAMPLES if example.language not in CHECKS}
    allowed = {"text", "toml", "yaml", "ini", "diff", "xml", "mermaid", "c", "go", "markdown"}
    assert not {place: language for place, language in unknown.items() if language not in allowed}
