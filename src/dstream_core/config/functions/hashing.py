"""Hashes of strings, taken over their UTF-8 bytes."""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Callable

from dstream_core.config.functions.model import Function, FunctionError, strings

AREA = "Hashes"
_NAMESPACES = {
    "dns": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "url": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
    "oid": "6ba7b812-9dad-11d1-80b4-00c04fd430c8",
    "x500": "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
}
_DASHED = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_UUID = re.compile(rf"(?:urn:uuid:)?{_DASHED}|\{{{_DASHED}\}}|[0-9a-f]{{32}}", re.IGNORECASE | re.ASCII)


def _digest(algorithm: str, data: bytes) -> bytes:
    return hashlib.new(algorithm, data, usedforsecurity=False).digest()


def _hex(algorithm: str) -> Callable[[str], str]:
    return lambda text: _digest(algorithm, text.encode()).hex()


def _base64(algorithm: str) -> Callable[[str], str]:
    return lambda text: binascii.b2a_base64(_digest(algorithm, text.encode()), newline=False).decode()


def uuidv5(namespace: str, name: str) -> str:
    known = _NAMESPACES.get(namespace, namespace)
    if not _UUID.fullmatch(known):
        raise FunctionError('the namespace must be "dns", "url", "oid", "x500" or a UUID', 0)
    digits = re.sub("[^0-9a-f]", "", known.lower().removeprefix("urn:uuid:"))
    raw = bytearray(_digest("sha1", bytes.fromhex(digits) + name.encode())[:16])
    raw[6] = raw[6] & 0x0F | 0x50  # version 5
    raw[8] = raw[8] & 0x3F | 0x80  # variant of RFC 4122
    return "-".join((raw[:4].hex(), raw[4:6].hex(), raw[6:8].hex(), raw[8:10].hex(), raw[10:].hex()))


def _hash(name: str, call: Callable[[str], str], what: str, *examples: tuple[str, str]) -> Function:
    return Function(name, strings("str"), None, call, f"The {what} of the string.", examples, AREA)


_SHA256_BASE64 = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="

FUNCTIONS = (
    _hash("base64sha256", _base64("sha256"), "SHA-256 in Base64", ('base64sha256("hello")', f'"{_SHA256_BASE64}"')),
    _hash("base64sha512", _base64("sha512"), "SHA-512 in Base64"),
    _hash("md5", _hex("md5"), "MD5 in hexadecimal", ('md5("hello")', '"5d41402abc4b2a76b9719d911017c592"')),
    _hash(
        "sha1", _hex("sha1"), "SHA-1 in hexadecimal", ('sha1("hello")', '"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"')
    ),
    _hash("sha256", _hex("sha256"), "SHA-256 in hexadecimal"),
    _hash("sha512", _hex("sha512"), "SHA-512 in hexadecimal"),
    Function(
        "uuidv5",
        strings("namespace", "name"),
        None,
        uuidv5,
        'The UUID of version 5 for a name in a namespace: `"dns"`, `"url"`, `"oid"`, `"x500"` or a UUID.',
        (('uuidv5("dns", "www.terraform.io")', '"a5008fae-b28c-5ba5-96cd-82b4c53552d6"'),),
        AREA,
    ),
)
