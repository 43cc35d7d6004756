"""Import strings to objects, with errors that an author can act on."""

from __future__ import annotations

import importlib
from typing import Any

from dstream_core.errors import ProviderError


def resolve(import_string: str, what: str) -> Any:
    """The object that `package.module:Name` (or `package.module`) names.

    Args:
        import_string: module, and after a colon the attribute, with dots for attributes of attributes.
        what: what it is for, for messages.

    Raises:
        ProviderError: the module cannot be imported, or has no such attribute; the cause is chained.
    """
    module_name, _, attribute = import_string.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:  # an author's module may raise anything while it is imported
        raise ProviderError(
            f"{what} {import_string} cannot be imported: {type(error).__name__}: {error}", code="provider/import"
        ) from error
    for name in filter(None, attribute.split(".")):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise ProviderError(
                f"{what} {import_string} does not exist: {module_name} has no {attribute}", code="provider/import"
            ) from None
    return found
