"""The options of the counter, under the names that users of the original know (`interval`, `maxCount`)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class CounterOptions(BaseModel):
    """How fast to count, and how far."""

    model_config = ConfigDict(extra="forbid")

    interval: int = Field(
        default=1000,
        ge=0,
        description="Milliseconds between two records; 0 means as fast as it can.",
        examples=[100],
    )
    max_count: int = Field(
        default=0,
        ge=0,
        description=(
            "The value to stop at, 0 means endless. It counts over all runs of the task: a counter that has got there "
            "emits nothing more, unless `resume` is false."
        ),
        examples=[10],
    )
    resume: bool = Field(
        default=True,
        description="Go on behind the last acknowledged value of the run before; false counts from 1 in each run.",
    )
