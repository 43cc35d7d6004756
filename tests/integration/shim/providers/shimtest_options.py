"""Options of the probe."""

from pydantic import BaseModel, Field, SecretStr


class Nested(BaseModel):
    max_size: int = 1


class Options(BaseModel):
    mode: str = "count"
    count: int = Field(default=3, ge=0)
    password: SecretStr | None = None
    nested: Nested | None = None
    pause: float = 0.0
