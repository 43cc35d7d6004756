"""What a project's configuration is once it is read: tasks, their two provider blocks, and where everything stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from dstream_core.errors import Diagnostic, Place

if TYPE_CHECKING:
    from dstream_core.config.declarations import Declarations, TaskDeclaration
    from dstream_core.config.scope import ProjectScope

ConfigPath: TypeAlias = "tuple[str | int, ...]"
ProviderKind: TypeAlias = Literal["provider", "provider_path", "provider_ref", "provider_image"]


@dataclass(frozen=True)
class Provenance:
    """What a value in the config came from.

    Attributes:
        environment: the environment variables that it was made from.
        sensitive: whether a sensitive variable went into it.
        secrets: the texts to mask for it: environment values of eight characters or more, what sensitive variables
            hold, and the value itself if it is a string that was made from either.
    """

    environment: frozenset[str]
    sensitive: bool
    secrets: frozenset[str]


@dataclass(frozen=True)
class BlockSettings:
    """The settings of one provider block that are the core's own.

    Attributes:
        envelope: `command`, or `bare` for a provider that wants its config alone as first line.
        start_timeout: seconds that a provider may take until it is ready.
        on_reject: what becomes of a line that cannot be delivered; outputs only.
        max_rejects: rejected lines in a row after which the output stops.
    """

    envelope: Literal["command", "bare"] = "command"
    start_timeout: float = 30.0
    on_reject: Literal["dead_letter", "stop"] = "dead_letter"
    max_rejects: int = 100


@dataclass(frozen=True)
class ProviderBlock:
    """An `input` or `output` block, evaluated.

    Attributes:
        role: the block's position in the task.
        kind: how the provider is named.
        reference: the plugin ID, path, OCI reference or image, as written; a path is relative to the project's directory.
        where: the place of the reference.
        block_where: the place of the block.
        config: plain data for JSON: str, bool, None, int, Decimal (numbers with a fraction), list, dict.
        places: the place of each value in `config`, by its keys and indexes; `()` is the config as a whole.
        name_places: the place of the name of each value that has one.
        environment: the environment variables that this block uses, through locals and variables too.
        provenance: of the values that came from the environment or from sensitive variables, what they came from.
        settings: the core's own settings.
    """

    role: Literal["input", "output"]
    kind: ProviderKind
    reference: str
    where: Place
    block_where: Place
    config: dict[str, Any] = field(default_factory=dict, repr=False)
    places: Mapping[ConfigPath, Place] = field(default_factory=dict, repr=False)
    name_places: Mapping[ConfigPath, Place] = field(default_factory=dict, repr=False)
    environment: frozenset[str] = frozenset()
    provenance: Mapping[ConfigPath, Provenance] = field(default_factory=dict, repr=False)
    settings: BlockSettings = BlockSettings()

    @property
    def secrets(self) -> frozenset[str]:
        """Every text in this block to mask in whatever is printed."""
        return self.secrets_except(())

    @property
    def secret_paths(self) -> frozenset[ConfigPath]:
        """The values in `config` that are, or hold, something to mask."""
        return frozenset(path for path, of in self.provenance.items() if of.secrets)

    def secrets_except(self, paths: Iterable[ConfigPath]) -> frozenset[str]:
        """The texts to mask, but for those that only values at `paths` hold: options declared not secret.

        Args:
            paths: of config values; one covers everything inside it too.
        """
        exempt = tuple(paths)
        return frozenset(
            secret
            for path, of in self.provenance.items()
            if not any(path[: len(prefix)] == prefix for prefix in exempt)
            for secret in of.secrets
        )

    def place_of(self, path: ConfigPath) -> Place:
        """The place of the config value at `path`, or of the nearest value around it that is written in the file."""
        for size in range(len(path), -1, -1):
            if path[:size] in self.places:
                return self.places[path[:size]]
        return self.block_where

    def name_place_of(self, path: ConfigPath) -> Place:
        """The place of the name of the config value at `path`, or else of the value."""
        return self.name_places.get(path) or self.place_of(path)


@dataclass(frozen=True)
class TaskSettings:
    """The settings of a task.

    Attributes:
        stop_timeout: seconds that a shutdown in order may take in all.
    """

    stop_timeout: float = 25.0


@dataclass(frozen=True)
class Task:
    """A task, evaluated.

    Attributes:
        name: the block's label.
        where: the place of the block.
        input: where records come from.
        output: where they go.
        description: for people.
        settings: the task's own settings.
    """

    name: str
    where: Place
    input: ProviderBlock
    output: ProviderBlock
    description: str | None = None
    settings: TaskSettings = TaskSettings()

    @property
    def secrets(self) -> frozenset[str]:
        """Every text of both blocks to mask."""
        return self.input.secrets | self.output.secrets


@dataclass(frozen=True)
class Project:
    """A configuration file, read but not evaluated.

    Attributes:
        file: the file.
        directory: where it lies; provider paths are relative to it.
        source: its text.
        tasks: by name, in the order of the file.
        declarations: everything else that it declares.
        scope: what `local` and `var` mean in it.
        warnings: what is not wrong, but worth saying.
    """

    file: Path
    directory: Path
    source: str
    tasks: Mapping[str, TaskDeclaration]
    declarations: Declarations = field(repr=False)
    scope: ProjectScope = field(repr=False)
    warnings: tuple[Diagnostic, ...] = ()
