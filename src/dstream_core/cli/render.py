"""The only place that prints: data on stdout, talk on stderr, secrets masked in both (invariant 5)."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dstream_core.cli.channel import Channel, Item
from dstream_core.cli.columns import colored, columns
from dstream_core.cli.logs import LogSettings, format_line, format_record
from dstream_core.cli.text_records import TextRecords
from dstream_core.errors import Diagnostic, DiagnosticsError, DStreamError, TemporaryError
from dstream_core.protocol.exact_json import as_unicode, encode_json

if TYPE_CHECKING:
    from dstream_core.engine.redaction import LazyRedactor

REPORT_BUGS = "please report it at the project's issue tracker, with what is above"
"""Where bugs go; the one place that says so."""

LOG_BACKLOG = 1024 * 1024
"""Bytes of log that may wait for a slow terminal; what comes then is counted and left out."""

_STDOUT, _STDERR = 1, 2
_LAST_WORDS = 5.0
"""Seconds that the end of the log may take at the end of a command."""


class Screen:
    """Stdout and stderr of the command line.

    Args:
        environment: says whether colours are wanted (`NO_COLOR`, `TERM`).
    """

    def __init__(self, environment: Mapping[str, str]):
        wanted = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        self.stdout_is_terminal = _is_terminal(_STDOUT)
        self.stderr_is_terminal = _is_terminal(_STDERR)
        self.color_out = wanted and self.stdout_is_terminal
        self.color_err = wanted and self.stderr_is_terminal
        self.log = LogSettings(color=self.color_err)
        self.out = Channel(_STDOUT)
        self.err = Channel(_STDERR, limit=LOG_BACKLOG, dropped=self._dropped)
        self._redactor: LazyRedactor | None = None
        self._records: TextRecords | None = None

    def redact_with(self, redactor: LazyRedactor) -> None:
        """Masks these secrets from now on."""
        self._redactor = redactor

    def mask(self, data: bytes) -> bytes:
        """Whole lines without secrets; the first call may take as long as an import of pydantic."""
        return data if self._redactor is None else self._redactor.get().mask(data)

    @classmethod
    def of_process(cls) -> Screen:
        """The screen of this process."""
        return cls(os.environ)

    # data: stdout

    def text(self, data: bytes, *, as_json: bool = False) -> None:
        """Text of a provider for the user: nothing of it may be lost; returns at once.

        Args:
            data: whole lines, or a part of a very long one.
            as_json: each line is shown as a JSON object.
        """
        if as_json and self._records is None:
            self._records = TextRecords()
        self.out.put(Item(len(data), lambda: self._shown_text(self._masked_text(data))))

    def end_text(self) -> None:
        """There is no more such text: what is held of it, in case that it goes on within a secret, is shown."""
        self.out.put(Item(0, self._rest_of_text))

    def line(self, text: str = "") -> None:
        """A line of data."""
        data = f"{text}\n".encode("utf-8", "surrogateescape")
        self.out.put(Item(len(data), lambda: self.mask(data)))

    def json(self, document: Any) -> None:
        """A JSON document on one line; bytes of names that are no text are shown in hexadecimal."""
        self.out.put(Item(0, lambda: encode_json(as_unicode(self._mask_value(document))) + b"\n"))

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table; drawn on a terminal, plain columns elsewhere."""
        if not self.stdout_is_terminal:
            for line in columns(headers, rows):
                self.line(line)
            return
        from dstream_core.cli.drawing import draw_table  # noqa: PLC0415  rich costs 60 ms, for terminals only

        self.line(draw_table(headers, rows, color=self.color_out))

    # talk: stderr

    def say(self, text: str) -> None:
        """A line for the person in front, on stderr."""
        data = f"{text}\n".encode("utf-8", "backslashreplace")
        self.err.put(Item(len(data), lambda: self.mask(data)))

    def record(self, source: str, level: str, message: str, fields: Mapping[str, Any]) -> None:
        """A log record; returns at once."""
        if not self.log.shows(level):
            return
        now = datetime.now(UTC)

        def make() -> bytes:
            # masked before it is formatted: JSON stays JSON
            text = format_record(self.log, source, level, self._mask_value(message), self._mask_value(fields), now)
            return f"{text}\n".encode("utf-8", "backslashreplace")

        self.err.put(Item(len(message) + 100, make, droppable=level in ("debug", "info")))

    def provider_line(self, source: str, line: bytes, dropped: int) -> None:
        """A line of a provider's stderr as it is, of which `dropped` bytes were cut off; returns at once."""
        if not self.log.shows("info"):
            return
        now = datetime.now(UTC)

        def make() -> bytes:
            # masked as bytes: what is cut off may end within a secret, and a secret need not be UTF-8
            masked = self._mask_cut(line) if dropped else self.mask(line)
            text = masked.decode("utf-8", "replace")
            text += f" … ({dropped} bytes more)" if dropped else ""
            return f"{format_line(self.log, source, text, now)}\n".encode("utf-8", "backslashreplace")

        self.err.put(Item(len(line) + 100, make, droppable=True))

    def error(self, error: DStreamError) -> None:
        """A handled error: what is wrong, where, and what to do."""
        if isinstance(error, DiagnosticsError):
            for diagnostic in error.diagnostics:
                self.diagnostic(diagnostic)
        else:
            self.diagnostic(Diagnostic(error.code, error.message, error.where, error.hint))

    def diagnostic(self, item: Diagnostic) -> None:
        """One diagnostic, on stderr."""
        if self.log.format == "json":
            fields = {"code": item.code, "where": str(item.where) if item.where else None, "hint": item.hint}
            known = {name: value for name, value in fields.items() if value}
            self.record("", item.severity, item.message, known)
        else:
            self.say("\n".join(diagnostic_lines(item, color=self.color_err)))

    def bug(self, error: BaseException) -> None:
        """An error that nobody expected: its traceback, and where to report it."""
        self.traceback(error)
        self.say(f"error: this is a bug in dstream ({type(error).__name__}); {REPORT_BUGS}")

    def traceback(self, error: BaseException) -> None:
        """The traceback of an error."""
        import traceback  # noqa: PLC0415  for bugs and --log-level debug only

        self.say("".join(traceback.format_exception(error)).rstrip())

    def footer(self, text: str) -> None:
        """A line that stays below the log, on a terminal; empty removes it."""
        self.err.set_footer(text[: max(shutil.get_terminal_size().columns - 1, 10)].encode())

    def ask(self, question: str) -> bool:
        """A question on the terminal; anything but yes is a no."""
        data = f"{question} [y/N] ".encode("utf-8", "backslashreplace")
        self.out.flush()
        self.err.put(Item(len(data), lambda: self.mask(data)))
        self.err.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def close(self) -> None:
        """Waits until what was said is said; data is never lost, the log may not hold up the end for long.

        Raises:
            TemporaryError: data could not be written, for another reason than that nobody reads it.
        """
        self.end_text()
        self.err.set_footer(b"")
        self.out.flush()
        if isinstance(failure := self.out.failure, OSError):
            raise TemporaryError(f"stdout cannot be written: {failure.strerror}", code="cli/stdout")
        if failure is not None:
            raise failure

    def close_log(self) -> None:
        """Waits a moment for the last of what was said on stderr."""
        self.err.flush(_LAST_WORDS)

    def _masked_text(self, data: bytes) -> bytes:
        return data if self._redactor is None else self._redactor.stream.feed(data, self._redactor.get())

    def _shown_text(self, data: bytes) -> bytes:
        return data if self._records is None else self._records.feed(data)

    def _rest_of_text(self) -> bytes:
        rest = self._shown_text(b"" if self._redactor is None else self._redactor.stream.finish())
        return rest if self._records is None else rest + self._records.finish()

    def _mask_value(self, value: Any) -> Any:
        return value if self._redactor is None else self._redactor.get().mask_value(value)

    def _mask_cut(self, line: bytes) -> bytes:
        return line if self._redactor is None else self._redactor.get().mask_cut(line)

    def _dropped(self, count: int) -> bytes:
        message = f"{count} log lines were left out: the terminal is too slow"
        return f"{format_record(self.log, '', 'warning', message, {}, datetime.now(UTC))}\n".encode()


def diagnostic_lines(item: Diagnostic, *, color: bool) -> Iterable[str]:
    """A diagnostic as text: message with its code, place, the line with a caret, what to do."""
    code = "33" if item.severity == "warning" else "31"
    word = colored(f"{item.severity}:", code, color=color)
    yield f"{word} {item.message} {colored(f'[{item.code}]', '2', color=color)}"
    if item.where is not None:
        yield f"  at {item.where}"
    if item.excerpt:
        yield from (f"    {line}" for line in item.excerpt.splitlines())
    if item.hint:
        first, *others = item.hint.splitlines()
        yield f"  hint: {first}"
        yield from (f"    {line}" for line in others)


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False
