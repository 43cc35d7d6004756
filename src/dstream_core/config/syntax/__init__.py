"""The syntax of the configuration language: text to tokens to a tree, as HCL's own parser reads it.

`scan` keeps comments and newlines, for tools that work on the text; `parse` makes the tree.
"""

from __future__ import annotations

from dstream_core.config.syntax.parser import parse, parse_value
from dstream_core.config.syntax.scanner import scan
from dstream_core.config.syntax.tokens import Kind, Token

__all__ = ["Kind", "Token", "parse", "parse_value", "scan"]
