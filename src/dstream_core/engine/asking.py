"""Asking one provider one verb, and turning its answer into an outcome or an error with its place in the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dstream_core.config.diagnostics import excerpt
from dstream_core.config.model import Project, ProviderBlock
from dstream_core.engine.front import Front
from dstream_core.engine.launch import make_launch
from dstream_core.engine.prepare import Prepared
from dstream_core.errors import (
    ConfigurationError,
    Diagnostic,
    DiagnosticsError,
    DStreamError,
    ExitCode,
    ProviderError,
    TemporaryError,
)
from dstream_core.protocol.names import Role, Verb
from dstream_core.runtime.claims import Claim
from dstream_core.runtime.values import RefusedError, VerbOutcome


class NeedsConsentError(ConfigurationError):
    """The provider needs a decision, and nobody is there to take it."""

    default_code = "consent/needed"


class CancelledError(DStreamError):
    """The user said no; nothing was changed."""

    default_code = "consent/refused"


def ask(
    prepared: Prepared,
    role: Role,
    verb: Verb,
    front: Front,
    *,
    claims: Sequence[Claim] = (),
    source: Mapping[str, Any] | None = None,
    consent: tuple[str, ...] = (),
    arguments: Mapping[str, Any] | None = None,
) -> VerbOutcome:
    """Runs a verb on one of the task's providers.

    Raises:
        DiagnosticsError: its options are wrong; with their places in the file.
        DStreamError: it could not be started or broke the protocol. A result that says Failed is returned.
    """
    from dstream_core.runtime.verb import run_verb  # noqa: PLC0415  quick start: asyncio, only once all is well

    launch = make_launch(prepared, role, verb, source=source, consent=consent, arguments=arguments, color=front.color)
    try:
        return run_verb(launch, claims=claims, observer=front)
    except RefusedError as error:
        if error.exit_code != ExitCode.CONFIGURATION:
            raise
        raise refused(prepared.project, prepared.block(role), error) from None


def ask_until_decided(
    front: Front, *, yes: bool, what: str, given: tuple[str, ...], attempt: Callable[[tuple[str, ...]], VerbOutcome]
) -> VerbOutcome:
    """Runs a verb again with the user's consent for as long as the provider names another decision it needs.

    Args:
        front: asked on a terminal.
        yes: the user has agreed to everything beforehand.
        what: the command, for messages.
        given: decisions already taken.
        attempt: runs the verb with these decisions.

    Raises:
        NeedsConsentError: nobody is there to decide.
        CancelledError: the user said no.
    """
    consent = given
    while True:
        outcome = attempt(consent)
        wanted = tuple(need for need in outcome.result.needs if need not in consent)
        if not outcome.result.failed or not wanted:
            return outcome
        if not yes:
            _decide(front, what, wanted, outcome.result.error or outcome.result.message)
        consent += wanted


def checked(outcome: VerbOutcome, prepared: Prepared, role: Role) -> VerbOutcome:
    """The outcome, if the provider did what was asked.

    Raises:
        DStreamError: it says Failed; the kind is that of its exit code (version-1 providers only).
    """
    result = outcome.result
    if not result.failed:
        return outcome
    provider = prepared.provider(role)
    kinds: dict[int, type[DStreamError]] = {
        ExitCode.CONFIGURATION: ConfigurationError,
        ExitCode.TEMPORARY: TemporaryError,
    }
    kind = ProviderError if provider.older else kinds.get(outcome.exit_code, ProviderError)
    reason = result.error or result.message or "it failed and gave no reason"
    code, hint = (_text(result.extra.get(name)) for name in ("code", "hint"))
    raise kind(f"{role} provider {provider.name}: {reason}", code=code, hint=hint)


def refused(project: Project, block: ProviderBlock, error: RefusedError) -> DiagnosticsError:
    """A refusal with the places of the options that it names."""
    diagnostics = [
        option_diagnostic(
            project,
            block,
            tuple(problem.get("path") or ()),
            str(problem.get("message", "is not valid")),
            _text(problem.get("hint")),
            _text(problem.get("code")) or "options/invalid",
        )
        for problem in error.problems
    ]
    if not diagnostics:
        where = block.where
        diagnostics = [Diagnostic(error.code, error.message, where, error.hint, excerpt(project.source, where))]
    return DiagnosticsError(diagnostics)


def option_diagnostic(
    project: Project,
    block: ProviderBlock,
    path: tuple[str | int, ...],
    message: str,
    hint: str | None,
    code: str,
    severity: str = "error",
) -> Diagnostic:
    """A diagnostic about one option of a block."""
    by_name = code in ("options/unknown", "options/twice")
    where = block.name_place_of(path) if by_name else block.place_of(path)
    text = f"{block.reference}: {_about(_option_name(path), message, code)}"
    return Diagnostic(code, text, where, hint, excerpt(project.source, where), severity)


def _about(name: str, message: str, code: str) -> str:
    if not name:
        return message
    if code == "options/unknown":
        return f"there is no option `{name}`"
    return f"option `{name}`{':' if message[:1].isupper() else ''} {message}"


def _option_name(path: Sequence[str | int]) -> str:
    name = ""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
    return name


_DECISIONS = {"delete": "deleting something", "replace": "replacing something", "install": "installing something"}


def _decide(front: Front, what: str, wanted: Sequence[str], reason: str | None) -> None:
    decisions = " and ".join(_DECISIONS.get(need, need) for need in wanted)
    explained = f": {reason}" if reason else ""
    if not front.interactive:
        raise NeedsConsentError(
            f"`{what}` needs your consent to {', '.join(wanted)}{explained}",
            hint=f"look at it, then run it again with --yes (needs: {', '.join(wanted)})",
        )
    if not front.confirm(f"`{what}` needs {decisions}{explained}\nGo on?"):
        raise CancelledError("cancelled: the answer was no")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
