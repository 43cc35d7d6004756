"""What a failed write means to the run: come back later, or give up."""

from __future__ import annotations

import errno

from dstream_core.api import DStreamError, ProviderError, TemporaryError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_PASSING = frozenset({errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE})


def storage_error(error: OSError, path: str) -> DStreamError:
    """The error to raise for one of the operating system's while writing at `path`."""
    reason = error.strerror or str(error)
    if error.errno in _NO_ROOM:
        return TemporaryError(
            f"{path}: {reason}",
            code="file/no-space",
            hint="make room; everything that was acknowledged is on disk, and the next run goes on behind it",
        )
    if error.errno in _PASSING:
        return TemporaryError(f"{path}: {reason}", code="file/storage")
    if error.errno == errno.EFBIG:
        return ProviderError(f"{path}: {reason}", code="file/too-large", hint="`rotate_size` begins a new file in time")
    return ProviderError(f"{path}: {reason}", code="file/storage")
