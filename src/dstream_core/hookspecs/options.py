"""A provider's options against its pydantic model, for the host and for lint. Imports pydantic: import it when needed.

Names are accepted as the original's users write them: `max_count`, `maxCount` and `MaxCount` are the same option.
Messages never hold a value: options may be secret (invariant 5).
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic.fields import FieldInfo

Model = TypeVar("Model", bound=BaseModel)
Path = tuple[str | int, ...]

HIDDEN = "is not valid (the option is secret, so the reason is not shown)"


@dataclass(frozen=True)
class OptionProblem:
    """One option that is wrong.

    Attributes:
        path: where, in the names that the user wrote: `("queue", "maxSize")`, list items by index.
        message: what is wrong; holds no value.
        hint: the nearest right name, if a name is wrong.
        code: `options/unknown`, `options/missing`, `options/twice`, `options/invalid` or, of warnings, `options/odd`.
        severity: a warning stops nothing.
    """

    path: Path
    message: str
    hint: str | None = None
    code: str = "options/invalid"
    severity: Literal["error", "warning"] = "error"

    def document(self) -> dict[str, Any]:
        """As the handshake carries it."""
        document: dict[str, Any] = {"path": list(self.path), "message": self.message, "code": self.code}
        if self.hint:
            document["hint"] = self.hint
        return document


@dataclass(frozen=True)
class CheckedOptions(Generic[Model]):
    """The outcome of `validate_options`: an instance and what is odd about it, or the problems."""

    instance: Model | None
    problems: tuple[OptionProblem, ...] = ()
    warnings: tuple[OptionProblem, ...] = ()


def validate_options(model: type[Model], config: Mapping[str, Any]) -> CheckedOptions[Model]:
    """Checks options against a model.

    A model whose options can be valid and odd says so by a method `option_warnings()`, which gives pairs of an option's
    name and a message; `dstream lint` shows them.

    Args:
        model: the provider's options.
        config: option values by name, as JSON has them (numbers with a fraction may be `Decimal`s).

    Returns:
        The model's instance, or every problem: unknown names with the nearest right one, missing and wrong options.
    """
    names = _Names()
    renamed = names.rename(model, config, ())
    try:
        instance = model.model_validate(renamed)
    except ValidationError as error:
        secret = {names.written(path) for path in _secret_paths(model, renamed, ())}
        items = error.errors(include_input=False, include_url=False)
        problems = [_problem(names, renamed, secret, item) for item in items]
        return CheckedOptions(None, (*names.problems, *problems))
    if names.problems:
        return CheckedOptions(None, tuple(names.problems))
    return CheckedOptions(instance, warnings=tuple(_warnings(names, instance)))


def _warnings(names: _Names, instance: BaseModel) -> Iterator[OptionProblem]:
    tell = getattr(instance, "option_warnings", None)
    for name, message in tell() if callable(tell) else ():
        field = type(instance).model_fields.get(name)
        path = names.written((name if field is None else _input_key(name, field),))
        yield OptionProblem(path, message, code="options/odd", severity="warning")


def options_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a model's options, by their snake_case names."""
    return model.model_json_schema(by_alias=False)


def secret_paths(model: type[BaseModel], config: Mapping[str, Any]) -> tuple[frozenset[Path], frozenset[Path]]:
    """Where secrets stand in a config.

    Returns:
        Paths, in the user's names, of values whose option is declared secret (`SecretStr`, `SecretBytes`, or
        `json_schema_extra={"secret": True}`), and of those declared not secret (`NOT_SECRET`).
    """
    names = _Names()
    renamed = names.rename(model, config, ())
    declared = [(names.written(path), secret) for path, secret in _declarations(model, renamed, ())]
    return (
        frozenset(path for path, secret in declared if secret),
        frozenset(path for path, secret in declared if not secret),
    )


def _secret_paths(model: type[BaseModel], renamed: Mapping[str, Any], at: Path) -> Iterator[Path]:
    return (path for path, secret in _declarations(model, renamed, at) if secret)


def _declarations(model: type[BaseModel], renamed: Mapping[str, Any], at: Path) -> Iterator[tuple[Path, bool]]:
    for name, field in model.model_fields.items():
        key = _input_key(name, field)
        if key not in renamed:
            continue
        secret = _declared_secret(field)
        if secret is not None:
            yield (*at, key), secret
        if secret:
            continue
        for nested, value, path in _nested(field.annotation, renamed[key], (*at, key)):
            yield from _declarations(nested, value, path)


def _declared_secret(field: FieldInfo) -> bool | None:
    extra = field.json_schema_extra
    if isinstance(extra, dict) and isinstance(extra.get("secret"), bool):
        return bool(extra["secret"])
    return True if _mentions(field.annotation, (SecretStr, SecretBytes)) else None


def _mentions(annotation: Any, wanted: tuple[type, ...]) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, wanted):
        return True
    return any(_mentions(part, wanted) for part in get_args(annotation))


class _Names:
    """Brings the user's spelling of option names to the model's, and remembers it for messages."""

    def __init__(self) -> None:
        self.problems: list[OptionProblem] = []
        self._written: dict[Path, str] = {}

    def written(self, path: Path) -> Path:
        """A path in the user's spelling."""
        return tuple(self._written.get(path[: end + 1], part) for end, part in enumerate(path))

    def rename(self, model: type[BaseModel], config: Mapping[str, Any], at: Path) -> dict[str, Any]:
        """The config with the names that the model takes; unknown and doubled names become problems."""
        fields = {folded: found for found in model.model_fields.items() for folded in _spellings(*found)}
        renamed: dict[str, Any] = {}
        for key, value in config.items():
            found = fields.get(_fold(key))
            if found is None:
                self._unknown(model, key, value, at, renamed)
                continue
            name, field = found
            target = _input_key(name, field)
            if target in renamed:
                first = self._written[(*at, target)]
                path = self.written((*at, key))
                self.problems.append(OptionProblem(path, f"is the same option as `{first}`", None, "options/twice"))
                continue
            self._written[(*at, target)] = key
            renamed[target] = self._value(field.annotation, value, (*at, target))
        return renamed

    def _unknown(self, model: type[BaseModel], key: str, value: Any, at: Path, renamed: dict[str, Any]) -> None:
        if model.model_config.get("extra") == "allow":
            renamed[key] = value
            return
        known = list(model.model_fields)
        nearest = difflib.get_close_matches(_snake(key), known, n=1)
        hint = f"did you mean `{nearest[0]}`?" if nearest else f"options here: {', '.join(known) or 'none'}"
        self.problems.append(
            OptionProblem((*self.written(at), key), "there is no such option", hint, "options/unknown")
        )

    def _value(self, annotation: Any, value: Any, at: Path) -> Any:
        """A value with the names inside it brought to those of nested models."""
        if isinstance(value, Mapping):
            nested = _model_in(annotation, value)
            if nested is not None:
                return self.rename(nested, value, at)
            item = _item_annotation(annotation, Mapping)
            return {key: self._value(item, part, (*at, key)) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            item = _item_annotation(annotation, Sequence)
            return [self._value(item, part, (*at, index)) for index, part in enumerate(value)]
        if isinstance(value, Decimal) and value == value.to_integral_value():
            return int(value)
        return value


def _nested(annotation: Any, value: Any, at: Path) -> Iterator[tuple[type[BaseModel], Mapping[str, Any], Path]]:
    """The nested models in a value that was renamed, with the part of it that each takes."""
    if isinstance(value, Mapping):
        model = _model_in(annotation, value)
        if model is not None:
            yield model, value, at
            return
        item = _item_annotation(annotation, Mapping)
        for key, part in value.items():
            yield from _nested(item, part, (*at, key))
    elif isinstance(value, (list, tuple)):
        item = _item_annotation(annotation, Sequence)
        for index, part in enumerate(value):
            yield from _nested(item, part, (*at, index))


def _model_in(annotation: Any, value: Mapping[str, Any]) -> type[BaseModel] | None:
    """The model that takes an object here: of several the one that knows the most of its names."""
    models = list(_models(annotation))
    folded = {_fold(key) for key in value}

    def known(model: type[BaseModel]) -> int:
        names = {folded for found in model.model_fields.items() for folded in _spellings(*found)}
        return len(names & folded)

    return max(models, key=known) if models else None


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif _is_choice(annotation):
        for part in get_args(annotation):
            yield from _models(part)


def _item_annotation(annotation: Any, kind: Any) -> Any:
    """The annotation of the items of a list or of the values of a mapping; None if it says nothing."""
    origin = get_origin(annotation)
    if _is_choice(annotation):
        return next((item for part in get_args(annotation) if (item := _item_annotation(part, kind))), None)
    if not isinstance(origin, type):
        return None
    arguments = get_args(annotation)
    if kind is Mapping:
        return arguments[1] if issubclass(origin, Mapping) and len(arguments) == 2 else None
    return arguments[0] if arguments and not issubclass(origin, Mapping) else None


def _is_choice(annotation: Any) -> bool:
    """`A | B`, `Optional[A]`, or `Annotated[A, …]`."""
    return get_origin(annotation) in (Union, types.UnionType, Annotated)


def _spellings(name: str, field: FieldInfo) -> Iterator[str]:
    aliases: list[Any] = [name, field.alias, field.validation_alias]
    if isinstance(field.validation_alias, AliasChoices):
        aliases += field.validation_alias.choices
    return (_fold(alias) for alias in aliases if isinstance(alias, str))


def _input_key(name: str, field: FieldInfo) -> str:
    """The name under which pydantic takes a field."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        alias = next((choice for choice in alias.choices if isinstance(choice, str)), None)
    if isinstance(alias, str):
        return alias
    return field.alias or name


def _fold(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _problem(names: _Names, renamed: Mapping[str, Any], secret: set[Path], item: Mapping[str, Any]) -> OptionProblem:
    path = names.written(_real_path(renamed, tuple(item["loc"])))
    if item["type"] == "missing":
        return OptionProblem(path, "is required", None, "options/missing")
    if any(path[: len(hidden)] == hidden for hidden in secret):
        return OptionProblem(path, HIDDEN)
    message = str(item["msg"])
    return OptionProblem(path, message.removeprefix("Value error, ").removeprefix("Assertion failed, "))


def _real_path(renamed: Any, location: Path) -> Path:
    """Pydantic's location without the names of union members that it puts between."""
    path: list[str | int] = []
    for index, part in enumerate(location):
        if _holds(renamed, part):
            renamed = renamed[part]
        elif index < len(location) - 1 or not isinstance(renamed, Mapping):
            continue
        path.append(part)
    return tuple(path)


def _holds(container: Any, part: str | int) -> bool:
    if isinstance(container, Mapping):
        return part in container
    return isinstance(container, list) and isinstance(part, int) and part < len(container)
