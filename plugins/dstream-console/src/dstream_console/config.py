"""The options of the console, under the names that users of the original know (`outputFormat`)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

OutputFormat = Literal["simple", "json", "structured", "table"]


class ConsoleOptions(BaseModel):
    """How records are shown."""

    model_config = ConfigDict(extra="forbid")

    output_format: OutputFormat = Field(
        default="simple",
        description=(
            "`simple`: one line `Message #N: {data}`; `json`: the envelope as it came, one a line; "
            "`structured`: several lines, a field each, metadata too; `table`: columns, a head line per kind of record."
        ),
        examples=["json"],
    )

    @field_validator("output_format", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value
