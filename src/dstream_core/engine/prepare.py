"""From a request to a task whose providers are found and fit their places; nothing is started here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dstream_core.config.diagnostics import excerpt
from dstream_core.config.load import evaluate_task, load_project
from dstream_core.config.model import Project, ProviderBlock, Task
from dstream_core.engine.front import Front
from dstream_core.engine.project_folder import ProjectFolder, project_folder
from dstream_core.engine.redaction import LazyRedactor
from dstream_core.engine.request import Request
from dstream_core.engine.secrets import block_secrets
from dstream_core.errors import ConfigurationError, Diagnostic, DiagnosticsError, DStreamError, Place
from dstream_core.protocol.names import Role
from dstream_core.providers.resolution import Reference, Resolved, resolve
from dstream_core.providers.roles import role_problem


@dataclass(frozen=True)
class Prepared:
    """A task, ready to start its providers.

    Attributes:
        request: what was asked.
        project: the file.
        task: the evaluated task.
        input: its input provider; None if it could not be found and the verb does not need it.
        output: its output provider.
        folder: where state lies.
        redactor: knows the task's secrets, once it is asked for them.
    """

    request: Request
    project: Project
    task: Task
    input: Resolved | None
    output: Resolved
    folder: ProjectFolder
    redactor: LazyRedactor

    def block(self, role: Role) -> ProviderBlock:
        """The block of a role."""
        return self.task.input if role == "input" else self.task.output

    def provider(self, role: Role) -> Resolved:
        """The provider of a role."""
        found = self.input if role == "input" else self.output
        assert found is not None, "a verb that uses the input prepares it"
        return found


def prepare(request: Request, task_name: str, front: Front, *, needs_input: bool = True) -> Prepared:
    """Evaluates a task, finds its providers and checks their roles.

    Args:
        request: what was asked.
        task_name: the task.
        front: told the secrets to mask, before anything else can be shown.
        needs_input: False: an input provider that is not installed is no error (destroy).

    Raises:
        DiagnosticsError: everything that is wrong with the file, or with the providers it names.
        ConfigurationError: there is no such file or task.
    """
    project = load_project(
        request.config,
        variables=request.variables,
        variable_files=request.variable_files,
        environment=request.environment,
    )
    task = evaluate_task(project, task_name)
    found: dict[str, Resolved | None] = {}
    redactor = LazyRedactor(lambda: _secrets(task, found))
    front.redact_with(redactor)
    problems: list[Diagnostic] = []
    for block in (task.input, task.output):
        try:
            found[block.role] = resolve(reference(project, block))
        except DStreamError as error:
            found[block.role] = None
            if needs_input or block.role == "output":
                problems.append(diagnostic(project, error, block.where))
    source, sink = found["input"], found["output"]
    problems += role_problems(project, task, source, sink)
    if problems or sink is None:
        raise DiagnosticsError(problems)
    folder = project_folder(project.directory, request.state_dir)
    return Prepared(request, project, task, source, sink, folder, redactor)


def reference(project: Project, block: ProviderBlock) -> Reference:
    """The provider of a block as resolution takes it."""
    return Reference(block.kind, block.reference, block.role, block.where, project.directory)


def role_problems(project: Project, task: Task, source: Resolved | None, sink: Resolved | None) -> Iterator[Diagnostic]:
    """A diagnostic for each provider that cannot stand where it stands."""
    for provider, other, block in ((source, sink, task.input), (sink, source, task.output)):
        if provider is not None and (problem := role_problem(provider, other, block.where)) is not None:
            yield diagnostic(project, problem, block.where)


def diagnostic(project: Project, error: DStreamError, where: Place) -> Diagnostic:
    """An error about a place in the file, with the line drawn."""
    where = error.where or where
    return Diagnostic(error.code, error.message, where, error.hint, excerpt(project.source, where))


def located(project: Project, error: ConfigurationError, where: Place) -> DiagnosticsError:
    """The same as an error to raise."""
    return DiagnosticsError([diagnostic(project, error, where)])


def _secrets(task: Task, found: dict[str, Resolved | None]) -> set[str]:
    return block_secrets(task.input, found.get("input")) | block_secrets(task.output, found.get("output"))
