"""The list of installed providers."""

from __future__ import annotations

from dstream_core.cli.session import Session
from dstream_core.providers.discovery import discover
from dstream_core.providers.installed import Installed

HEADERS = ("ID", "ROLES", "VERSION", "DISTRIBUTION", "CAPABILITIES", "STATUS", "SUMMARY")


def show_installed(session: Session) -> int:
    """Shows all installed providers, broken ones with their reason; returns the exit code."""
    rows = discover().providers
    if session.json:
        session.screen.json([row.document() for row in rows])
    elif rows:
        session.screen.table(HEADERS, [_cells(row) for row in rows])
    else:
        session.screen.say("No providers are installed. For a start: pip install dstream-counter dstream-console")
    return 0


def _cells(row: Installed) -> tuple[str, ...]:
    status = row.status if row.error is None else f"{row.status}: {row.error}"
    return (
        row.id,
        ", ".join(row.roles),
        row.version,
        row.distribution,
        ", ".join(row.capabilities()),
        status,
        row.summary,
    )
