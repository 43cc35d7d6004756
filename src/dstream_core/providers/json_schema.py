"""Options against the JSON Schema of a manifest.

jsonschema is a dependency for this one purpose: it reports every error with its path, which lint needs to point at the
place in the file, and a schema language is not what DStream exists for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from jsonschema.exceptions import SchemaError, ValidationError  # type: ignore[import-untyped]  # as above
from jsonschema.validators import validator_for  # type: ignore[import-untyped]  # as above
from referencing import Registry
from referencing.exceptions import Unresolvable

from dstream_core.errors import ConfigurationError
from dstream_core.hookspecs.options import OptionProblem, Path
from dstream_core.providers.suggest import nearest

_MESSAGES = {
    "type": "must be of type {value}",
    "enum": "must be one of {value}",
    "const": "must be {value}",
    "minimum": "must be at least {value}",
    "maximum": "must be at most {value}",
    "exclusiveMinimum": "must be more than {value}",
    "exclusiveMaximum": "must be less than {value}",
    "multipleOf": "must be a multiple of {value}",
    "minLength": "must have at least {value} characters",
    "maxLength": "must have at most {value} characters",
    "pattern": "must match {value}",
    "format": "must be a valid {value}",
    "minItems": "must have at least {value} items",
    "maxItems": "must have at most {value} items",
    "uniqueItems": "must not have the same item twice",
}


def schema_problems(schema: Mapping[str, Any], config: Mapping[str, Any], name: str) -> tuple[OptionProblem, ...]:
    """Every way in which a config does not fit a schema; messages hold no value of the config (invariant 5).

    Args:
        schema: JSON Schema; references are followed inside it only.
        config: the options.
        name: the provider, for the message about a schema that is none.

    Raises:
        ConfigurationError: the schema itself is wrong.
    """
    names = _Names(schema)
    renamed = names.rename(schema, config, ())
    kind = validator_for(dict(schema), default=Draft202012Validator)
    try:
        kind.check_schema(_plain(schema))
        # an empty registry: a reference must never be fetched from somewhere
        errors = list(kind(_plain(schema), registry=Registry()).iter_errors(_plain(renamed)))
    except (SchemaError, Unresolvable, TypeError) as error:
        message = f"the config_schema of {name} is no valid JSON Schema: {type(error).__name__}"
        raise ConfigurationError(message, code="provider/manifest") from None
    return tuple(problem for error in errors for problem in _problems(error, names))


def schema_secret_paths(
    schema: Mapping[str, Any], config: Mapping[str, Any]
) -> tuple[frozenset[Path], frozenset[Path]]:
    """The paths of options declared secret (`"secret": true`, `"writeOnly": true`, format `password`) and not secret."""
    names = _Names(schema)
    renamed = names.rename(schema, config, ())
    found = [(names.written(path), secret) for path, secret in _declared(names, schema, renamed, ())]
    return frozenset(path for path, secret in found if secret), frozenset(path for path, secret in found if not secret)


class _Names:
    """Brings the user's spelling of names (`maxCount`, `max_count`) to the schema's, and remembers it."""

    def __init__(self, schema: Mapping[str, Any]):
        self._root = schema
        self._written: dict[Path, str] = {}

    def written(self, path: Path) -> Path:
        """A path in the user's spelling."""
        return tuple(self._written.get(path[: end + 1], part) for end, part in enumerate(path))

    def follow(self, schema: Any) -> Mapping[str, Any]:
        """The schema that a local reference names, or the schema itself."""
        for _ in range(32):
            if not isinstance(schema, Mapping):
                return {}
            reference = schema.get("$ref")
            if not isinstance(reference, str) or not reference.startswith("#"):
                return schema
            schema = self._root
            for part in reference.removeprefix("#").strip("/").split("/") if len(reference) > 1 else ():
                schema = (
                    schema.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(schema, Mapping) else {}
                )
        return {}

    def rename(self, schema: Any, value: Any, at: Path) -> Any:
        """The value with names as the schema has them, as far as they differ only in case, `_` and `-`."""
        schema = self.follow(schema)
        if isinstance(value, list):
            return [self.rename(schema.get("items"), item, (*at, index)) for index, item in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        declared = schema.get("properties")
        properties: Mapping[str, Any] = declared if isinstance(declared, Mapping) else {}
        folded = {_fold(name): name for name in properties}
        renamed: dict[str, Any] = {}
        for key, item in value.items():
            known = str(key if key in properties else folded.get(_fold(key), key))
            target = str(key) if known != key and known in value else known  # both spellings: the schema judges
            self._written[(*at, target)] = key
            renamed[target] = self.rename(properties.get(target), item, (*at, target))
        return renamed


def _problems(error: ValidationError, names: _Names) -> Iterator[OptionProblem]:
    path: Path = tuple(error.absolute_path)
    if error.validator == "required":
        for name in map(str, error.validator_value):
            if name not in error.instance:
                yield OptionProblem((*names.written(path), name), "is required", None, "options/missing")
    elif error.validator == "additionalProperties":
        known = list((error.schema.get("properties") or {}) if isinstance(error.schema, Mapping) else {})
        for name in map(str, error.instance):
            if name not in known:
                near = nearest(name, known)
                hint = f"did you mean `{near}`?" if near else f"options here: {', '.join(known) or 'none'}"
                yield OptionProblem(names.written((*path, name)), "there is no such option", hint, "options/unknown")
    else:
        shown = error.validator_value
        text = ", ".join(map(str, shown)) if isinstance(shown, list) else str(shown)
        message = _MESSAGES.get(str(error.validator), "does not fit the provider's schema ({name})")
        yield OptionProblem(names.written(path), message.format(value=text, name=error.validator))


def _declared(names: _Names, schema: Any, value: Any, at: Path) -> Iterator[tuple[Path, bool]]:
    schema = names.follow(schema)
    secret = _secrecy(schema)
    if secret is not None and at:
        yield at, secret
        if secret:
            return
    if isinstance(value, Mapping):
        properties = schema.get("properties")
        for key, item in value.items():
            if isinstance(properties, Mapping) and key in properties:
                yield from _declared(names, properties[key], item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _declared(names, schema.get("items"), item, (*at, index))


def _secrecy(schema: Mapping[str, Any]) -> bool | None:
    if isinstance(schema.get("secret"), bool):
        return bool(schema["secret"])
    if schema.get("writeOnly") is True or schema.get("format") == "password":
        return True
    choices = [choice for kind in ("anyOf", "oneOf", "allOf") for choice in schema.get(kind) or ()]
    return True if any(isinstance(choice, Mapping) and _secrecy(choice) for choice in choices) else None


def _plain(value: Any) -> Any:
    """A copy in which whole numbers are int, as the library knows an integer; other numbers stay exact."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value
    return value


def _fold(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()
