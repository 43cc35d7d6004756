"""The terminal as the engine sees it: an observer of providers that can be asked."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from dstream_core.cli.render import Screen

if TYPE_CHECKING:
    from dstream_core.engine.redaction import LazyRedactor
    from dstream_core.protocol.names import Verb
    from dstream_core.protocol.result import Result


class TerminalFront:
    """Shows what happens on a screen; no method of the observer blocks.

    Args:
        screen: where.
        text_is_talk: what providers print for the user goes to stderr, since stdout holds a JSON document.
        text_is_json: each line of it becomes a JSON object, since stdout holds JSON lines.
    """

    def __init__(self, screen: Screen, *, text_is_talk: bool = False, text_is_json: bool = False):
        self._screen = screen
        self._text_is_talk = text_is_talk
        self._text_is_json = text_is_json
        self._counted = (0.0, 0)

    @property
    def interactive(self) -> bool:
        """Whether a person can answer: stdin and stderr are a terminal."""
        return self._screen.stderr_is_terminal and sys.stdin is not None and sys.stdin.isatty()

    @property
    def color(self) -> bool:
        """Whether text that providers print may be coloured."""
        if self._text_is_json:
            return False
        return self._screen.color_err if self._text_is_talk else self._screen.color_out

    @property
    def live(self) -> bool:
        """Whether there is a place for a live line: a terminal that the output's text does not share."""
        screen = self._screen
        return screen.stderr_is_terminal and not screen.stdout_is_terminal and screen.log.format == "text"

    def counts(self, records: int, acknowledged: int, size: int) -> None:
        """Draws the live line."""
        now = time.monotonic()
        seconds = now - self._counted[0]
        rate = (records - self._counted[1]) / seconds if self._counted[0] and seconds > 0 else 0.0
        self._counted = (now, records)
        self._screen.footer(
            f"{records} records, {acknowledged} acknowledged, {size / 1e6:.1f} MB, {rate:.0f} records/s"
        )

    def redact_with(self, redactor: LazyRedactor) -> None:
        """Masks these secrets from now on; they are gathered while the providers start."""
        self._screen.redact_with(redactor)

    def show_plan(self, task: str, result: Result, *, destroy: bool) -> None:
        """Shows a plan on stderr, before a question."""
        from dstream_core.cli.texts import counts_of, plan_lines  # noqa: PLC0415  quick start: for a question only

        what = "destroy" if destroy else "init"
        self._screen.say(f"{what} of task {task} would do this:\n")
        for line in plan_lines(result, counts_of(result), done=False, color=self._screen.color_err):
            self._screen.say(line)

    def show_failed(self, task: str, verb: Verb, result: Result, document: Mapping[str, Any]) -> None:
        """Shows what a verb that failed did before it failed; the error follows."""
        if self._text_is_talk:
            self._screen.json({"task": task, "verb": verb, **document})
            return
        from dstream_core.cli.texts import counts_of, plan_lines  # noqa: PLC0415  quick start: for a failure only

        for line in plan_lines(result, counts_of(result), done=True, color=self._screen.color_err):
            self._screen.say(line)

    def confirm(self, question: str) -> bool:
        """Asks."""
        return self._screen.ask(question)

    def text(self, data: bytes) -> None:
        """Whole lines that an output printed for the user."""
        if self._text_is_talk:
            self._screen.say(data.decode("utf-8", "replace").rstrip("\n"))
        else:
            self._screen.text(data, as_json=self._text_is_json)

    def text_backlog(self) -> int:
        """Bytes of such text that are not on the terminal yet."""
        return self._screen.out.backlog

    def log_line(self, provider: str, line: bytes, dropped: int) -> None:
        """A line of a provider's stderr."""
        self._screen.provider_line(provider, line, dropped)

    def log_record(self, provider: str, record: Mapping[str, Any]) -> None:
        """A log record of a provider."""
        fields = {name: value for name, value in record.items() if name not in ("level", "message")}
        self._screen.record(provider, str(record.get("level", "info")), str(record.get("message", "")), fields)

    def progress(self, provider: str, numbers: Mapping[str, Any]) -> None:
        """Numbers of a provider."""
        self._screen.record(provider, "debug", "progress", numbers)

    def notice(self, level: Literal["debug", "info", "warning", "error"], message: str) -> None:
        """What the runtime has to say."""
        self._screen.record("", level, message, {})

    def stop_when_unread(self) -> None:
        """Once nobody reads stdout any more the run is asked to end in order, as by `kill`."""
        self._screen.out.on_broken = lambda: os.kill(os.getpid(), signal.SIGTERM)

    def stop_no_more(self) -> None:
        """The run is over: a reader that goes away now changes nothing."""
        self._screen.out.on_broken = None
        self._screen.footer("")
        self._screen.end_text()
