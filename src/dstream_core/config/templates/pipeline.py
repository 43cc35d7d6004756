"""The parse of a template action: a pipeline of the few functions that a configuration needs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dstream_core.config.diagnostics import failure, nearest
from dstream_core.config.records import Record
from dstream_core.config.source import Source
from dstream_core.config.templates.lexer import HOW_TO_WRITE_BRACES, Part, lex
from dstream_core.errors import DiagnosticsError


class Constant(Record):
    """A string, or a number, `true`, `false` or `nil` as written; `text` is what it renders to."""

    text: str
    is_string: bool
    start: int
    end: int


class Call(Record):
    """A function with the operands behind it; what a `|` brings comes as its last operand."""

    name: str
    arguments: tuple[Constant | Call, ...]
    start: int
    end: int


# How many operands each function takes, least and most, in Sprig's order: the value comes last.
ARITY = {
    "env": (1, 1),
    "default": (2, 2),
    "required": (2, 2),
    "quote": (1, 1),
    "trim": (1, 1),
    "lower": (1, 1),
    "upper": (1, 1),
    "b64enc": (1, 1),
    "b64dec": (1, 1),
}

# What the rest of Go's and Sprig's functions are called in HCL.
_IN_HCL = {
    "add": "the operator +",
    "sub": "the operator -",
    "mul": "the operator *",
    "div": "the operator /",
    "mod": "the operator %",
    "eq": "the operator ==",
    "ne": "the operator !=",
    "lt": "the operator <",
    "le": "the operator <=",
    "gt": "the operator >",
    "ge": "the operator >=",
    "and": "the operator &&",
    "or": "the operator ||",
    "not": "the operator !",
    "if": "condition ? a : b",
    "ternary": "condition ? a : b",
    "else": "condition ? a : b",
    "with": "a local",
    "range": "[for x in list : x]",
    "index": "list[0]",
    "get": 'map["key"]',
    "dict": "{ key = value }",
    "list": "[a, b]",
    "tuple": "[a, b]",
    "printf": "format()",
    "print": "format()",
    "println": "format()",
    "len": "length()",
    "html": "a heredoc",
    "urlquery": "urlencode()",
    "toJson": "jsonencode()",
    "fromJson": "jsondecode()",
    "toString": "tostring()",
    "toStrings": "tolist()",
    "int": "tonumber()",
    "int64": "tonumber()",
    "float64": "tonumber()",
    "atoi": "tonumber()",
    "replace": "replace()",
    "split": "split()",
    "splitList": "split()",
    "splitn": "split()",
    "join": "join()",
    "title": "title()",
    "untitle": "lower()",
    "substr": "substr()",
    "trunc": "substr()",
    "contains": "strcontains()",
    "hasPrefix": "startswith()",
    "hasSuffix": "endswith()",
    "trimAll": "trim()",
    "trimPrefix": "trimprefix()",
    "trimSuffix": "trimsuffix()",
    "nospace": "replace()",
    "cat": "join()",
    "indent": "indent()",
    "nindent": "indent()",
    "repeat": "join()",
    "regexMatch": "regex()",
    "regexFind": "regex()",
    "regexFindAll": "regexall()",
    "regexReplaceAll": "replace()",
    "sha1sum": "sha1()",
    "sha256sum": "sha256()",
    "sha512sum": "sha512()",
    "max": "max()",
    "min": "min()",
    "floor": "floor()",
    "ceil": "ceil()",
    "round": "floor()",
    "coalesce": "coalesce()",
    "first": "list[0]",
    "last": "element()",
    "keys": "keys()",
    "values": "values()",
    "merge": "merge()",
    "concat": "concat()",
    "uniq": "distinct()",
    "without": "setsubtract()",
    "has": "contains()",
    "hasKey": "contains()",
    "reverse": "reverse()",
    "sortAlpha": "sort()",
    "until": "range()",
    "untilStep": "range()",
    "seq": "range()",
    "expandenv": 'env("X")',
    "squote": "\"'${x}'\"",
    "snakecase": "replace()",
    "kebabcase": "replace()",
    "empty": '== ""',
    "fail": "a variable's validation",
    "htpasswd": "",
}
_KEYWORDS = {"if", "else", "end", "range", "with", "define", "template", "block", "break", "continue"}
_SIMPLE_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}
_ESCAPE = re.compile(r"\\(?:([abfnrtv\\\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))|\\")
_MAX_DEPTH = 50

SUPPORTED = f"Templates support {', '.join(ARITY)}, joined by |."


def parse_action(source: Source, start: int, *, quoted: bool) -> Constant | Call | None:
    """What the action at `start` computes, or None for a comment.

    Args:
        source: the file.
        start: the offset of its `{{`.
        quoted: whether it stands in a quoted HCL string.

    Raises:
        DiagnosticsError: it uses anything but the supported functions, or uses them wrongly.
    """
    parts, end = lex(source, start, quoted=quoted)
    if not parts:
        if "/*" in source.text[start:end]:
            return None
        raise failure(
            source, "template/empty", "This template action is empty.", start, end, f"{SUPPORTED} {HOW_TO_WRITE_BRACES}"
        )
    parser = _Parser(source, parts, end)
    found = parser.pipeline(0)
    if parser.index < len(parts):
        raise parser.unexpected()
    return found


class _Parser:
    def __init__(self, source: Source, parts: Sequence[Part], end: int):
        self.source = source
        self.parts = parts
        self.end = end
        self.index = 0

    def peek(self) -> Part:
        if self.index < len(self.parts):
            return self.parts[self.index]
        return Part("end", "}}", self.end - 2, self.end)

    def unexpected(self) -> DiagnosticsError:
        part = self.peek()
        return self.fail("template/syntax", f'This template does not go on with "{part.value}".', part, SUPPORTED)

    def fail(self, code: str, message: str, part: Part | Call | Constant, hint: str | None = None) -> DiagnosticsError:
        return failure(self.source, code, message, part.start, part.end, hint)

    def pipeline(self, depth: int) -> Constant | Call:
        value = self.command(None, depth)
        while self.peek().kind == "|":
            self.index += 1
            value = self.command(value, depth)
        return value

    def command(self, piped: Constant | Call | None, depth: int) -> Constant | Call:
        first = self.peek()
        if first.kind == "word" and first.value not in ("true", "false", "nil"):
            return self.call(piped, depth)
        value = self.operand(depth)
        if piped is not None:
            raise self.fail("template/syntax", "Only a function can stand behind a |.", first, SUPPORTED)
        if self.peek().kind not in ("|", "end", ")"):
            raise self.unexpected()
        return value

    def call(self, piped: Constant | Call | None, depth: int) -> Call:
        word = self.peek()
        if word.value not in ARITY:
            raise self.unsupported(word)
        self.index += 1
        arguments = []
        while self.peek().kind not in ("|", "end", ")"):
            arguments.append(self.operand(depth))
        if piped is not None:
            arguments.append(piped)
        least, most = ARITY[word.value]
        if not least <= len(arguments) <= most:
            order = {"default": '{{ env "X" | default "y" }}', "required": '{{ env "X" | required "what to do" }}'}
            wanted = "1 operand" if least == 1 else f"{least} operands"
            raise self.fail(
                "template/arguments",
                f'"{word.value}" takes {wanted}, not {len(arguments)}.',
                word,
                f"Write {order.get(word.value, '{{ ' + word.value + ' … }}')}."
                if word.value != "env"
                else 'Write {{ env "X" }}.',
            )
        end = max([word.end, *(argument.end for argument in arguments)])
        return Call(word.value, tuple(arguments), word.start, end)

    def operand(self, depth: int) -> Constant | Call:
        part = self.peek()
        if depth > _MAX_DEPTH:
            raise self.fail("template/syntax", "The parentheses in this template nest too deep.", part)
        if part.kind == "(":
            self.index += 1
            inner = self.pipeline(depth + 1)
            if self.peek().kind != ")":
                raise self.fail("template/syntax", "This parenthesis is not closed.", part)
            self.index += 1
            return inner
        if part.kind == "word" and part.value in ARITY:
            if part.value == "env":
                raise self.fail(
                    "template/syntax",
                    f'"{part.value}" among operands needs parentheses.',
                    part,
                    'Write {{ default "y" (env "X") }}.',
                )
            raise self.unexpected()
        if part.kind == "word" and part.value not in ("true", "false", "nil"):
            raise self.unsupported(part)
        if part.kind in ("string", "text", "number", "word"):
            self.index += 1
            return self.constant(part)
        if part.kind == "character":
            raise self.fail(
                "template/syntax", "Single quotes make a character, not a string.", part, 'Write "…" or `…`.'
            )
        raise self.unexpected()

    def constant(self, part: Part) -> Constant:
        if part.kind == "text":
            return Constant(part.value, True, part.start, part.end)
        if part.kind == "string":
            return Constant(self.unescaped(part), True, part.start, part.end)
        if part.kind == "number" and not re.fullmatch(r"[+-]?[0-9]+(?:\.[0-9]+)?", part.value):
            raise self.fail("template/syntax", f'"{part.value}" is not a number that a template can hold.', part)
        return Constant(part.value, False, part.start, part.end)

    def unescaped(self, part: Part) -> str:
        def replace(match: re.Match[str]) -> str:
            simple, byte, short, long, octal = match.groups()
            if simple:
                return _SIMPLE_ESCAPES[simple]
            digits = byte or short or long
            number = int(digits, 16) if digits else int(octal, 8) if octal else -1
            if number < 0 or number > 0x10FFFF or 0xD800 <= number < 0xE000 or ((byte or octal) and number > 0x7F):
                raise self.fail(
                    "template/syntax",
                    "This string holds an escape that no template knows.",
                    part,
                    "`…` takes no escapes.",
                )
            return chr(number)

        return _ESCAPE.sub(replace, part.value)

    def unsupported(self, word: Part) -> DiagnosticsError:
        name = word.value
        if name in _KEYWORDS:
            message = f'"{name}" is not supported: a template puts in one value and cannot change the structure.'
        elif name[0] in ".$":
            message = f'"{name}" is not supported: a template has neither data nor variables of its own.'
        else:
            message = f'"{name}" is not supported in a template.'
        near = nearest(name, ARITY)
        hints = [f'Did you mean "{near}"?'] if near else []
        hints.append(SUPPORTED)
        other = _IN_HCL.get(name, "local.x and var.x" if name[0] in ".$" else "")
        if other:
            hints.append(f"In HCL itself that is {other}.")
        else:
            hints.append('For more, use HCL\'s own functions, with env("X") for the variable.')
        hints.append(HOW_TO_WRITE_BRACES)
        return self.fail("template/unsupported", message, word, " ".join(hints))
