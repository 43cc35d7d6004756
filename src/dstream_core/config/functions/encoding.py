"""Functions that encode strings and decode them."""

from __future__ import annotations

import binascii
import codecs
import zlib

from dstream_core.config.functions.model import Function, FunctionError, strings

AREA = "Encoding"
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
# Python calls these encodings of text too, but they are no character sets.
_NO_CHARACTER_SETS = {
    "idna",
    "punycode",
    "raw-unicode-escape",
    "unicode-escape",
    "undefined",
    "utf-8-sig",
    "mbcs",
    "oem",
}
_EMPTY_FINAL_BLOCK = b"\x01\x00\x00\xff\xff"


def base64encode(text: str) -> str:
    return _base64(text.encode())


def base64decode(text: str) -> str:
    try:
        return _raw(text).decode()
    except binascii.Error:  # the text stays out of the message, for it may be secret
        raise FunctionError("failed to decode base64 data") from None
    except UnicodeDecodeError:
        raise FunctionError("the result of decoding the provided string is not valid UTF-8") from None


def base64gzip(text: str) -> str:
    """The same bytes every time: no time stamp, no system, and the closing block that the reference writes."""
    data = text.encode()
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
    if not data:
        body = b"\x00\x00\x00\xff\xff"  # an empty stored block, which zlib leaves out
    tail = zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
    return _base64(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + body + _EMPTY_FINAL_BLOCK + tail)


def textencodebase64(text: str, encoding: str) -> str:
    name = _character_set(encoding)
    try:
        if name == "utf-16":  # big endian, whatever this machine is
            return _base64(codecs.BOM_UTF16_BE + text.encode("utf-16-be"))
        return _base64(text.encode(name))
    except UnicodeEncodeError:
        message = f"the given string contains characters that cannot be represented in {encoding}"
        raise FunctionError(message, 0) from None


def textdecodebase64(source: str, encoding: str) -> str:
    name = _character_set(encoding)
    try:
        data = _raw(source)
    except binascii.Error:
        raise FunctionError("the given value is not valid base64", 0) from None
    if name == "utf-16" and not data.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)):
        name = "utf-16-be"
    try:
        text = data.decode(name)
    except UnicodeDecodeError:
        text = "\ufffd"
    if "\ufffd" in text:
        raise FunctionError(f"the given string contains symbols that are not defined for {encoding}", 0)
    return text


def urlencode(text: str) -> str:
    """As the value of a query: a space is a plus sign."""
    return "".join(_quoted(byte) for byte in text.encode())


def _quoted(byte: int) -> str:
    character = chr(byte)
    return character if character in _UNRESERVED else "+" if character == " " else f"%{byte:02X}"


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _raw(text: str) -> bytes:
    """Base64 with its padding; line breaks are skipped, anything else is an error."""
    if not text.isascii():
        raise binascii.Error("not ASCII")
    return binascii.a2b_base64(text.replace("\r", "").replace("\n", ""), strict_mode=True) if text else b""


def _character_set(name: str) -> str:
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        found = None
    # The attribute is how Python itself tells text encodings from the likes of `hex`.
    if found is None or not getattr(found, "_is_text_encoding", True) or found.name in _NO_CHARACTER_SETS:
        raise FunctionError(f'"{name}" is not a supported character set', 1)
    return found.name


FUNCTIONS = (
    Function(
        "base64decode",
        strings("str"),
        None,
        base64decode,
        "The text whose UTF-8 bytes a Base64 string holds.",
        (('base64decode("aGVsbG8=")', '"hello"'),),
        AREA,
    ),
    Function(
        "base64encode",
        strings("str"),
        None,
        base64encode,
        "The UTF-8 bytes of the string in Base64.",
        (('base64encode("hello")', '"aGVsbG8="'),),
        AREA,
    ),
    Function(
        "base64gzip",
        strings("str"),
        None,
        base64gzip,
        "The UTF-8 bytes of the string compressed with gzip, in Base64; the same result every time.",
        (('base64gzip("hello")', '"H4sIAAAAAAAA/8pIzcnJBwAAAP//AQAA//+GphA2BQAAAA=="'),),
        AREA,
    ),
    Function(
        "textdecodebase64",
        strings("source", "encoding"),
        None,
        textdecodebase64,
        "The text that Base64 bytes hold in a character set.",
        (('textdecodebase64("SABpAA==", "UTF-16LE")', '"Hi"'),),
        AREA,
    ),
    Function(
        "textencodebase64",
        strings("string", "encoding"),
        None,
        textencodebase64,
        "The bytes of the string in a character set, in Base64.",
        (('textencodebase64("Hi", "UTF-16LE")', '"SABpAA=="'),),
        AREA,
    ),
    Function(
        "urlencode",
        strings("str"),
        None,
        urlencode,
        "The string as part of the query of a URL.",
        (('urlencode("a b&c=ü")', '"a+b%26c%3D%C3%BC"'),),
        AREA,
    ),
)
