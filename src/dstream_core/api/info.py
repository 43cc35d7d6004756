"""What a plugin says of itself: names and import strings, nothing that costs an import of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from dstream_core.errors import ProviderError
from dstream_core.protocol.names import ACK_CAPABILITY, ROLES, VERBS, Role

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_IMPORT_STRING = re.compile(r"[\w.]+(:[\w.]+)?")

NOT_SECRET: Final[Mapping[str, bool]] = MappingProxyType({"secret": False})
"""`Field(json_schema_extra=dict(NOT_SECRET))`: values of this option may be shown, even if they came from `env`."""


@dataclass(frozen=True)
class RoleInfo:
    """How a provider fills one position in a task.

    Attributes:
        implementation: import string (`dstream_counter.provider:Counter`) of the object whose methods carry the
            lifecycle hooks. A class is instantiated without arguments, a module or another object is taken as it is.
        options: import string of a pydantic model class; None takes any options and hands them on as a dict.
        verbs: the verbs that the implementation has hooks for.
        capabilities: what version 1 of the protocol lets a provider announce; `ack` = acknowledges (output),
            takes acknowledgements (input).
    """

    implementation: str
    options: str | None = None
    verbs: tuple[str, ...] = ("run",)
    capabilities: tuple[str, ...] = (ACK_CAPABILITY,)

    def __post_init__(self) -> None:
        for text in filter(None, (self.implementation, self.options)):
            if not _IMPORT_STRING.fullmatch(text):
                raise _invalid(f"{text!r} is no import string, such as `package.module:Name`")
        if unknown := [verb for verb in self.verbs if verb not in VERBS]:
            raise _invalid(f"{unknown[0]!r} is no verb; verbs are {', '.join(VERBS)}")


@dataclass(frozen=True)
class ProviderInfo:
    """One provider: its ID and the roles it can take.

    Attributes:
        id: what `provider = "…"` names: lower-case letters, digits and single hyphens.
        summary: one line for `dstream providers list`.
        input: how it works as an input, None if it does not.
        output: how it works as an output, None if it does not.
        version: empty = that of the distribution that installed it.
    """

    id: str
    summary: str
    input: RoleInfo | None = None
    output: RoleInfo | None = None
    version: str = ""

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise _invalid(f"{self.id!r} is no provider ID: lower-case letters, digits and single hyphens")
        if self.input is None and self.output is None:
            raise _invalid(f"provider {self.id!r} names neither an input nor an output")

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles it can take, in the order input, output."""
        return tuple(role for role in ROLES if self.role(role) is not None)

    def role(self, role: Role) -> RoleInfo | None:
        """What is known of one role; None if the provider cannot take it."""
        return self.input if role == "input" else self.output


@dataclass(frozen=True)
class CommandInfo:
    """A command that a plugin adds to the `dstream` command line.

    Attributes:
        name: the word after `dstream`.
        target: import string of a typer app or of a function with typer's annotations; imported only when called.
        help: one line for `dstream --help`.
    """

    name: str
    target: str
    help: str = ""


def _invalid(message: str) -> ProviderError:
    return ProviderError(message, code="provider/info")
