"""`dstream lint`: everything that is wrong with a file, at once: language, providers, roles, options."""

from __future__ import annotations

from collections.abc import Iterator

from dstream_core.config.load import lint as lint_language
from dstream_core.config.model import Project, ProviderBlock, Task
from dstream_core.engine.asking import option_diagnostic
from dstream_core.engine.front import Front
from dstream_core.engine.prepare import diagnostic, reference, role_problems
from dstream_core.engine.redaction import LazyRedactor
from dstream_core.engine.request import Request
from dstream_core.engine.secrets import block_secrets
from dstream_core.errors import Diagnostic, DStreamError
from dstream_core.providers.resolution import Resolved, resolve

NOT_YET = "provider/unsupported-source"


def lint(request: Request, front: Front, task_name: str | None = None) -> list[Diagnostic]:
    """Every diagnostic of a file, in its order. Starts no provider.

    Args:
        request: which file, with what variables.
        front: told the secrets: the lines that are drawn may hold some.
        task_name: look at the providers of this task only.

    Raises:
        ConfigurationError: the file cannot be read, or has no such task.
    """
    secrets: set[str] = set()
    front.redact_with(LazyRedactor(lambda: secrets))

    def check_task(project: Project, task: Task) -> Iterator[Diagnostic]:
        return task_diagnostics(project, task, secrets) if task_name in (None, task.name) else iter(())

    return lint_language(
        request.config,
        variables=request.variables,
        variable_files=request.variable_files,
        environment=request.environment,
        check_task=check_task,
    )


def task_diagnostics(project: Project, task: Task, secrets: set[str]) -> Iterator[Diagnostic]:
    """What is wrong with the providers that a task names, their roles and their options; its secrets are added."""
    found: dict[str, Resolved | None] = {"input": None, "output": None}
    for block in (task.input, task.output):
        try:
            found[block.role] = resolve(reference(project, block))
        except DStreamError as error:
            if error.code != NOT_YET:  # such a task is right, only not for this version
                yield diagnostic(project, error, block.where)
        secrets |= block_secrets(block, found[block.role])
    misplaced = list(role_problems(project, task, found["input"], found["output"]))
    yield from misplaced
    for block in (task.input, task.output):
        provider = found[block.role]
        if provider is not None and not any(item.where == block.where for item in misplaced):
            yield from option_diagnostics(project, block, provider)


def option_diagnostics(project: Project, block: ProviderBlock, provider: Resolved) -> list[Diagnostic]:
    """What is wrong with the options of a block, by the provider's model or schema."""
    if provider.options is None and provider.schema is None:
        return []
    from dstream_core.providers.options import option_problems  # noqa: PLC0415  quick start: imports pydantic

    try:
        problems = option_problems(provider, block.config)
    except DStreamError as error:
        return [diagnostic(project, error, block.where)]
    return [
        option_diagnostic(project, block, item.path, item.message, item.hint, item.code, item.severity)
        for item in problems
        # an option that was written but could not be evaluated has its own diagnostic
        if not (item.code == "options/missing" and item.path in block.name_places)
    ]
