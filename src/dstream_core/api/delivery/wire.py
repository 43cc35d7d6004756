"""Data lines to values and back, exactly (docs/adr/0003-msgspec-on-the-data-path.md)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from dstream_core.errors import ProviderError


class WireEnvelope(msgspec.Struct):
    """A data line: the data as the bytes it is made of, the metadata decoded."""

    data: msgspec.Raw
    metadata: dict[str, Any] | None = None


class OutgoingEnvelope(msgspec.Struct):
    """A data line to be written."""

    data: Any = None
    metadata: Any = None


class InvalidLineError(Exception):
    """A line that is no envelope; the message says why, without the line's values."""


class UnwritableDataError(ProviderError):
    """An input yielded something that JSON cannot hold."""

    default_code = "input/unwritable-data"


decode_line: Callable[[bytes], WireEnvelope] = msgspec.json.Decoder(WireEnvelope).decode
"""The quick way: raises for lines that `decode_any_line` still takes. Does not look at UTF-8 inside `data`."""

_decode: Callable[[Any], Any] = msgspec.json.Decoder().decode
_decode_with_decimals: Callable[[Any], Any] = msgspec.json.Decoder(float_hook=Decimal).decode
_decode_shallow = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
encode: Callable[[Any], bytes] = msgspec.json.Encoder(decimal_format="number").encode
"""Any value to JSON text; what it yields may be `suspicious`."""

NO_METADATA: Mapping[str, Any] = {}

suspicious = re.compile(rb"null|NaN|Inf").search
"""Text in which a number that is not finite can hide: msgspec writes such floats as null, such Decimals bare."""

ENCODE_ERRORS = (TypeError, ValueError, OverflowError, RecursionError)
"""What `encode` raises for what JSON cannot hold (UnicodeEncodeError is a ValueError)."""


def decode_value(raw: msgspec.Raw | bytes) -> Any:
    """The value of JSON text; integers exact, other numbers floats, or `Decimal` where no float is large enough."""
    try:
        return _decode(raw)
    except msgspec.ValidationError:
        return _decode_large(raw)


def decode_exactly(raw: msgspec.Raw | bytes) -> Any:
    """The value of JSON text; numbers with a fraction or an exponent are `Decimal`s."""
    try:
        return _decode_with_decimals(raw)
    except msgspec.ValidationError:
        return _decode_large(raw)


def decode_any_line(line: bytes) -> WireEnvelope:
    """The envelope in a line.

    Raises:
        InvalidLineError: the line is not UTF-8, not one JSON object, or has no `data`, or `metadata` of another kind.
    """
    try:
        line.decode()
    except UnicodeDecodeError as error:
        raise InvalidLineError(f"not UTF-8 (byte {error.start})") from None
    try:
        return decode_line(line)
    except msgspec.ValidationError:
        return _decode_unusual_line(line)
    except msgspec.DecodeError as error:
        raise InvalidLineError(f"not JSON: {error}") from None
    except RecursionError:
        raise InvalidLineError("nested too deeply") from None


def encode_envelope_line(data: Any, metadata: Mapping[str, Any] | None) -> bytes:
    """The line of one envelope, without its newline (the emission has the same inside its loop).

    Raises:
        UnwritableDataError: a value that JSON cannot hold.
    """
    try:
        line = encode(OutgoingEnvelope(data, metadata or NO_METADATA))
    except ENCODE_ERRORS as error:
        raise unwritable(error) from None
    if suspicious(line):
        refuse_not_finite(data)
        refuse_not_finite(metadata)
    return line


def unwritable(error: Exception) -> UnwritableDataError:
    """The error for what `encode` raised; names a type, never a value."""
    if isinstance(error, UnicodeEncodeError):
        reason = "holds a text that is not Unicode (an unpaired surrogate)"
    elif isinstance(error, RecursionError):
        reason = "is nested too deeply, or holds itself"
    else:
        reason = f"cannot be written as JSON: {error}"
    return UnwritableDataError(reason)


def encode_position(position: Any) -> bytes:
    """A position's JSON text, taken at once so that what the author does to the object later does not matter.

    Raises:
        UnwritableDataError: it is no JSON value.
    """
    try:
        text = encode(position)
    except ENCODE_ERRORS as error:
        raise unwritable(error) from None
    if suspicious(text):
        refuse_not_finite(position)
    return text


def refuse_not_finite(value: Any) -> None:
    """Raises `UnwritableDataError` for NaN and infinities anywhere in a value: JSON has no number for them."""
    if isinstance(value, float):
        finite = math.isfinite(value)
    elif isinstance(value, Decimal):
        finite = value.is_finite()
    else:
        for item in _parts(value):
            refuse_not_finite(item)
        return
    if not finite:
        raise UnwritableDataError(
            "holds a number that is not finite (NaN or infinity), which JSON cannot express",
            hint="write null or a text instead, as the destination needs it",
        )


def _parts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    if isinstance(value, msgspec.Struct):
        return (getattr(value, name) for name in value.__struct_fields__)
    if hasattr(value, "__dataclass_fields__"):
        return (getattr(value, name) for name in value.__dataclass_fields__)
    return ()


def _decode_unusual_line(line: bytes) -> WireEnvelope:
    """A line that is JSON but not as the decoder wants it: no envelope, or one with enormous numbers."""
    try:
        members = _decode_shallow(line)
    except msgspec.ValidationError:
        raise InvalidLineError("not a JSON object") from None
    except msgspec.DecodeError as error:  # what follows the object: the decoder of envelopes had not come that far
        raise InvalidLineError(f"not JSON: {error}") from None
    if "data" not in members:
        raise InvalidLineError("no member `data`")
    metadata = decode_value(members["metadata"]) if "metadata" in members else None
    if metadata is not None and not isinstance(metadata, dict):
        raise InvalidLineError("`metadata` is no object")
    return WireEnvelope(members["data"], metadata)


def _decode_large(raw: msgspec.Raw | bytes) -> Any:
    return json.loads(bytes(raw), parse_float=_float_or_decimal, parse_int=_int_or_decimal)


def _float_or_decimal(text: str) -> float | Decimal:
    value = float(text)
    return value if math.isfinite(value) else Decimal(text)


def _int_or_decimal(text: str) -> int | Decimal:
    try:
        return int(text)
    except ValueError:  # beyond the interpreter's bound for text to int
        return Decimal(text)
