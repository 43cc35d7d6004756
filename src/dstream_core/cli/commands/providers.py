"""`dstream providers list | show | describe`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dstream_core.cli.commands.snippets import details_lines
from dstream_core.cli.completion import complete_provider
from dstream_core.cli.globals import takes_globals, with_session
from dstream_core.cli.quick import QuickCommand, QuickGroup
from dstream_core.cli.session import Session, Shared
from dstream_core.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(
        help="Show which providers are installed, and their options.", cls=QuickGroup, invoke_without_command=True
    )
    group.callback()(takes_globals(_without_command))
    group.command("list", cls=QuickCommand)(with_session(list_installed))
    group.command("show", cls=QuickCommand)(with_session(show))
    group.command("describe", cls=QuickCommand)(with_session(describe))
    app.add_typer(group, name="providers")


def _without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        shared = context.find_object(Shared)
        assert shared is not None, "main puts it there"
        shared.screen.line(context.get_help())
        raise typer.Exit


def list_installed(session: Session) -> int:
    """List the installed providers; a broken one with its reason."""
    from dstream_core.cli.provider_table import show_installed  # noqa: PLC0415  quick start: only this command pays

    return show_installed(session)


def show(
    session: Session,
    provider_id: Annotated[
        str, typer.Argument(metavar="ID", help="An installed provider.", autocompletion=complete_provider)
    ],
) -> int:
    """Show a provider: its options, and a snippet to paste."""
    from dstream_core.engine.providers import show_provider  # noqa: PLC0415  quick start: only this command pays

    found = show_provider(provider_id)
    if session.json:
        documents = [details.document() for details in found]
        session.screen.json(documents[0] if len(documents) == 1 else documents)
        return ExitCode.DONE
    for details in found:
        for line in details_lines(details, color=session.screen.color_out):
            session.screen.line(line)
    return ExitCode.DONE


def describe(
    session: Session,
    path: Annotated[str, typer.Argument(metavar="PATH", help="An executable provider; it is started.")],
) -> int:
    """Start an executable to ask what it is; prints its manifest.

    Saved as NAME.provider.json beside the executable NAME, the manifest makes it a version-1 provider.
    """
    # quick start: only this command pays for these
    from dstream_core.engine.providers import describe_provider  # noqa: PLC0415  as above
    from dstream_core.protocol.exact_json import decode_json  # noqa: PLC0415  as above
    from dstream_core.protocol.manifest import encode_manifest  # noqa: PLC0415  as above

    manifest = describe_provider(Path(path), session.front(text_is_talk=True))
    session.screen.json(decode_json(encode_manifest(manifest)))
    return ExitCode.DONE
