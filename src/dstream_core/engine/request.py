"""What the command line asks of the engine, the same for every verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """Where the configuration is and what it is given.

    Attributes:
        config: the file, or the directory of a `dstream.hcl`.
        environment: the environment variables of the command.
        variables: `name=value` as given by `--var`.
        variable_files: files given by `--var-file`.
        state_dir: replaces `.dstream`; None for the default.
    """

    config: Path
    environment: Mapping[str, str] = field(repr=False)
    variables: tuple[str, ...] = field(default=(), repr=False)
    variable_files: tuple[str, ...] = ()
    state_dir: Path | None = None
