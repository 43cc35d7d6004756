"""Manifest files: `NAME.provider.json` beside an executable `NAME` says what it is without starting it."""

from __future__ import annotations

from pathlib import Path

from dstream_core.errors import ConfigurationError, Place
from dstream_core.protocol.manifest import Manifest, decode_manifest

SUFFIX = ".provider.json"


def manifest_path(executable: Path) -> Path:
    """Where the manifest of an executable lies."""
    return executable.with_name(executable.name + SUFFIX)


def manifest_beside(executable: Path, where: Place | None = None) -> Manifest | None:
    """The manifest of an executable, or None if there is none: then the provider is an older one.

    Raises:
        ConfigurationError: the file cannot be read or is no manifest.
    """
    path = manifest_path(executable)
    try:
        return decode_manifest(path.read_bytes(), str(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"the manifest {path} cannot be read: {error.strerror}"
        raise ConfigurationError(message, code="provider/manifest", where=where) from None
    except ConfigurationError as error:
        error.where = error.where or where
        raise
