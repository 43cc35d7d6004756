"""From a file's bytes to envelopes: one module per format, all pure."""

from __future__ import annotations

from dstream_file.formats.block import EncodedBlock, InvalidRecordError, RecordFormat

__all__ = ["EncodedBlock", "InvalidRecordError", "RecordFormat"]
