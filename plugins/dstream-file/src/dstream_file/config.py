"""The options of the `file` input and output."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from dstream_core.api import ConfigurationError, parse_duration

FormatChoice = Literal["auto", "jsonl", "csv", "lines"]

FORMAT_DESCRIPTION = (
    "How records are written: `jsonl` (one JSON value a line), `csv` (a header, then rows) or `lines` (plain text, "
    "field `line`); `auto` goes by the extension (.jsonl, .ndjson, .json; .csv, .tsv; else lines)."
)


def _seconds(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return value
    try:
        return parse_duration(value)
    except ConfigurationError as error:
        raise ValueError(error.message) from None


Seconds = Annotated[float, BeforeValidator(_seconds), WithJsonSchema({"type": ["string", "number"]})]
"""A duration: text such as `500ms` or `5s`, or a number of seconds."""


Size = Annotated[ByteSize, Field(gt=0), WithJsonSchema({"type": ["string", "integer"]})]
"""A number of bytes, as a number or as text such as `100MB` (10^6) or `100MiB` (2^20)."""


def _one_character(text: str) -> str:
    text = "\t" if text == "\\t" else text
    if len(text) != 1 or text in '"\r\n':
        raise ValueError("must be one character, and no quote or newline")
    return text


Delimiter = Annotated[str, AfterValidator(_one_character)]


class FileInputOptions(BaseModel):
    """Which files to read, and how."""

    model_config = ConfigDict(extra="forbid")

    path: list[str] = Field(
        min_length=1,
        description=(
            "The file or files to read: a path or a list of them. `*`, `?`, `[…]` and `**` (any depth of directories) "
            "match names; files are read in the order of their names. Relative to the directory of dstream.hcl."
        ),
        examples=["logs/*.jsonl"],
        json_schema_extra={"type": ["string", "array"]},
    )
    format: FormatChoice = Field(default="auto", description=FORMAT_DESCRIPTION)
    follow: bool = Field(
        default=False,
        description="Keep reading as files grow and new ones appear; without it the run ends with the files.",
    )
    start: Literal["beginning", "end"] = Field(
        default="beginning",
        description="Where the task's very first run begins in files that are there then: `end` skips their content.",
    )
    poll_interval: Seconds = Field(
        default=0.25, gt=0, description="While following: time between two looks, such as `500ms` or `2s`."
    )
    rotate_wait: Seconds = Field(
        default=5.0,
        ge=0,
        description="While following: how long a renamed or deleted file must be silent before it counts as finished.",
    )
    encoding: str = Field(
        default="utf-8", description="The files' character encoding, one in which a newline is the byte 0A."
    )
    on_invalid: Literal["fail", "wrap"] = Field(
        default="fail",
        description=(
            "A record that is not in the format: `fail` ends the run and names file and line; `wrap` delivers its text "
            "as `line` (`line_base64` if it is not UTF-8) with the metadata `Invalid` and `reason`."
        ),
    )
    offsets: bool = Field(
        default=False,
        description="Add `offset`, the byte where the record begins, to its metadata (costs speed).",
    )
    delimiter: Delimiter | None = Field(
        default=None, description="CSV: what separates fields; a comma, or a tab in .tsv files, if not given."
    )
    header: bool = Field(default=True, description="CSV: the first record holds the columns' names.")
    columns: list[str] | None = Field(
        default=None, description="CSV: names of the columns, instead of those in the header or for want of one."
    )
    infer_types: bool = Field(
        default=False,
        description="CSV: fields that look like numbers, true or false become that, empty ones null; else all is text.",
    )

    @model_validator(mode="after")
    def _columns_are_known(self) -> FileInputOptions:
        if not self.header and self.columns is None:
            raise ValueError("without a header, `columns` must name the columns")
        return self

    @field_validator("path", mode="before")
    @classmethod
    def _as_list(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("path")
    @classmethod
    def _no_empty_path(cls, value: list[str]) -> list[str]:
        if not all(path and "\0" not in path for path in value):
            raise ValueError("a path must not be empty")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        return checked_encoding(value)

    @field_validator("columns")
    @classmethod
    def _distinct_columns(cls, value: list[str] | None) -> list[str] | None:
        return distinct(value)


class FileOutputOptions(BaseModel):
    """Where to write records, and how."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(
        min_length=1,
        description=(
            "The file to append to. `{table}` in it becomes the record's table, made safe as a file name. Relative to "
            "the directory of dstream.hcl."
        ),
        examples=["out/{table}.jsonl"],
    )
    format: FormatChoice = Field(default="auto", description=FORMAT_DESCRIPTION)
    table_from: str = Field(
        default="TableName", description="The metadata member that names a record's table, for `{table}` in `path`."
    )
    envelope: bool = Field(
        default=False, description="JSON Lines: write the whole envelope, metadata included, instead of `data` alone."
    )
    rotate_size: Size | None = Field(
        default=None,
        description=(
            "Begin a new file once this many bytes are reached, such as `100MB`; the full one is renamed to PATH.1, the "
            "next to PATH.2, and so on: higher numbers are newer, and nothing is ever deleted."
        ),
        examples=["100MB"],
    )
    delimiter: Delimiter | None = Field(
        default=None, description="CSV: what separates fields; a comma, or a tab in .tsv files, if not given."
    )
    columns: list[str] | None = Field(
        default=None,
        min_length=1,
        description="CSV: the columns, in order; if not given, those of the file's header or of its first record.",
    )
    max_open_files: int = Field(
        default=100, ge=1, description="With `{table}`: files that are kept open at the same time."
    )

    @field_validator("path")
    @classmethod
    def _usable_path(cls, value: str) -> str:
        rest = value.replace("{table}", "")
        if "{" in rest or "}" in rest or "\0" in rest:
            raise ValueError("the only placeholder is {table}")
        if "{table}" in str(Path(value).parent):
            raise ValueError("{table} may stand in the file's name only, not in its directory")
        if value.endswith("/"):
            raise ValueError("must name a file, not a directory")
        return value

    @field_validator("columns")
    @classmethod
    def _distinct_columns(cls, value: list[str] | None) -> list[str] | None:
        return distinct(value)


def checked_encoding(name: str) -> str:
    """The codec's canonical name; refuses unknown ones and those whose newline is not one byte."""
    try:
        canonical = codecs.lookup(name).name
        newline = "\n".encode(canonical)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise ValueError("is no known encoding") from None
    if canonical == "utf-8-sig":  # a mark at the beginning is taken off in any case
        return "utf-8"
    if newline != b"\n":
        raise ValueError("needs more than one byte for a newline; convert the file to UTF-8, for instance with iconv")
    return canonical


def distinct(names: list[str] | None) -> list[str] | None:
    """The names, none of them twice."""
    if names is not None and len(set(names)) < len(names):
        raise ValueError("a column is named twice")
    return names
