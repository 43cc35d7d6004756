"""Text to tokens, as HCL's own scanner cuts it, and template actions `{{ … }}` wherever they stand.

The scanner keeps a stack of modes: code, a quoted string, a heredoc, and code again inside `${ }` or `%{ }`. It holds
no state beyond that stack, so that strings may nest as deep as a file likes.
"""

from __future__ import annotations

import re

from dstream_core.config.diagnostics import failure
from dstream_core.config.source import Source
from dstream_core.config.syntax.tokens import Kind, Token
from dstream_core.config.templates.lexer import action_end
from dstream_core.config.text import GO_SPACE
from dstream_core.errors import DiagnosticsError

_CODE = re.compile(
    r"""
      (?P<space>[ \t]+)
    | (?P<newline>\r?\n)
    | (?P<comment>(?:\#|//)(?:[^\r\n]|\r(?!\n))*|/\*.*?\*/)
    | (?P<number>[0-9](?:(?:[0-9.]|[eE][+-]?[0-9])*(?:[0-9]|[eE][+-]?[0-9]))?)
    | (?P<name>(?:[a-zA-Z_]|[^\x00-\x7f])(?:[\w-]|[^\x00-\x7f])*)
    | (?P<action>\{\{)
    | (?P<heredoc><<-?(?P<marker>(?:[a-zA-Z_]|[^\x00-\x7f])(?:[\w-]|[^\x00-\x7f])*)\r?\n)
    | (?P<symbol>==|!=|>=|<=|&&|\|\||::|\.\.\.|=>|~\}|/(?!\*)|<(?!<)|[][().,*%+\-=>!?:{}"])
    """,
    re.VERBOSE | re.DOTALL,
)
# Text runs up to `${`, `%{` or `{{`. `$${` and `%%{` are text, and so is the `$` of `${{`: there an action begins.
_DOLLAR = r"\$\$\{(?!\{)|%%\{(?!\{)|[$%](?!\{)|[$%](?=\{\{)|\{(?!\{)"
_DOLLAR_WITHOUT_ACTIONS = r"\$\$\{|%%\{|[$%](?!\{)|\{"
_QUOTED, _QUOTED_WITHOUT_ACTIONS = (
    re.compile(rf'(?:[^"\\$%{{\r\n]+|\\[^\r\n]|{dollar})+') for dollar in (_DOLLAR, _DOLLAR_WITHOUT_ACTIONS)
)
_HEREDOC, _HEREDOC_WITHOUT_ACTIONS = (
    re.compile(rf"(?:[^$%{{\r\n]+|\r(?=\n)|{dollar})*\n?") for dollar in (_DOLLAR, _DOLLAR_WITHOUT_ACTIONS)
)


class _Mode:
    """One level of the stack: `code` with its brace depth, `quoted`, or `heredoc` with its end marker."""

    __slots__ = ("braces", "line_start", "marker", "name", "start")

    def __init__(self, name: str, start: int, marker: str = ""):
        self.name = name
        self.start = start
        self.marker = marker
        self.braces = 0
        self.line_start = True


class _Scanner:
    def __init__(self, source: Source, *, actions: bool):
        self.source = source
        self.text = source.text
        self.actions = actions
        self.position = 0
        self.tokens: list[Token] = []
        self.modes = [_Mode("code", 0)]

    def run(self) -> None:
        size = len(self.text)
        while self.position < size:
            mode = self.modes[-1]
            if mode.name == "code":
                self._code(mode)
            elif mode.name == "quoted":
                self._quoted(mode)
            else:
                self._heredoc(mode)
        self._finish()
        self._emit(Kind.END, size)

    def _emit(self, kind: Kind, end: int) -> None:
        self.tokens.append(Token(kind, self.text[self.position : end], self.position, end))
        self.position = end

    def _code(self, mode: _Mode) -> None:
        match = _CODE.match(self.text, self.position)
        if match is None:
            self._invalid()
            return
        what = match.lastgroup or ""
        if what == "space":
            self.position = match.end()
        elif what == "name":
            self._name(match.group())
        elif what == "symbol":
            self._symbol(mode, match.group(), match.end())
        elif what == "newline":
            self._emit(Kind.NEWLINE, match.end())
        elif what == "comment":
            self._emit(Kind.COMMENT, match.end())
        elif what == "number":
            self._emit(Kind.NUMBER, match.end())
        elif what == "action" and self.actions:
            self._action(quoted=False)
        elif what == "action":
            self._symbol(mode, "{", self.position + 1)
        else:
            self._open_heredoc(match)

    def _name(self, text: str) -> None:
        size = _name_length(text)
        if size == 0:
            self._invalid()
        else:
            self._emit(Kind.IDENTIFIER, self.position + size)

    def _symbol(self, mode: _Mode, symbol: str, end: int) -> None:
        if symbol == '"':
            self.modes.append(_Mode("quoted", self.position))
            self._emit(Kind.OPEN_QUOTE, end)
        elif symbol == "{":
            mode.braces += 1
            self._emit(Kind.OPEN_BRACE, end)
        elif symbol in ("}", "~}") and mode.braces == 0 and len(self.modes) > 1:
            self.modes.pop()
            self._emit(Kind.TEMPLATE_END, end)
        elif symbol == "~}":
            raise failure(
                self.source,
                "syntax/invalid-character",
                '"~}" ends a template sequence, and none is open here.',
                self.position,
                end,
            )
        else:
            if symbol == "}":
                mode.braces -= 1
            self._emit(Kind(symbol), end)

    def _action(self, *, quoted: bool) -> None:
        end = action_end(self.source, self.position, quoted=quoted)
        comment = self.modes[-1].name == "code" and self.text.startswith(("{{/*", "{{- /*"), self.position)
        self._emit(Kind.COMMENT if comment else Kind.ACTION, end)

    def _open_heredoc(self, match: re.Match[str]) -> None:
        marker = match.group("marker")
        if _name_length(marker) != len(marker):
            self._invalid()
            return
        self.modes.append(_Mode("heredoc", self.position, marker=marker))
        self._emit(Kind.OPEN_HEREDOC, match.end())

    def _quoted(self, mode: _Mode) -> None:
        match = (_QUOTED if self.actions else _QUOTED_WITHOUT_ACTIONS).match(self.text, self.position)
        if match is not None:
            self._emit(Kind.QUOTED_TEXT, match.end())
            return
        if self.text[self.position] == '"':
            self.modes.pop()
            self._emit(Kind.CLOSE_QUOTE, self.position + 1)
        elif not self._template(quoted=True):
            raise failure(
                self.source,
                "syntax/unclosed-string",
                "This string is not closed on its line.",
                mode.start,
                self.position,
                'Close it with a double quote. A text of several lines is a heredoc ("<<EOT"), or holds "\\n".',
            )

    def _heredoc(self, mode: _Mode) -> None:
        if mode.line_start and self._closes_heredoc(mode):
            return
        match = (_HEREDOC if self.actions else _HEREDOC_WITHOUT_ACTIONS).match(self.text, self.position)
        if match is not None and match.end() > self.position:
            mode.line_start = match.group().endswith("\n")
            self._emit(Kind.HEREDOC_TEXT, match.end())
            return
        mode.line_start = False
        if not self._template(quoted=False):
            raise failure(
                self.source,
                "syntax/invalid-character",
                "A carriage return stands here without a newline behind it.",
                self.position,
                self.position + 1,
            )

    def _closes_heredoc(self, mode: _Mode) -> bool:
        end = self.text.find("\n", self.position)
        end = len(self.text) if end < 0 else end
        if end > self.position and self.text[end - 1] == "\r":
            end -= 1
        line = self.text[self.position : end]
        if line.strip(GO_SPACE) != mode.marker or "\r" in line:
            return False
        self.modes.pop()
        self._emit(Kind.CLOSE_HEREDOC, end)
        return True

    def _template(self, *, quoted: bool) -> bool:
        """Take an action, or the start of `${` or `%{`; False if neither stands here."""
        text, here = self.text, self.position
        if self.actions and text.startswith("{{", here):
            self._action(quoted=quoted)
            return True
        if not text.startswith(("${", "%{"), here):
            return False
        kind = Kind.INTERPOLATION if text[here] == "$" else Kind.DIRECTIVE
        self.modes.append(_Mode("code", here))
        self._emit(kind, here + 3 if text.startswith("~", here + 2) else here + 2)
        return True

    def _finish(self) -> None:
        """Complain of what is still open at the end of the file, the innermost first."""
        mode = self.modes[-1]
        if len(self.modes) == 1:
            return
        if mode.name == "heredoc":
            line_end = self.text.find("\n", mode.start)
            raise failure(
                self.source,
                "syntax/unclosed-heredoc",
                f'This heredoc is not closed: no line holds only "{mode.marker}".',
                mode.start,
                line_end,
                f'Put "{mode.marker}" on a line of its own behind the text.',
            )
        if mode.name == "quoted":
            raise failure(
                self.source,
                "syntax/unclosed-string",
                "This string is not closed.",
                mode.start,
                len(self.text),
                "Close it with a double quote.",
            )
        raise failure(
            self.source,
            "syntax/unclosed-template",
            "This template sequence is not closed.",
            mode.start,
            mode.start + 2,
            'Close it with "}".',
        )

    def _invalid(self) -> None:
        """A character that means nothing in code: a token of its own, for the parser to complain of in its turn."""
        text, here = self.text, self.position
        if text.startswith("/*", here):
            raise failure(
                self.source, "syntax/unclosed-comment", 'This comment is not closed: "*/" is missing.', here, here + 2
            )
        if text.startswith("<<", here):
            raise failure(
                self.source,
                "syntax/invalid-heredoc",
                'A heredoc begins with a name directly behind "<<" or "<<-", and the text on the next line.',
                here,
                here + 2,
            )
        self._emit(Kind.INVALID, here + 1)


def _name_length(text: str) -> int:
    """How many of the characters are a name: letters, digits, `_`, marks, and `-` behind the first."""
    if text.isascii():
        return len(text)
    if not text[0].isidentifier():
        return 0
    for size, char in enumerate(text):
        if char != "-" and not ("a" + char).isidentifier():
            return size
    return len(text)


def scan_leniently(source: Source, *, actions: bool = True) -> tuple[list[Token], DiagnosticsError | None]:
    """The tokens up to the first error of the scanner, and that error, so that a parser can report what comes first."""
    scanner = _Scanner(source, actions=actions)
    try:
        scanner.run()
    except DiagnosticsError as error:
        scanner.tokens.append(Token(Kind.END, "", scanner.position, scanner.position))
        return scanner.tokens, error
    return scanner.tokens, None


def scan(text: str, file: str = "dstream.hcl") -> list[Token]:
    """All tokens of a text, comments and newlines included, the last being the end of the file.

    Spaces and tabs between tokens are not tokens: they are what lies between one token's end and the next one's start.
    A byte-order mark at the start is dropped, and positions count without it.

    Args:
        text: the file's content.
        file: its name, for diagnostics.

    Raises:
        DiagnosticsError: a string, heredoc, comment or template is not closed or not valid.
    """
    tokens, error = scan_leniently(Source(file, text))
    if error is not None:
        raise error
    return tokens
