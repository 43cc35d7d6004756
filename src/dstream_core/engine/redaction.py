"""Masking of known secrets in everything that is printed (invariant 5)."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote

MASK = b"(secret)"

_LEAST_ENCODED = 6
"""A shorter secret's base64 middle would be found in unrelated text."""

_LEAST_LINE = 8
"""A line of a secret with several lines is masked by itself if it is at least this long."""

_LEAST_CUT = 4
"""A line that was cut may end in the beginning of a secret; fewer characters of it say nothing."""

_IN_CONNECTION_STRING = re.compile(
    r"""(?:password|pwd|sharedaccesskey|accountkey|sharedaccesssignature|sharedsecret|client_?secret|access_?token"""
    r"""|api_?key|secret_?access_?key|sig)\s*=\s*("(?:[^"]|"")*"|'(?:[^']|'')*'|\{(?:[^}]|\}\})*\}|[^;&\s"']+)""",
    re.IGNORECASE,
)
_IN_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#:@]*:([^\s/?#]+)@")


class Redactor:
    """Replaces known secrets, in the forms in which programs print them, by `(secret)`.

    Args:
        secrets: the texts; empty ones are ignored.
    """

    def __init__(self, secrets: Iterable[str] = ()):
        texts = {secret for secret in secrets if secret}
        forms = {form for text in texts for form in _forms(text) if form}
        # Longest first: of two secrets that begin alike the longer one is masked whole.
        self._forms = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile(b"|".join(map(re.escape, self._forms))) if self._forms else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    @property
    def longest(self) -> int:
        """Bytes of the longest form of a secret."""
        return len(self._forms[0]) if self._forms else 0

    def mask(self, data: bytes) -> bytes:
        """The bytes without any secret. Pass whole lines: a secret that two pieces share is not seen."""
        if self._pattern is None or not any(form in data for form in self._forms):
            return data
        return self._pattern.sub(MASK, data)

    def mask_cut(self, data: bytes) -> bytes:
        """As `mask`, for a line whose end was cut off, perhaps within a secret."""
        masked = self.mask(data)
        for form in self._forms:
            for size in range(min(len(form) - 1, len(masked)), _LEAST_CUT - 1, -1):
                if masked.endswith(form[:size]):
                    return masked[:-size] + MASK
        return masked

    def mask_text(self, text: str) -> str:
        """As `mask`, for text."""
        if self._pattern is None:
            return text
        return self.mask(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def mask_value(self, value: Any) -> Any:
        """As `mask`, for JSON data: what was JSON is JSON afterwards, even if a number is the secret."""
        if self._pattern is None or value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.mask_text(value)
        if isinstance(value, Mapping):
            return {self.mask_text(str(key)): self.mask_value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.mask_value(item) for item in value]
        text = str(value)
        masked = self.mask_text(text)
        return value if masked == text else masked


def secrets_within(text: str) -> Iterator[str]:
    """Passwords and keys inside a connection string or an address, as written and as their reader sees them."""
    for match in _IN_CONNECTION_STRING.finditer(text):
        value = match.group(1)
        yield value
        if value[0] in "\"'{" and len(value) > 2:
            yield value[1:-1]
            yield value[1:-1].replace(value[-1] * 2, value[-1])
    for match in _IN_ADDRESS.finditer(text):
        yield match.group(1)
        yield unquote(match.group(1))


def _forms(text: str) -> Iterator[bytes]:
    """A secret as it is, and as JSON, addresses, Python and base64 show it."""
    for piece in _pieces(text):
        for written in _written(piece):
            yield written.encode("utf-8", "surrogateescape")
        yield from _base64_forms(piece.encode("utf-8", "surrogateescape"))


def _pieces(text: str) -> Iterator[str]:
    """The text, and its longer lines: a log shows a secret with newlines as several lines."""
    yield text
    if text.strip() != text and text.strip():
        yield text.strip()
    if "\n" in text or "\r" in text:
        yield from (line.strip() for line in text.splitlines() if len(line.strip()) >= _LEAST_LINE)


def _written(text: str) -> Iterator[str]:
    yield text
    once = [json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], _go_json(text), repr(text)[1:-1]]
    yield from once
    yield from (json.dumps(form)[1:-1] for form in once)
    for safe in ("", "/"):
        yield from _both_cases(_quoted(quote, text, safe))
    yield from _both_cases(_quoted(quote_plus, text, ""))


def _quoted(function: Callable[..., str], text: str, safe: str) -> str:
    return function(text, safe=safe, errors="surrogateescape")


def _both_cases(quoted: str) -> Iterator[str]:
    yield quoted
    yield re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), quoted)


def _go_json(text: str) -> str:
    """As Go and .NET write JSON: `<`, `>` and `&` escaped."""
    written = json.dumps(text, ensure_ascii=False)[1:-1]
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _base64_forms(raw: bytes) -> Iterator[bytes]:
    """What is the same in the base64 of any text that holds the secret, for each of the three alignments."""
    if len(raw) < _LEAST_ENCODED:
        return
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw)
        yield encode(raw).rstrip(b"=")
        yield encode(raw[: len(raw) - len(raw) % 3])
        for before in (1, 2):
            body = raw[3 - before :]
            body = body[: len(body) - len(body) % 3]
            if len(body) >= _LEAST_ENCODED:
                yield encode(body)


class StreamMask:
    """Masks a stream of text that comes in pieces; of a line that came in part, as much is held as a secret is long."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes, redactor: Redactor) -> bytes:
        """What may be shown now."""
        if not redactor:
            return data
        if not self._held and data.endswith(b"\n"):
            return redactor.mask(data)
        data = redactor.mask(self._held + data)
        keep = 0 if data.endswith(b"\n") else min(redactor.longest - 1, len(data) - data.rfind(b"\n") - 1)
        self._held = data[len(data) - keep :]
        return data[: len(data) - keep]

    def finish(self) -> bytes:
        """What was held; the stream is at its end."""
        held, self._held = self._held, b""
        return held


class LazyRedactor:
    """A redactor that is made when it is first needed, or in the background before.

    What a provider declares secret is known from its options model, and importing pydantic costs more than the rest of
    the start: so the providers are started first, and only who wants to print waits for this.

    Args:
        gather: finds the secrets.
    """

    def __init__(self, gather: Callable[[], Iterable[str]]):
        self._gather = gather
        self._lock = threading.Lock()
        self._made: Redactor | None = None
        self.stream = StreamMask()
        """What is held of text that came in part."""

    def get(self) -> Redactor:
        """The redactor."""
        with self._lock:
            if self._made is None:
                self._made = Redactor(self._gather())
            return self._made

    def prepare(self) -> None:
        """Makes the redactor in a thread of its own."""
        threading.Thread(target=self.get, name="dstream-secrets", daemon=True).start()
