"""The global flags, and what a command needs to do its work."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dstream_core.cli.front import TerminalFront
from dstream_core.cli.logs import Format, parse_level
from dstream_core.cli.render import Screen
from dstream_core.errors import ConfigurationError

if TYPE_CHECKING:
    from dstream_core.engine.request import Request

LEVEL_VARIABLE = "DSTREAM_LOG_LEVEL"


@dataclass(frozen=True)
class Flags:
    """The global flags as given, before or after the verb; None is not given."""

    config: Path | None = None
    log_level: str | None = None
    log_format: str | None = None
    log_time: bool = False
    json: bool = False
    state_dir: Path | None = None
    variables: tuple[str, ...] = field(default=(), repr=False)
    variable_files: tuple[str, ...] = ()

    def merged(self, later: Flags) -> Flags:
        """With the flags that stand behind the verb: they win, lists grow."""
        return Flags(
            config=later.config or self.config,
            log_level=later.log_level or self.log_level,
            log_format=later.log_format or self.log_format,
            log_time=later.log_time or self.log_time,
            json=later.json or self.json,
            state_dir=later.state_dir or self.state_dir,
            variables=self.variables + later.variables,
            variable_files=self.variable_files + later.variable_files,
        )


@dataclass
class Shared:
    """What `main`, the flags before the verb and the command share."""

    screen: Screen
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    flags: Flags = field(default_factory=Flags)
    debug: bool = False

    def session(self, later: Flags) -> Session:
        """The session of a command, with the flags behind the verb.

        Raises:
            ConfigurationError: a flag has no such value.
        """
        flags = self.flags.merged(later)
        self.screen.log = replace(
            self.screen.log, level=self._level(flags), format=_format(flags.log_format), time=flags.log_time
        )
        self.debug = self.screen.log.level == "debug"
        return Session(self.screen, flags, self.environment)

    def _level(self, flags: Flags) -> str:
        if flags.log_level is not None:
            return parse_level(flags.log_level, "--log-level")
        given = self.environment.get(LEVEL_VARIABLE)
        return parse_level(given, LEVEL_VARIABLE) if given else "info"


@dataclass(frozen=True)
class Session:
    """One command's surroundings.

    Attributes:
        screen: where to show.
        flags: the global flags.
        environment: the environment variables.
    """

    screen: Screen
    flags: Flags
    environment: Mapping[str, str] = field(repr=False)

    @property
    def json(self) -> bool:
        """Whether data is wanted as JSON."""
        return self.flags.json

    @property
    def config(self) -> Path:
        """The configuration: a file, or a directory with a `dstream.hcl`."""
        return self.flags.config or Path()

    def request(self) -> Request:
        """What the engine needs."""
        from dstream_core.engine.request import Request  # noqa: PLC0415  quick start: `providers list` needs none

        flags = self.flags
        return Request(self.config, self.environment, flags.variables, flags.variable_files, flags.state_dir)

    def front(self, *, text_is_talk: bool | None = None, text_is_json: bool = False) -> TerminalFront:
        """The terminal for the engine, in a process that is ours alone: what is orphaned below it is a provider's."""
        from dstream_core.runtime.posix_parts import become_subreaper  # noqa: PLC0415  quick start: for providers only

        become_subreaper()
        talk = self.json if text_is_talk is None else text_is_talk
        return TerminalFront(self.screen, text_is_talk=talk, text_is_json=text_is_json)


def _format(given: str | None) -> Format:
    if given in (None, "text"):
        return "text"
    if given == "json":
        return "json"
    raise ConfigurationError(
        f'--log-format: there is no format "{given}"', code="usage/log-format", hint="formats are text and json"
    )


def flags_of(given: Mapping[str, Any]) -> Flags:
    """The global flags among a command's parameters."""
    return Flags(
        config=_path(given.get("config")),
        log_level=given.get("log_level"),
        log_format=given.get("log_format"),
        log_time=bool(given.get("log_time")),
        json=bool(given.get("json")),
        state_dir=_path(given.get("state_dir")),
        variables=tuple(given.get("var") or ()),
        variable_files=tuple(given.get("var_file") or ()),
    )


def _path(given: str | None) -> Path | None:
    return Path(given) if given else None
