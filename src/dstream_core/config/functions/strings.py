"""Functions for strings."""

from __future__ import annotations

from decimal import Decimal

from dstream_core.config.functions.graphemes import clusters
from dstream_core.config.functions.model import (
    Function,
    FunctionError,
    Parameter,
    parameters,
    string_list,
    whole,
)
from dstream_core.config.functions.model import strings as _strings
from dstream_core.config.text import GO_SPACE, lower, upper
from dstream_core.config.values import NUMBER, STRING, ListType, ListValue

AREA = "Strings"
_STRINGS = ListType(STRING)
_MOST_CHARACTERS = 16 * 1024 * 1024


def _title_letter(letter: str) -> str:
    form = letter.title()
    return form if len(form) == 1 else letter


def title(text: str) -> str:
    """Only what follows a separator changes: letters inside a word keep their case."""
    result, before = [], " "
    for letter in text:
        result.append(_title_letter(letter) if _separates(before) else letter)
        before = letter
    return "".join(result)


def _separates(letter: str) -> bool:
    if letter.isascii():
        return not (letter.isalnum() or letter == "_")
    return letter in GO_SPACE


def chomp(text: str) -> str:
    return text.rstrip("\r\n")


def trimspace(text: str) -> str:
    return text.strip(GO_SPACE)


def trim(text: str, cutset: str) -> str:
    return text.strip(cutset) if cutset else text


def trimprefix(text: str, prefix: str) -> str:
    return text.removeprefix(prefix)


def trimsuffix(text: str, suffix: str) -> str:
    return text.removesuffix(suffix)


def startswith(text: str, prefix: str) -> bool:
    return text.startswith(prefix)


def endswith(text: str, suffix: str) -> bool:
    return text.endswith(suffix)


def strcontains(text: str, part: str) -> bool:
    return part in text


def strrev(text: str) -> str:
    return "".join(reversed(clusters(text)))


def indent(spaces: Decimal, text: str) -> str:
    width = whole(spaces)
    if width < 0:
        raise FunctionError("the number of spaces must not be negative", 0)
    if width * (text.count("\n") + 1) > _MOST_CHARACTERS:
        raise FunctionError("the number of spaces is too large", 0)
    return text.replace("\n", "\n" + " " * width)


def join(separator: str, *lists: ListValue) -> str:
    if not lists:
        raise FunctionError("at least one list is required")
    for number, items in enumerate(lists, 1):
        if None in items:
            which = f"element {items.index(None)}" + (f" of list {number}" if len(lists) > 1 else "")
            raise FunctionError(f"{which} is null; cannot concatenate null values", number)
    return separator.join(item for items in lists for item in items)


def split(separator: str, text: str) -> ListValue:
    return string_list(text.split(separator) if separator else list(text))


def substr(text: str, offset: Decimal, length: Decimal) -> str:
    """Counts grapheme clusters; with a negative offset a length of 0 means the rest, as in the reference."""
    start, size = whole(offset), whole(length)
    if start >= 0 and size == 0:
        return ""
    characters = clusters(text)
    if start < 0:
        start = max(start + len(characters), 0)
    return "".join(characters[start:] if size <= 0 else characters[start : start + size])


def _example(expression: str, value: str) -> tuple[tuple[str, str], ...]:
    return ((expression, value),)


FUNCTIONS = (
    Function(
        "chomp",
        _strings("str"),
        None,
        chomp,
        "The string without the newline characters at its end.",
        _example(r'chomp("hello\r\n\n")', '"hello"'),
        AREA,
    ),
    Function(
        "endswith",
        _strings("str", "suffix"),
        None,
        endswith,
        "Whether the string ends with a suffix.",
        _example('endswith("orders.csv", ".csv")', "true"),
        AREA,
    ),
    Function(
        "indent",
        parameters(("spaces", NUMBER), ("str", STRING)),
        None,
        indent,
        "The string with spaces put before every line but the first.",
        _example(r'indent(2, "a\nb")', r'"a\n  b"'),
        AREA,
    ),
    Function(
        "join",
        _strings("separator"),
        Parameter("lists", _STRINGS),
        join,
        "The elements of one or more lists of strings with a separator between them.",
        _example('join("-", ["a", "b"], ["c"])', '"a-b-c"'),
        AREA,
    ),
    Function(
        "lower",
        _strings("str"),
        None,
        lower,
        "The string in lower case, letter by letter.",
        _example('lower("HELLO")', '"hello"'),
        AREA,
    ),
    Function(
        "split",
        _strings("separator", "str"),
        None,
        split,
        "The parts of a string between separators; an empty separator splits at every code point.",
        _example('split(",", "a,b,")', '["a", "b", ""]'),
        AREA,
    ),
    Function(
        "startswith",
        _strings("str", "prefix"),
        None,
        startswith,
        "Whether the string begins with a prefix.",
        _example('startswith("orders.csv", "orders")', "true"),
        AREA,
    ),
    Function(
        "strcontains",
        _strings("str", "substr"),
        None,
        strcontains,
        "Whether the string contains another.",
        _example('strcontains("hello world", "wor")', "true"),
        AREA,
    ),
    Function(
        "strrev",
        _strings("str"),
        None,
        strrev,
        "The string's characters (grapheme clusters) in reverse order.",
        _example('strrev("hello")', '"olleh"'),
        AREA,
    ),
    Function(
        "substr",
        parameters(("str", STRING), ("offset", NUMBER), ("length", NUMBER)),
        None,
        substr,
        "A part of the string by offset and length in characters (grapheme clusters); a negative offset counts from "
        "the end, a negative length means all the rest.",
        (('substr("hello world", 1, 4)', '"ello"'), ('substr("hello", -3, -1)', '"llo"')),
        AREA,
    ),
    Function(
        "title",
        _strings("str"),
        None,
        title,
        "The string with the first letter of each word in upper case; other letters keep theirs.",
        _example('title("hello wORLD")', '"Hello WORLD"'),
        AREA,
    ),
    Function(
        "trim",
        _strings("str", "cutset"),
        None,
        trim,
        "The string without any of the given characters at its start and end.",
        _example('trim("?!hello?!", "!?")', '"hello"'),
        AREA,
    ),
    Function(
        "trimprefix",
        _strings("str", "prefix"),
        None,
        trimprefix,
        "The string without a prefix, if it has it.",
        _example('trimprefix("helloworld", "hello")', '"world"'),
        AREA,
    ),
    Function(
        "trimspace",
        _strings("str"),
        None,
        trimspace,
        "The string without white space at its start and end.",
        _example(r'trimspace("  hello\n")', '"hello"'),
        AREA,
    ),
    Function(
        "trimsuffix",
        _strings("str", "suffix"),
        None,
        trimsuffix,
        "The string without a suffix, if it has it.",
        _example('trimsuffix("helloworld", "world")', '"hello"'),
        AREA,
    ),
    Function(
        "upper",
        _strings("str"),
        None,
        upper,
        "The string in upper case, letter by letter.",
        _example('upper("hello")', '"HELLO"'),
        AREA,
    ),
)
