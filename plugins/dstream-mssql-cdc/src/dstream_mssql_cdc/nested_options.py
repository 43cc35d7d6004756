"""Options inside options: columns, masks, locks. Each works as an HCL block and as an object."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from dstream_mssql_cdc.catalog.names import parse_pattern
from dstream_mssql_cdc.option_types import ColumnPatternList, Seconds

AZURE_LEASE_SECONDS = (15.0, 60.0)
"""What Azure allows for a lease that ends by itself."""


class ColumnOptions(BaseModel):
    """Which columns are delivered."""

    model_config = ConfigDict(extra="forbid")

    include: ColumnPatternList = Field(
        default_factory=list,
        description=(
            "Patterns of the columns to deliver, each `column`, `table.column` or `schema.table.column` with the "
            "wildcards `*` and `?`. A table that no pattern names keeps all its columns; empty: all columns of all "
            "tables."
        ),
        examples=[["Orders.Id", "Orders.Total*"]],
    )
    exclude: ColumnPatternList = Field(
        default_factory=list,
        description=(
            "Patterns of columns that are never read from the server, in the same form; they win over `include`."
        ),
        examples=[["*.Password", "Customers.Ssn"]],
    )


class MaskOptions(BaseModel):
    """Which columns leave the process only in a changed form. NULL stays NULL."""

    model_config = ConfigDict(extra="forbid")

    hash: ColumnPatternList = Field(
        default_factory=list,
        description=(
            "Patterns of columns whose values become the hexadecimal HMAC-SHA-256 under `salt`: equal values stay "
            "equal, so that they can be joined. Patterns are `column`, `table.column` or `schema.table.column` with "
            "the wildcards `*` and `?`."
        ),
        examples=[["Customers.Email"]],
    )
    salt: SecretStr | None = Field(
        default=None,
        min_length=8,
        description=(
            "The secret key of `hash`, 8 characters or more. Without it, common values could be found by trying; with "
            "another one, all hashes change."
        ),
    )
    redact: ColumnPatternList = Field(
        default_factory=list,
        description="Patterns of columns whose values become `redact_with`.",
        examples=[["Customers.Phone"]],
    )
    redact_with: str = Field(default="***", description="The text that stands for every redacted value.")
    truncate: dict[str, int] = Field(
        default_factory=dict,
        description=(
            "How many characters of a column's text are kept, by pattern of the column; of binary values, how many "
            "bytes. Columns of other types cannot be truncated."
        ),
        examples=[{"Customers.Name": 1}],
    )

    @field_validator("truncate")
    @classmethod
    def _lengths_make_sense(cls, value: dict[str, int]) -> dict[str, int]:
        if any(length < 0 for length in value.values()):
            raise ValueError("a length must not be negative")
        for text in value:
            parse_pattern(text, 3)
        return value

    @model_validator(mode="after")
    def _hash_has_a_salt(self) -> MaskOptions:
        if self.hash and self.salt is None:
            raise ValueError('`hash` needs a `salt`, such as salt = env("MASK_SALT")')
        return self


class LockOptions(BaseModel):
    """Who may read a table when several copies of a task run."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["none", "azure_blob", "sqlserver"] = Field(
        default="none",
        description=(
            "`none`: this is the only copy; `azure_blob`: a finite lease on a blob per table; `sqlserver`: an "
            "application lock (sp_getapplock) per table in the database itself."
        ),
        examples=["azure_blob"],
    )
    connection_string: SecretStr | None = Field(
        default=None, description="Of the storage account; for `azure_blob`, unless `account_url` is given."
    )
    account_url: str | None = Field(
        default=None,
        description=(
            "Blob service of the storage account; who runs the task then signs in with Entra ID (managed identity, "
            "environment or `az login`)."
        ),
        examples=["https://account.blob.core.windows.net"],
    )
    container_name: str | None = Field(
        default=None,
        validation_alias=AliasChoices("container_name", "container"),
        description="Container of the lock blobs and of checkpoints in blobs; it must exist or may be created.",
        examples=["dstream-locks"],
    )
    lease: Seconds = Field(
        default=30.0,
        ge=5,
        le=3600,
        description=(
            "How long a table stays without a reader after a copy has died, at most. It is renewed three times in "
            "that time. Azure allows 15 to 60 seconds."
        ),
        examples=["30s"],
    )
    lock_names: Literal["dstream", "original"] = Field(
        default="dstream",
        description=(
            "How locks are called: `dstream`: by database, schema, table and task; `original`: `<server>/<table>.lock`, "
            "as the Go provider calls them, so that it and this one keep out of each other's way during a move."
        ),
    )

    @property
    def has_blobs(self) -> bool:
        """A blob container is named, whatever the locks are."""
        return bool(self.container_name) and (self.connection_string is not None or self.account_url is not None)

    @model_validator(mode="after")
    def _complete(self) -> LockOptions:
        if self.connection_string is not None and self.account_url is not None:
            raise ValueError("`connection_string` and `account_url` exclude each other")
        if self.type != "azure_blob":
            return self
        if not self.has_blobs:
            raise ValueError('type "azure_blob" needs `container_name`, and `connection_string` or `account_url`')
        shortest, longest = AZURE_LEASE_SECONDS
        if not shortest <= self.lease <= longest:
            raise ValueError("`lease` must be between 15s and 60s: Azure allows no other for blobs")
        return self
