"""A container of blobs: what locks and checkpoints need of Azure's client, and its errors as ours."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

# Only the child that streams gets here, and only if blobs are configured.
from azure.core import MatchConditions  # noqa: TID253  loaded by those who keep something in blobs only
from azure.core.exceptions import (  # noqa: TID253  loaded by those who keep something in blobs only
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.blob import BlobLeaseClient, ContainerClient  # noqa: TID253  loaded by those who keep something in blobs only

from dstream_core.api import ConfigurationError, DStreamError, TemporaryError
from dstream_mssql_cdc.nested_options import LockOptions

CONNECT_SECONDS = 4
READ_SECONDS = 5
"""A lease lives for 15 seconds or more: two tries must fit into a third of it, more or less."""
TRIES = 3
_THROTTLED = frozenset({408, 429, 500, 502, 503, 504})
_CONTAINER_GONE = frozenset({"ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled"})


class ConflictError(DStreamError):
    """Somebody else has changed or leased the blob."""

    default_code = "mssql/blob-conflict"


class BlobTemporaryError(TemporaryError):
    """The blob service is away or busy."""

    default_code = "mssql/blobs-away"


@dataclass(frozen=True)
class Blob:
    """What a blob holds.

    Attributes:
        data: its bytes; empty where only properties were asked for.
        etag: changes with every write.
        metadata: names and texts beside the bytes.
        leased: somebody has a lease on it at this moment.
        endless: that lease never runs out.
    """

    data: bytes
    etag: str
    metadata: Mapping[str, str]
    leased: bool = False
    endless: bool = False


class BlobContainer:
    """Blobs in one container. Safe for several threads.

    Args:
        client: of the container.
        what: the container as messages name it, without secrets.
    """

    def __init__(self, client: ContainerClient, what: str):
        self._client = client
        self._what = what
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}

    @property
    def what(self) -> str:
        """The container as messages name it."""
        return self._what

    def ensure(self) -> None:
        """Creates the container if it is missing.

        Raises:
            ConfigurationError: it is missing and may not be created, or cannot be read.
        """
        if self.exists():
            return
        with suppress(ConflictError), self._errors("create"):  # another copy may be faster
            self._client.create_container()

    def exists(self) -> bool:
        """Whether the container is there."""
        with self._errors("read"):
            return bool(self._client.exists())

    def read(self, name: str) -> Blob | None:
        """The blob with its bytes; None if there is none."""
        with self._errors("read"):
            try:
                stream = self._client.download_blob(name)
                return _blob(stream.properties, stream.readall())
            except ResourceNotFoundError as error:
                _raise_if_container(error)
                return None

    def properties(self, name: str) -> Blob | None:
        """The blob without its bytes; None if there is none."""
        with self._errors("read"):
            try:
                return _blob(self._blob(name).get_blob_properties())
            except ResourceNotFoundError as error:
                _raise_if_container(error)
                return None

    def write(self, name: str, data: bytes, *, etag: str | None = None) -> str:
        """Writes the whole blob if it is what it was.

        Args:
            name: of the blob.
            data: its bytes.
            etag: as it was read; None: it must not exist.

        Returns:
            The etag now.

        Raises:
            ConflictError: it is not what it was.
        """
        if etag is None:
            condition: dict[str, Any] = {"overwrite": False}
        else:
            condition = {"overwrite": True, "etag": etag, "match_condition": MatchConditions.IfNotModified}
        with self._errors("write"):
            return str(self._blob(name).upload_blob(data, **condition)["etag"])

    def create_empty(self, name: str) -> None:
        """An empty blob, unless there is one."""
        with suppress(ConflictError):
            self.write(name, b"")

    def list(self, prefix: str) -> dict[str, Blob]:
        """The blobs whose names begin with `prefix`, without their bytes, by name."""
        with self._errors("list"):
            return {each.name: _blob(each) for each in self._client.list_blobs(name_starts_with=prefix)}

    def lease(self, name: str, lease_id: str, seconds: int) -> None:
        """Takes a lease, on a new empty blob if there is none.

        Raises:
            ConflictError: somebody has one.
        """
        for _ in range(TRIES):  # somebody may remove it between making and taking
            with self._errors("lease"):
                try:
                    self._blob(name).acquire_lease(seconds, lease_id=lease_id)
                    return
                except ResourceNotFoundError as error:
                    _raise_if_container(error)
            self.create_empty(name)
        raise ConflictError(f"{self._what}: {name} is removed again and again")

    def renew(self, name: str, lease_id: str) -> None:
        """Renews a lease.

        Raises:
            ConflictError: it is lost.
        """
        self._with_lease(name, lease_id, lambda lease: lease.renew())

    def release(self, name: str, lease_id: str) -> None:
        """Ends a lease; one that is lost is no error."""
        with suppress(ConflictError):
            self._with_lease(name, lease_id, lambda lease: lease.release())

    def set_metadata(self, name: str, metadata: Mapping[str, str], lease_id: str) -> None:
        """Replaces the metadata while the lease is held; the blob counts as modified then.

        Raises:
            ConflictError: it is lost.
        """
        with self._errors("write"):
            try:
                self._blob(name).set_blob_metadata(dict(metadata), lease=lease_id)
            except ResourceNotFoundError as error:
                raise _gone(error) from None

    def delete(self, name: str, lease_id: str | None = None) -> None:
        """Deletes a blob that nobody else has a lease on; none is no error, a lease of somebody's neither."""
        lease = {} if lease_id is None else {"lease": lease_id}
        try:
            with self._errors("delete"):
                self._blob(name).delete_blob(**lease)
        except ConflictError:
            pass

    def close(self) -> None:
        """Lets go the connections."""
        self._client.close()

    def _blob(self, name: str) -> Any:
        with self._lock:
            if name not in self._clients:
                self._clients[name] = self._client.get_blob_client(name)
            return self._clients[name]

    def _with_lease(self, name: str, lease_id: str, do: Callable[[Any], object]) -> None:
        with self._errors("lease"):
            try:
                do(BlobLeaseClient(self._blob(name), lease_id))
            except ResourceNotFoundError as error:
                raise _gone(error) from None

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except AzureError as error:
            raise self._error(error, what) from None

    def _error(self, error: AzureError, what: str) -> DStreamError:
        if isinstance(error, (ServiceRequestError, ServiceResponseError)):
            return BlobTemporaryError(f"{self._what} cannot be reached: {_reason(error)}")
        if isinstance(error, ClientAuthenticationError) or getattr(error, "status_code", None) in {401, 403}:
            return ConfigurationError(
                f"{self._what}: not allowed to {what} blobs: {_reason(error)}",
                code="mssql/blobs-denied",
                hint="check the key in `connection_string`; with `account_url`, give whoever runs the task the role"
                " `Storage Blob Data Contributor` on the container",
            )
        status = getattr(error, "status_code", None)
        if status in _THROTTLED or status is None:
            return BlobTemporaryError(f"{self._what} is away or busy: {_reason(error)}")
        code = str(getattr(error, "error_code", "") or "")
        if code in _CONTAINER_GONE:
            return BlobTemporaryError(f"{self._what} is gone: {_reason(error)}", code="mssql/container-gone")
        if isinstance(error, (ResourceExistsError, ResourceModifiedError)) or status in {404, 409, 412}:
            return ConflictError(f"{self._what}: {_reason(error)}")
        return ConfigurationError(f"{self._what}: cannot {what} blobs: {_reason(error)}", code="mssql/blobs-refused")


def open_container(options: LockOptions) -> BlobContainer:
    """The container that `lock_config` names; nothing is sent yet.

    Raises:
        ConfigurationError: the connection string is none.
    """
    name = options.container_name or ""
    # The client's own repetitions would outlast a lease: what failed is tried again by whoever asked.
    patience: dict[str, Any] = {"retry_total": 1, "initial_backoff": 0.3, "increment_base": 0, "random_jitter_range": 0}
    patience |= {"connection_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
    if options.connection_string is not None:
        try:
            client = ContainerClient.from_connection_string(
                options.connection_string.get_secret_value(), name, **patience
            )
        except ValueError as error:
            raise ConfigurationError(
                f"`connection_string` in `lock_config` is none of a storage account: {error}",
                code="mssql/blob-connection-string",
                hint="copy it from the storage account's access keys: AccountName=…;AccountKey=…",
            ) from None
    else:
        # It takes as long to load as the rest; who has a connection string needs none of it.
        from azure.identity import DefaultAzureCredential

        client = ContainerClient(options.account_url or "", name, credential=DefaultAzureCredential(), **patience)
    return BlobContainer(client, f"container {name} of {client.account_name or client.primary_hostname}")


def _blob(properties: Any, data: bytes = b"") -> Blob:
    lease = properties.lease
    leased = lease.state in {"leased", "breaking"}
    return Blob(data, str(properties.etag), dict(properties.metadata or {}), leased, lease.duration == "infinite")


def _raise_if_container(error: HttpResponseError) -> None:
    if str(getattr(error, "error_code", "")) in _CONTAINER_GONE:
        raise error


def _gone(error: HttpResponseError) -> Exception:
    _raise_if_container(error)
    return ConflictError("the blob is gone")


def _reason(error: AzureError) -> str:
    """The first line of what the service says; addresses and signatures come later."""
    code = getattr(error, "error_code", None)
    lines = (error.message or str(error)).strip().splitlines()
    text = lines[0].strip() if lines else type(error).__name__
    return f"{text} ({code})" if code and str(code) not in text else text
