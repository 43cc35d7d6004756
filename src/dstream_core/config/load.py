"""Loading: a file to a project, one of its tasks evaluated, and everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dstream_core.config.blocks import check_settings, read_task
from dstream_core.config.declarations import declare
from dstream_core.config.diagnostics import Collector, in_order, suggestion
from dstream_core.config.model import Project, Task
from dstream_core.config.scope import ProjectScope
from dstream_core.config.source import Source
from dstream_core.config.syntax.parser import parse
from dstream_core.config.variables import given_values
from dstream_core.errors import ConfigurationError, Diagnostic, DiagnosticsError, Place

DEFAULT_FILE = "dstream.hcl"


def load_project(
    path: str | Path,
    *,
    variables: Sequence[str] = (),
    variable_files: Sequence[str] = (),
    environment: Mapping[str, str],
) -> Project:
    """Read a configuration file and check its structure; nothing is evaluated yet.

    Args:
        path: the file, or a directory with a `dstream.hcl`.
        variables: `name=value`, as given with `--var`.
        variable_files: paths, as given with `--var-file`.
        environment: the environment variables that templates, `env()` and `DSTREAM_VAR_…` see.

    Raises:
        DiagnosticsError: the first syntax error, or everything that is wrong with the structure.
        ConfigurationError: a file cannot be read.
    """
    project, collector = _load(Path(path), variables, variable_files, environment)
    collector.raise_errors()
    return replace(project, warnings=tuple(in_order(collector.items)))


def evaluate_task(project: Project, name: str) -> Task:
    """Evaluate one task, and all locals, for one that fails is an error even if nothing uses it.

    Raises:
        DiagnosticsError: everything that is wrong with them.
        ConfigurationError: `config/unknown-task`, there is no such task.
    """
    if name not in project.tasks:
        raise ConfigurationError(
            f'There is no task "{name}" in {project.file}.',
            code="config/unknown-task",
            hint=suggestion(name, project.tasks, listed="tasks") or "The file declares no task.",
        )
    collector = Collector()
    project.scope.check_locals(collector)
    task = read_task(project.scope.source, project.scope, project.tasks[name], collector)
    collector.raise_errors()
    assert task is not None, "a task without both blocks does not load"
    return task


def lint(
    path: str | Path,
    *,
    variables: Sequence[str] = (),
    variable_files: Sequence[str] = (),
    environment: Mapping[str, str],
    check_task: Callable[[Project, Task], Iterable[Diagnostic]] | None = None,
) -> list[Diagnostic]:
    """Everything that is wrong with a file, in its order: the first syntax error, or all errors of meaning.

    Options of providers are not checked here; that takes their models, and `check_task`.

    Args:
        path: the file, or a directory with a `dstream.hcl`.
        variables: `name=value`, as given with `--var`.
        variable_files: paths, as given with `--var-file`.
        environment: the environment variables.
        check_task: finds what else is wrong with a task. Of values that are wrong themselves it sees the place of the
            name alone.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    try:
        project, collector = _load(Path(path), variables, variable_files, environment)
    except DiagnosticsError as error:
        return list(error.diagnostics)
    scope = project.scope
    scope.check_variables(collector)
    missing = any(item.code == "variable/missing" for item in collector.items)
    scope.check_locals(collector)
    if project.declarations.settings is not None:
        check_settings(scope, project.declarations.settings, collector)
    for declared in project.tasks.values():
        task = read_task(scope.source, scope, declared, collector)
        if task is not None and check_task is not None:
            collector.add(list(check_task(project, task)))
    return in_order(_without_repeats(collector.items) if missing else collector.items)


def _without_repeats(items: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Leave one diagnostic for each variable without a value: the first, which is at its declaration."""
    seen: set[str] = set()
    kept = []
    for item in items:
        if item.code == "variable/missing":
            if item.message in seen:
                continue
            seen.add(item.message)
        kept.append(item)
    return kept


def _load(
    path: Path, variables: Sequence[str], variable_files: Sequence[str], environment: Mapping[str, str]
) -> tuple[Project, Collector]:
    try:
        file = _find(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    source = Source(str(file), _read(file))
    body, problems = parse(source)
    collector = Collector()
    collector.add(problems)
    declarations = declare(source, body, collector)
    given = given_values(declarations.variables, variables, variable_files, environment, collector)
    scope = ProjectScope(source, declarations, given, environment)
    directory = file.parent.resolve()
    return Project(file, directory, source.text, declarations.tasks, declarations, scope), collector


def _find(path: Path) -> Path:
    if path.is_dir():
        if (path / DEFAULT_FILE).is_file():
            return path / DEFAULT_FILE
        others = sorted(each.name for each in path.glob("*.hcl"))
        hint = (
            f"There is {', '.join(others)}: name it with --config."
            if others
            else "Create one, or name it with --config."
        )
        raise ConfigurationError(f"There is no {DEFAULT_FILE} in {path.resolve()}.", code="config/no-file", hint=hint)
    if not path.exists():
        raise ConfigurationError(
            f"There is no file {path}.", code="config/no-file", hint="Name the configuration with --config."
        )
    return path


def _unreadable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"{path} cannot be read: {error.strerror or error}.", code="config/no-file")


def _read(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8")) + 1
        item = Diagnostic(
            "syntax/not-utf8", "This file is not UTF-8 here.", Place(str(file), line, column), "Save it as UTF-8."
        )
        raise DiagnosticsError([item]) from None
