"""Names of tables, databases and tasks as parts of blob names. Pure."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

LONGEST_SEGMENT = 200


def segment(name: str) -> str:
    """A name as one part of a blob's path: what is special in paths and addresses is escaped, however long it is."""
    escaped = quote(name, safe="")
    if escaped.endswith("."):
        escaped = escaped[:-1] + "%2E"
    if len(escaped) <= LONGEST_SEGMENT:
        return escaped
    digest = hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
    return f"{escaped[: LONGEST_SEGMENT - len(digest) - 1]}~{digest}"
