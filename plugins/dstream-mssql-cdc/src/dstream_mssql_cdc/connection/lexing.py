"""Connection strings as pairs of key and value, by the quoting rules of each form. Pure; no value in any message."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote

from dstream_core.api import ConfigurationError

Pairs = list[tuple[str, str]]

_ADO_KEY = re.compile(r"[\s;]*((?:[^=;]|==)*?)\s*=(?!=)\s*")
_ADO_VALUE = re.compile(
    r"""(?: "(?P<double>(?:[^"]|"")*)" | '(?P<single>(?:[^']|'')*)' | (?P<plain>[^;"'][^;]*?|) )\s*(?:;|\Z)""",
    re.VERBOSE,
)
_ODBC_KEY = re.compile(r"[\s;]*([^=;]*?)\s*=\s*")
_ODBC_VALUE = re.compile(r"(?:\{(?P<braced>(?:[^}]|\}\})*)\}|(?P<plain>[^;{][^;]*?|))\s*(?:;|\Z)")


def ado_pairs(text: str) -> Pairs:
    """The pairs of an ADO.NET string; the last of equal keys wins, so the order stays.

    Values that begin with a quote end at the same quote, doubled quotes in them are one; other values end at the next
    semicolon. `==` in a key is one equals sign.
    """

    def value(match: re.Match[str]) -> str:
        if match["double"] is not None:
            return match["double"].replace('""', '"')
        if match["single"] is not None:
            return match["single"].replace("''", "'")
        return match["plain"]

    return [(key.replace("==", "="), value(match)) for key, match in _pairs(text, _ADO_KEY, _ADO_VALUE, "quotes")]


def odbc_pairs(text: str) -> Pairs:
    """The pairs of an ODBC string; the first of equal keys wins, so later ones are left out.

    Values in braces end at a closing brace, doubled ones in them are one; other values end at the next semicolon.
    """
    found: dict[str, tuple[str, str]] = {}
    for key, match in _pairs(text, _ODBC_KEY, _ODBC_VALUE, "braces"):
        found.setdefault(key.casefold(), (key, _braced(match)))
    return list(found.values())


def jdbc_pairs(text: str) -> Pairs:
    """The pairs behind `jdbc:sqlserver://`: the server as `server`, then the properties; the last of equals wins."""
    server, _, properties = text.partition(";")
    pairs = [(key, _braced(match)) for key, match in _pairs(properties, _ODBC_KEY, _ODBC_VALUE, "braces")]
    server = server.strip().rstrip("/")
    return [("server", server), *pairs] if server else pairs


def url_pairs(text: str) -> Pairs:
    """The pairs in what stands behind `mssql://`: user, password, server, path, parameters, all percent-decoded.

    The path is the database; with a parameter `database` it is the instance, as the Go driver has it.
    """
    before, _, query = text.partition("?")
    authority, _, path = before.partition("/")
    if "#" in text:
        raise _malformed("a # in it must be written as %23")
    credentials, _, address = authority.rpartition("@")
    user, has_password, password = credentials.partition(":")
    pairs: Pairs = []
    if credentials:
        pairs.append(("user", unquote(user)))
    if has_password:
        pairs.append(("password", unquote(password)))
    if address:
        pairs.append(("server", unquote(address)))
    parameters = parse_qsl(query, keep_blank_values=True)
    names = {key.casefold() for key, _ in parameters}
    if name := unquote(path.strip("/")):
        pairs.append(("instance" if "database" in names else "database", name))
    return pairs + parameters


def _pairs(text: str, keys: re.Pattern[str], values: re.Pattern[str], quoting: str) -> list[tuple[str, re.Match[str]]]:
    found: list[tuple[str, re.Match[str]]] = []
    position = 0
    while text[position:].strip("; \t\r\n"):
        key = keys.match(text, position)
        if key is None or not key[1]:
            raise _malformed(f"part {len(found) + 1} has no key; values with ; in them stand in {quoting}")
        value = values.match(text, key.end())
        if value is None:
            raise _malformed(f"the value of part {len(found) + 1} does not end where its {quoting} do")
        found.append((key[1], value))
        position = value.end()
    return found


def _braced(match: re.Match[str]) -> str:
    if match["braced"] is not None:
        return match["braced"].replace("}}", "}")
    return match["plain"] or ""


def _malformed(why: str) -> ConfigurationError:
    return ConfigurationError(f"the connection string is not understood: {why}", code="mssql/connection-string")
