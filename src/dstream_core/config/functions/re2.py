r"""RE2's regular expressions on top of Python's: the syntax is read by RE2's rules and written anew in Python's.

What RE2 lacks (look-around, back-references, possessive and atomic groups) is refused with its messages, and what both
have but mean differently (`$`, `\s`, `\w`, `\b`, case folding, flags inside a pattern) keeps RE2's meaning. Both
engines prefer the leftmost match and, there, what comes first in the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from dstream_core.config.functions import re2_classes as classes

_REPEAT = re.compile(r"\{([0-9]+)(,([0-9]*))?\}")
_GROUP_NAME = re.compile(r"[A-Za-z0-9_]+")
_REFERENCE = re.compile(r"\{(\w+)\}|(\w+)")
_MOST_REPEATS = 1000
_MOST_DEPTH = 200  # nested groups; RE2 takes 1000, Python's own compiler fewer
_SIMPLE_ESCAPES = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}


class PatternError(ValueError):
    """A pattern is not one of RE2's; the message is as RE2 words it, with the part of the pattern it is about."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern and its groups' names, in order; the empty string for those that have none."""

    expression: re.Pattern[str]
    names: tuple[str, ...]

    def matches(self, text: str) -> Iterator[re.Match[str]]:
        """The matches from left to right; an empty one right behind another match is none (Go's rule, not Python's)."""
        position, last_end = 0, -1
        while position <= len(text):
            match = self.expression.search(text, position)
            if match is None:
                return
            accepted = match.end() != position or match.start() != last_end
            position = position + 1 if match.end() == position else match.end()
            last_end = match.end()
            if accepted:
                yield match

    def replace(self, text: str, template: str) -> str:
        """The text with every match replaced by the template, in which `$1` and `${name}` stand for groups."""
        result, last_end, position = [], 0, 0
        while position <= len(text):
            match = self.expression.search(text, position)
            if match is None:
                break
            result.append(text[last_end : match.start()])
            if match.end() > last_end or match.start() == 0:
                result.append(self._expanded(match, template))
            last_end = match.end()
            position = max(position + 1, last_end)
        return "".join(result) + text[last_end:]

    def _expanded(self, match: re.Match[str], template: str) -> str:
        first, *parts = template.split("$")
        result = [first]
        literal = False  # the part before was the first half of `$$`
        for number, part in enumerate(parts):
            if literal:
                result.append(part)
                literal = False
            elif not part and number + 1 < len(parts):
                result.append("$")
                literal = True
            else:
                reference = _REFERENCE.match(part)
                if reference is None:
                    result.append("$" + part)  # no name: a dollar sign is a dollar sign
                else:
                    result.append(self._group(match, reference[1] or reference[2]) + part[reference.end() :])
        return "".join(result)

    def _group(self, match: re.Match[str], name: str) -> str:
        """What a group matched; the longest run of letters and digits is its name, so `$1x` is the group `1x`."""
        if name.isdecimal() and name.isascii() and (name == "0" or name[0] != "0"):
            number = int(name) if len(name) < 9 else len(self.names) + 1
            return (match[number] or "") if number <= len(self.names) else ""
        for number, known in enumerate(self.names, 1):
            if known == name and match[number] is not None:
                return str(match[number])
        return ""


@lru_cache(maxsize=64)
def compile_pattern(pattern: str) -> Pattern:
    """The pattern, ready to match.

    Raises:
        PatternError: RE2 would refuse it.
    """
    parser = _Parser(pattern)
    translated = parser.parse()
    try:
        return Pattern(re.compile(translated), tuple(parser.names))
    except (re.error, OverflowError, RecursionError):
        raise PatternError("expression is too complex") from None


@dataclass(slots=True)
class _Flags:
    fold: bool = False  # i
    lines: bool = False  # m
    dot_all: bool = False  # s
    lazy: bool = False  # U

    def copy(self) -> _Flags:
        return _Flags(self.fold, self.lines, self.dot_all, self.lazy)


@dataclass(slots=True)
class _Parser:
    pattern: str
    position: int = 0
    depth: int = 0
    names: list[str] = field(default_factory=list)
    flags: _Flags = field(default_factory=_Flags)

    def parse(self) -> str:
        result = self._alternatives()
        if self.position < len(self.pattern):
            raise PatternError(f"unexpected ) in {self.pattern}")
        return result

    def _alternatives(self) -> str:
        result: list[str] = []
        repeated = ""  # the repetition operator just read, which no other may follow
        can_repeat = False
        while self.position < len(self.pattern) and (character := self.pattern[self.position]) != ")":
            start = self.position
            operator = self._operator(character)
            if operator is not None:
                text = self.pattern[start : self.position]
                if not can_repeat:
                    raise PatternError(f"missing argument to repetition operator in {text}")
                if repeated:
                    raise PatternError(f"invalid nested repetition operator in {repeated}{text}")
                result[-1] = f"(?:{result[-1]}){operator}"
                repeated = text
                continue
            repeated = ""
            if atoms := self._atoms(character):
                can_repeat = atoms[-1] != "|"
                result.extend(atoms)
        return "".join(result)

    def _operator(self, character: str) -> str | None:
        if character in "*+?":
            self.position += 1
            operator = character
        elif character == "{" and (match := _REPEAT.match(self.pattern, self.position)):
            least = int(match[1]) if len(match[1]) < 6 else _MOST_REPEATS + 1
            most = least if match[2] is None else int(match[3]) if match[3] and len(match[3]) < 6 else None
            if match[3] and len(match[3]) >= 6:
                most = _MOST_REPEATS + 1
            if max(least, most or 0) > _MOST_REPEATS or (most is not None and least > most):
                raise PatternError(f"invalid repeat count in {match[0]}")
            self.position = match.end()
            operator = match[0]
        else:
            return None
        lazy = self.flags.lazy
        if self.pattern.startswith("?", self.position):
            self.position += 1
            lazy = not lazy
        return operator + ("?" if lazy else "")

    def _atoms(self, character: str) -> list[str]:
        """One or more things to match, of which a repetition operator takes the last; none for a flag group."""
        match character:
            case "(":
                return self._group()
            case "[":
                return [self._class()]
            case "\\":
                return self._escape()
        self.position += 1
        match character:
            case "|":
                return ["|"]
            case ".":
                return ["(?s:.)" if self.flags.dot_all else r"[^\n]"]
            case "^":
                return ["(?m:^)" if self.flags.lines else r"\A"]
            case "$":
                return ["(?m:$)" if self.flags.lines else r"\Z"]
        return [self._literal(character)]

    def _literal(self, character: str) -> str:
        one = ((ord(character), ord(character)),)
        if self.flags.fold and (all_cases := classes.folded(one)) != one:
            return classes.bracket(all_cases)
        return re.escape(character)

    def _group(self) -> list[str]:
        if self.pattern.startswith("(?", self.position):
            named = next((one for one in ("(?P<", "(?<") if self.pattern.startswith(one, self.position)), None)
            if named is None or self.pattern.startswith(("(?<=", "(?<!"), self.position):
                return self._flag_group()
            end = self.pattern.find(">", self.position)
            name = self.pattern[self.position + len(named) : end] if end >= 0 else ""
            if not _GROUP_NAME.fullmatch(name):
                shown = self.pattern[self.position : end + 1] if end >= 0 else self.pattern[self.position :]
                raise PatternError(f"invalid named capture in {shown}")
            self.position = end + 1
            self.names.append(name)
        else:
            self.position += 1
            self.names.append("")
        return [f"({self._inside(self.flags.copy())})"]

    def _flag_group(self) -> list[str]:
        start = self.position
        self.position += 2
        flags, value, seen = self.flags.copy(), True, False
        while self.position < len(self.pattern):
            character = self.pattern[self.position]
            self.position += 1
            if character in "imsU":
                name = {"i": "fold", "m": "lines", "s": "dot_all", "U": "lazy"}[character]
                setattr(flags, name, value)
                seen = True
            elif character == "-" and value:
                value, seen = False, False
            elif character in ":)" and (value or seen):
                if character == ":":
                    return [f"(?:{self._inside(flags)})"]
                self.flags = flags
                return []
            else:
                break
        raise PatternError(f"invalid or unsupported Perl syntax in {self.pattern[start : self.position]}")

    def _inside(self, flags: _Flags) -> str:
        outer, self.flags = self.flags, flags
        self.depth += 1
        if self.depth > _MOST_DEPTH:
            raise PatternError("expression nests too deeply")
        result = self._alternatives()
        if self.position >= len(self.pattern):
            raise PatternError(f"missing closing ) in {self.pattern}")
        self.position += 1
        self.depth -= 1
        self.flags = outer
        return result

    def _escape(self) -> list[str]:
        following = self.pattern[self.position + 1 : self.position + 2]
        if following == "Q":
            end = self.pattern.find("\\E", self.position + 2)
            text = self.pattern[self.position + 2 : end if end >= 0 else len(self.pattern)]
            self.position = end + 2 if end >= 0 else len(self.pattern)
            return [self._literal(character) for character in text]
        if following in ("A", "z", "b", "B"):
            self.position += 2
            return [{"A": r"\A", "z": r"\Z", "b": r"(?a:\b)", "B": r"(?!(?a:\b))"}[following]]
        if (shorthand := self._shorthand()) is not None:
            return [classes.bracket(shorthand)]
        return [self._literal(self._escaped_character())]

    def _shorthand(self) -> classes.Ranges | None:
        r"""The class that `\d`, `\pL` and the like at this place stand for, or None."""
        following = self.pattern[self.position + 1 : self.position + 2]
        if following and following in "dDsSwW":
            self.position += 2
            ranges = classes.PERL[following.lower()]
            return classes.group(ranges, negative=following.isupper(), fold=self.flags.fold)
        if following not in ("p", "P"):
            return None
        end = self.position + 3
        name = self.pattern[self.position + 2 : end]
        if name == "{":
            end = self.pattern.find("}", self.position) + 1
            if not end:
                raise PatternError(f"invalid character class range in {self.pattern[self.position :]}")
            name = self.pattern[self.position + 3 : end - 1]
        negative = (following == "P") != name.startswith("^")
        found = classes.unicode_class(name.removeprefix("^"))
        if found is None:
            raise PatternError(f"invalid character class range in {self.pattern[self.position : end]}")
        self.position = end
        return classes.group(found, negative=negative, fold=self.flags.fold)

    def _escaped_character(self) -> str:
        start = self.position
        if start + 1 >= len(self.pattern):
            raise PatternError("trailing backslash at end of expression")
        character = self.pattern[start + 1]
        self.position = start + 2
        if character in _SIMPLE_ESCAPES:
            return _SIMPLE_ESCAPES[character]
        if character.isascii() and not character.isalnum():
            return character
        if character in "01234567" and (character == "0" or self.pattern[start + 2 : start + 3] in tuple("01234567")):
            digits = re.compile("[0-7]{1,3}").match(self.pattern, start + 1)
            assert digits is not None, "the first digit is one"
            self.position = digits.end()
            return chr(int(digits[0], 8))
        if character == "x":
            digits = re.compile(r"\{([0-9A-Fa-f]{1,8})\}|([0-9A-Fa-f]{2})").match(self.pattern, start + 2)
            if digits is not None and int(digits[1] or digits[2], 16) <= 0x10FFFF:
                self.position = digits.end()
                return chr(int(digits[1] or digits[2], 16))
        raise PatternError(f"invalid escape sequence in {self.pattern[start : self.position]}")

    def _class(self) -> str:
        """A class in brackets, as Python's; RE2 and Python agree on what a negated one takes (newlines too)."""
        start = self.position
        self.position += 1
        negative = self.pattern.startswith("^", self.position)
        self.position += negative
        ranges: list[tuple[int, int]] = []
        first = True
        while first or not self.pattern.startswith("]", self.position):
            if self.position >= len(self.pattern):
                raise PatternError(f"missing closing ] in {self.pattern[start:]}")
            ranges += self._class_part()
            first = False
        self.position += 1
        return classes.bracket(ranges, negative=negative)

    def _class_part(self) -> classes.Ranges:
        if self.pattern.startswith("[:", self.position) and (end := self.pattern.find(":]", self.position + 2)) >= 0:
            name = self.pattern[self.position + 2 : end]
            if name.removeprefix("^") not in classes.POSIX:
                raise PatternError(f"invalid character class range in [:{name}:]")
            self.position = end + 2
            posix = classes.POSIX[name.removeprefix("^")]
            return classes.group(posix, negative=name.startswith("^"), fold=self.flags.fold)
        if self.pattern.startswith("\\", self.position) and (shorthand := self._shorthand()) is not None:
            return shorthand
        start = self.position
        low = high = self._class_character()
        after = self.pattern[self.position + 1 : self.position + 2]
        if self.pattern.startswith("-", self.position) and after not in ("", "]"):
            self.position += 1
            high = self._class_character()
            if high < low:
                raise PatternError(f"invalid character class range in {self.pattern[start : self.position]}")
        return classes.group(((ord(low), ord(high)),), negative=False, fold=self.flags.fold)

    def _class_character(self) -> str:
        if self.position >= len(self.pattern):
            raise PatternError(f"missing closing ] in {self.pattern}")
        if self.pattern[self.position] == "\\":
            return self._escaped_character()
        self.position += 1
        return self.pattern[self.position - 1]
