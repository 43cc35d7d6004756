"""The tokens of the configuration language."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a token is. A symbol's value is the symbol."""

    OPEN_BRACE = "{"
    CLOSE_BRACE = "}"
    OPEN_BRACKET = "["
    CLOSE_BRACKET = "]"
    OPEN_PAREN = "("
    CLOSE_PAREN = ")"
    STAR = "*"
    SLASH = "/"
    PLUS = "+"
    MINUS = "-"
    PERCENT = "%"
    EQUAL = "="
    EQUAL_OP = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="
    AND = "&&"
    OR = "||"
    BANG = "!"
    DOT = "."
    COMMA = ","
    DOUBLE_COLON = "::"
    ELLIPSIS = "..."
    FAT_ARROW = "=>"
    QUESTION = "?"
    COLON = ":"

    OPEN_QUOTE = "opening quote"
    CLOSE_QUOTE = "closing quote"
    OPEN_HEREDOC = "opening of a heredoc"  # `<<EOT` or `<<-EOT` with its newline
    CLOSE_HEREDOC = "end of a heredoc"  # the whole line of the marker, without its newline
    QUOTED_TEXT = "text in quotes"  # as written, escapes and all
    HEREDOC_TEXT = "text in a heredoc"  # at most one line, with its newline
    INTERPOLATION = "${"  # or `${~`
    DIRECTIVE = "%{"  # or `%{~`
    TEMPLATE_END = "end of a template sequence"  # `}` or `~}`
    ACTION = "{{ }}"  # the whole of a template action, from `{{` to `}}`

    NUMBER = "number"
    IDENTIFIER = "name"
    COMMENT = "comment"  # without the newline that ends it
    NEWLINE = "end of line"
    END = "end of file"
    INVALID = "invalid character"  # one that means nothing here


class Token(NamedTuple):
    """One token: its kind, its text as written, and where it starts and ends, in characters from the file's start."""

    kind: Kind
    text: str
    start: int
    end: int
