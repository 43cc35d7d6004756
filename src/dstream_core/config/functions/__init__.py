"""The functions of the configuration language: Terraform's that need neither files, network, clock nor chance.

`FUNCTIONS` is the table that the evaluator calls from. Those in `BUILT_INS` are part of the evaluator itself, because
they look at an expression and not only at its value; they stand here for the reference page and for suggestions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import NamedTuple

from dstream_core.config.functions.model import Function, FunctionError, Parameter

__all__ = ["BUILT_INS", "FUNCTIONS", "LEFT_OUT", "BuiltIn", "Function", "FunctionError", "Parameter"]

# Where each function lives. Modules load at the first call of one of theirs: together they cost more time than all
# the rest of reading a small configuration, and most files call none or two.
_HOMES = {
    "strings": "chomp endswith indent join lower split startswith strcontains strrev substr title trim trimprefix "
    "trimspace trimsuffix upper",
    "printf": "format formatlist",
    "regular": "regex regexall replace",
    "paths": "basename dirname",
    "numeric": "abs ceil floor log max min parseint pow signum sum",
    "collection_table": "alltrue anytrue chunklist coalesce coalescelist compact concat contains distinct element "
    "flatten index keys length lookup matchkeys merge one range reverse slice sort transpose values zipmap",
    "sets": "setintersection setproduct setsubtract setunion",
    "encoding": "base64decode base64encode base64gzip textdecodebase64 textencodebase64 urlencode",
    "jsontext": "jsondecode jsonencode",
    "csvtext": "csvdecode",
    "conversion": "tobool tolist tomap tonumber toset tostring",
    "times": "formatdate timeadd timecmp",
    "hashing": "base64sha256 base64sha512 md5 sha1 sha256 sha512 uuidv5",
    "network": "cidrhost cidrnetmask cidrsubnet cidrsubnets",
    "yamlreader": "yamldecode",
    "yamlwriter": "yamlencode",
}


class _Functions(Mapping[str, Function]):
    """All functions by name; only looking one up imports its module."""

    def __init__(self, homes: Mapping[str, str]) -> None:
        self._homes = {name: home for home, names in homes.items() for name in names.split()}
        self._loaded: dict[str, Function] = {}

    def __getitem__(self, name: str) -> Function:
        if name not in self._loaded:
            module = import_module(f"{__name__}.{self._homes[name]}")
            self._loaded |= {function.name: function for function in module.FUNCTIONS}
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._homes

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._homes))

    def __len__(self) -> int:
        return len(self._homes)


FUNCTIONS: Mapping[str, Function] = _Functions(_HOMES)


class BuiltIn(NamedTuple):
    """A function that the evaluator carries out: how it is called, what it does, and an example."""

    signature: str
    summary: str
    example: tuple[str, str]


BUILT_INS: Mapping[str, BuiltIn] = MappingProxyType(
    {
        "can": BuiltIn(
            "can(expression)", "Whether an expression evaluates without an error.", ('can(tonumber("x"))', "false")
        ),
        "env": BuiltIn(
            'env("NAME", default)',
            "The value of an environment variable, or the default if it is not set. Without a default a variable that "
            "is not set is an error. The value is kept out of logs.",
            ('env("DSTREAM_DOCS_UNSET", "none")', '"none"'),
        ),
        "issensitive": BuiltIn(
            "issensitive(value)", "Whether a value is marked as sensitive.", ('issensitive("a")', "false")
        ),
        "nonsensitive": BuiltIn(
            "nonsensitive(value)", "The value without the mark that `sensitive` puts on.", ("nonsensitive(1)", "1")
        ),
        "sensitive": BuiltIn("sensitive(value)", "The value, kept out of all that is printed.", ("sensitive(1)", "1")),
        "try": BuiltIn(
            "try(expressions...)",
            "The value of the first expression that evaluates without an error.",
            ('try({ a = 1 }.b, "none")', '"none"'),
        ),
    }
)

_READS_FILES = "it reads files, and a configuration is one file"
_CHANGES = "its result is another one each time, so a plan could not be trusted"

LEFT_OUT: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "file", "filebase64", "filebase64sha256", "filebase64sha512", "fileexists", "filemd5",
                "fileset", "filesha1", "filesha256", "filesha512", "templatefile",
            ),
            _READS_FILES,
        ),
        **dict.fromkeys(("abspath", "pathexpand"), "its result depends on where it runs"),
        **dict.fromkeys(("bcrypt", "plantimestamp", "timestamp", "uuid"), _CHANGES),
        "ephemeralasnull": "nothing is ephemeral here",
        "list": "it was removed from Terraform; write [a, b] or tolist([a, b])",
        "map": "it was removed from Terraform; write { a = b } or tomap({ a = b })",
        "rsadecrypt": "it needs a private key in the configuration",
        "templatestring": 'a string is a template already: "${a}"',
        "type": "Terraform has it in its console only",
    }
)  # fmt: skip
"""Terraform's functions that do not exist here, and why: for the message about a call of one."""
