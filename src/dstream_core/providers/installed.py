"""What is known of an installed provider without importing more than its `plugin.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from dstream_core.api.info import ProviderInfo, RoleInfo
from dstream_core.protocol.names import ROLES, Role

Status = Literal["ok", "broken", "conflict"]


@dataclass(frozen=True)
class Installed:
    """One row of `dstream providers list`.

    Attributes:
        id: what `provider = "…"` names; of a broken plugin, the name of its entry point.
        distribution: the installed package that brought it.
        version: the provider's own version, else that of the distribution.
        status: `ok`; `broken` (it cannot be loaded); `conflict` (another distribution has the same ID and role).
        error: why it is not `ok`, one line.
        info: what the plugin says of itself; None if it is broken.
    """

    id: str
    distribution: str
    version: str
    status: Status = "ok"
    error: str | None = None
    info: ProviderInfo | None = None

    @property
    def roles(self) -> tuple[Role, ...]:
        """Positions in a task that it can take."""
        return self.info.roles if self.info else ()

    @property
    def summary(self) -> str:
        """One line for a list."""
        return self.info.summary if self.info else ""

    def role(self, role: Role) -> RoleInfo | None:
        """What it is in this role, or None."""
        return self.info.role(role) if self.info else None

    def capabilities(self) -> tuple[str, ...]:
        """The capabilities of all its roles, sorted."""
        infos = (self.role(role) for role in ROLES)
        return tuple(sorted({name for info in infos if info for name in info.capabilities}))

    def document(self) -> dict[str, Any]:
        """The row as data, for `--json`."""
        return {
            "id": self.id,
            "roles": list(self.roles),
            "version": self.version,
            "distribution": self.distribution,
            "capabilities": list(self.capabilities()),
            "commands": {role: list(info.verbs) for role in ROLES if (info := self.role(role)) is not None},
            "summary": self.summary,
            "status": self.status,
            "error": self.error,
        }
