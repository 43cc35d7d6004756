"""Log lines as they are shown: as text or as JSON. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from dstream_core.errors import ConfigurationError

LEVELS = ("debug", "info", "warning", "error")
_OTHER_NAMES = {"trace": "debug", "warn": "warning", "fatal": "error", "critical": "error", "panic": "error"}
_COLORS = {"debug": "2", "info": "0", "warning": "33", "error": "31"}
_COLOR_CODE = re.compile(r"\x1b\[[0-9;]*m")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]|\x1b(?!\[[0-9;]*m)")

Format = Literal["text", "json"]


@dataclass(frozen=True)
class LogSettings:
    """How the log is shown.

    Attributes:
        level: the least level that is shown.
        format: text for people, or a JSON object a line.
        time: whether text begins with the time (UTC).
        color: whether text is coloured.
    """

    level: str = "info"
    format: Format = "text"
    time: bool = False
    color: bool = False

    def shows(self, level: str) -> bool:
        """Whether a record of this level is shown; unknown levels are."""
        return known_level(level) is None or LEVELS.index(known_level(level) or "error") >= LEVELS.index(self.level)


def known_level(text: str) -> str | None:
    """The level that a word means, in any case and with its other names; None if it is none."""
    word = text.strip().lower()
    word = _OTHER_NAMES.get(word, word)
    return word if word in LEVELS else None


def parse_level(text: str, origin: str) -> str:
    """The level that a user asked for.

    Raises:
        ConfigurationError: there is no such level.
    """
    level = known_level(text)
    if level is None:
        raise ConfigurationError(
            f'{origin}: there is no log level "{text}"', code="usage/log-level", hint=f"levels are {', '.join(LEVELS)}"
        )
    return level


def format_record(
    settings: LogSettings, source: str, level: str, message: str, fields: Mapping[str, Any], now: datetime
) -> str:
    """One record as a line without its newline.

    Args:
        settings: how.
        source: the provider, or empty for the orchestrator itself.
        level: of the record.
        message: its text; line breaks are kept in JSON and shown as such in text.
        fields: what else it says.
        now: the time.
    """
    if settings.format == "json":
        members = {"time": _time(now), "level": level, "source": source or "dstream", "message": message}
        return json.dumps({**members, **{name: fields[name] for name in fields if name not in members}}, default=str)
    details = "".join(f" {name}={_value(value)}" for name, value in fields.items())
    word = f"{level}: " if level != "info" else ""
    if settings.color and word:
        word = f"\x1b[{_COLORS.get(level, '0')}m{word}\x1b[0m"
    return _prefix(settings, source, now) + word + clean(message, color=settings.color) + clean(details, color=False)


def format_line(settings: LogSettings, source: str, line: str, now: datetime) -> str:
    """A line of a provider's stderr as a line of the log."""
    if settings.format == "json":
        return format_record(settings, source, "info", _COLOR_CODE.sub("", line), {}, now)
    return _prefix(settings, source, now) + clean(line, color=settings.color)


def clean(text: str, *, color: bool) -> str:
    """Text that cannot do anything to a terminal but colour it; without colours for everything else."""
    if not color:
        text = _COLOR_CODE.sub("", text)
    elif "\x1b" in text:
        text += "\x1b[0m"
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def _prefix(settings: LogSettings, source: str, now: datetime) -> str:
    time = f"{_time(now)} " if settings.time else ""
    if not source:
        return time
    name = f"{source}: "
    return time + (f"\x1b[36m{name}\x1b[0m" if settings.color else name)


def _time(now: datetime) -> str:
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value if value and not re.search(r"[\s\"=]", value) else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, default=str)
