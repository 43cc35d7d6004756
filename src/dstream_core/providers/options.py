"""A provider's options: checked, described, and searched for secrets. Imports pydantic: import it late."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from dstream_core.errors import ProviderError
from dstream_core.hookspecs.options import OptionProblem, Path, options_schema, secret_paths, validate_options
from dstream_core.providers.resolution import Resolved


def option_problems(provider: Resolved, config: Mapping[str, Any]) -> tuple[OptionProblem, ...]:
    """What is wrong with options, by the plugin's model or the manifest's JSON Schema; nothing if neither is known.

    Warnings, of the plugin's model, are given only if there is no error.

    Raises:
        ProviderError: the model cannot be imported.
    """
    if provider.options is not None:
        checked = validate_options(options_model(provider.options, provider.name), config)
        return checked.problems or checked.warnings
    if provider.schema is not None:
        from dstream_core.providers.json_schema import schema_problems  # noqa: PLC0415  jsonschema: for manifests only

        return schema_problems(provider.schema, config, provider.name)
    return ()


def declared_secrets(provider: Resolved, config: Mapping[str, Any]) -> tuple[frozenset[Path], frozenset[Path]]:
    """The paths of options declared secret, and of those declared not secret.

    Raises:
        ProviderError: the model cannot be imported.
    """
    if provider.options is not None:
        return secret_paths(options_model(provider.options, provider.name), config)
    if provider.schema is not None:
        from dstream_core.providers.json_schema import schema_secret_paths  # noqa: PLC0415  as above

        return schema_secret_paths(provider.schema, config)
    return frozenset(), frozenset()


def model_schema(import_string: str, name: str) -> dict[str, Any]:
    """The JSON Schema of the options model that a plugin names.

    Raises:
        ProviderError: the model cannot be imported.
    """
    return options_schema(options_model(import_string, name))


def options_model(import_string: str, name: str) -> type[BaseModel]:
    """The pydantic model that a plugin names.

    Raises:
        ProviderError: it cannot be imported or is no model.
    """
    module_name, _, attribute = import_string.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (Exception, SystemExit) as error:  # a plugin's module may raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        message = f"the options of {name} ({import_string}) cannot be loaded: {reason}"
        raise ProviderError(message, code="provider/options") from error
    if not (isinstance(found, type) and issubclass(found, BaseModel)):
        raise ProviderError(f"the options of {name} ({import_string}) are no pydantic model", code="provider/options")
    return found
