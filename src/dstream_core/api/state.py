"""Where an input stands, kept between runs."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from dstream_core.api.delivery.private_files import make_private_directory, replace_file
from dstream_core.errors import ConfigurationError, ProviderError

FILE_NAME = "state.json"
FORMAT = 1


class PositionKeeper(Protocol):
    """A place for positions other than the state file: a table, a blob, anything that several machines can reach.

    One thread at a time uses it, not always the same one. A failure that will pass is a `TemporaryError`: it is said
    once and tried again. Any other `DStreamError` ends the run with its message.
    """

    def load(self) -> Mapping[str, Any]:
        """Every stored position, by partition. It looks after its own identity: other sources' are not given."""

    def store(self, positions: Mapping[str, Any]) -> None:
        """Stores positions durably; all that is named here was acknowledged (invariant 1).

        Args:
            positions: by partition, as JSON gives them back; None forgets the partition; those not named stay.
        """

    def close(self) -> None:
        """The run has ended and the last position was stored, or could not be."""


class State:
    """The stored positions of one input in one task.

    The input only reads it; positions come in by `Envelope(..., position=…)` and `Checkpoint(…)` and are written
    after the acknowledgement (invariant 1), to a temporary name, synced and renamed.

    Args:
        directory: the provider's state directory; created with mode 0700 at the first store.
        provider: ID of the input.
        task: name of the task.
    """

    def __init__(self, directory: Path, provider: str, task: str):
        self._path = directory / FILE_NAME
        self._provider = provider
        self._task = task
        self._identity: str | None = None
        self._document: dict[str, Any] = {}
        self._positions: dict[str, Any] | None = None
        self._lock = threading.Lock()
        self._keeper: PositionKeeper | None = None
        self._every = 0.0
        self._closed = False

    @property
    def path(self) -> Path:
        """The state file."""
        return self._path

    @property
    def keeper(self) -> PositionKeeper | None:
        """Where positions are kept instead of the state file; None: in the file."""
        return self._keeper

    @property
    def store_interval(self) -> float:
        """Seconds between two stores, at least; what is acknowledged in between is stored in one."""
        return self._every

    def keep_in(self, keeper: PositionKeeper, every: float = 0.0) -> None:
        """Keeps positions in another place than the state file, which is neither read nor written from now on.

        They are stored behind the acknowledgement, as ever (invariant 1), and the keeper is closed behind the last
        one. Call it before the first position is yielded: in `dstream_open` or at the beginning of `dstream_run_input`.

        Args:
            keeper: the other place.
            every: seconds between two stores, at least: what a run that is killed repeats, against requests.
        """
        with self._lock:
            self._keeper, self._every = keeper, every
            self._positions = None

    def resume(self, identity: str = "", partition: str = "") -> Any | None:
        """Where to go on.

        Args:
            identity: what tells this source from another one that the same options could lead to (a database's own
                ID, for instance); the same in every call of a run.
            partition: which of several positions.

        Returns:
            The stored position as JSON gives it back (tuples are lists), None if there is none. While the run goes on
            it is the newest that was acknowledged and stored.

        Raises:
            ConfigurationError: code `state/other-source`: the stored positions belong to another provider, task or
                source; `state/unreadable`: the file is not a state file.
        """
        with self._lock:
            if self._identity not in (None, identity):
                raise ProviderError(
                    "one run asked for the state of two sources", code="state/two-sources", hint="use partitions"
                )
            self._identity = identity
            positions = self._loaded()
            if self._keeper is None:
                self._check({"identity": identity})
            return positions.get(partition)

    def partitions(self) -> tuple[str, ...]:
        """The partitions that have a stored position."""
        with self._lock:
            return tuple(self._loaded())

    def store(self, positions: Mapping[str, bytes]) -> None:
        """Stores positions; for the host, which knows what is acknowledged. JSON `null` forgets a partition.

        Args:
            positions: JSON text by partition; those not named stay as they are.

        Raises:
            OSError: the file could not be written; what it held is still there.
            DStreamError: the keeper could not store them; a `TemporaryError` may pass.
        """
        values = {partition: json.loads(text) for partition, text in positions.items()}
        if self._keeper is not None:
            # Not under the lock: a slow server must not hold up an input that asks where it stands.
            self._keeper.store(values)
        with self._lock:
            if self._keeper is not None:
                if self._positions is not None:
                    self._positions = _merged(self._positions, values)
                return
            merged = _merged(self._loaded(), values)
            document = {
                "format": FORMAT,
                "provider": self._provider,
                "task": self._task,
                "identity": self._document.get("identity", "") if self._identity is None else self._identity,
                "partitions": merged,
            }
            make_private_directory(self._path.parent)
            replace_file(self._path, json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n")
            self._document, self._positions = document, merged

    def close(self) -> None:
        """The run has ended; for the host. Closes the keeper, if there is one, once.

        Raises:
            DStreamError: the keeper's own.
        """
        with self._lock:
            keeper, self._closed = (None if self._closed else self._keeper), True
        if keeper is not None:
            keeper.close()

    def _loaded(self) -> dict[str, Any]:
        if self._positions is None and self._keeper is not None:
            self._positions = dict(self._keeper.load())
        if self._positions is None:
            document = self._read()
            self._document = document or {}
            self._check({"provider": self._provider, "task": self._task})
            self._positions = self._document.get("partitions", {})
        return self._positions

    def _read(self) -> dict[str, Any] | None:
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from None
        try:
            document = json.loads(text)
        except ValueError:
            raise self._unreadable("it is not JSON") from None
        if not isinstance(document, dict) or not isinstance(document.get("partitions"), dict):
            raise self._unreadable("it is no state file")
        if document.get("format") != FORMAT:
            raise self._unreadable(f"it has format {document.get('format')!r}, this version reads {FORMAT}")
        return document

    def _check(self, expected: Mapping[str, str]) -> None:
        for member, here in expected.items():
            stored = self._document.get(member, here)
            if stored != here:
                what = "source" if member == "identity" else member
                raise ConfigurationError(
                    f"the position in {self._path} belongs to {what} {stored!r}, this run reads {what} {here!r}",
                    code="state/other-source",
                    hint=f"to start from the beginning, rename or remove {self._path}; to go on, restore what the"
                    " position belongs to",
                )

    def _unreadable(self, reason: str) -> ConfigurationError:
        return ConfigurationError(
            f"the state file {self._path} cannot be used: {reason}",
            code="state/unreadable",
            hint=f"rename {self._path} to start from the beginning, or restore it",
        )


def _merged(stored: Mapping[str, Any], newer: Mapping[str, Any]) -> dict[str, Any]:
    both = {**stored, **newer}
    return {partition: value for partition, value in both.items() if value is not None}
