"""The options that say how to reach the server."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    WithJsonSchema,
    field_validator,
)

from dstream_mssql_cdc.connection.settings import Encryption, encryption_of
from dstream_mssql_cdc.option_types import Seconds


def _encryption(value: object) -> object:
    return encryption_of(str(value)) if isinstance(value, (bool, str)) else value


Encrypt = Annotated[Encryption, BeforeValidator(_encryption), WithJsonSchema({"type": ["boolean", "string"]})]
"""How much is encrypted, as connection strings say it."""


class ConnectionOptions(BaseModel):
    """The options that say how to reach the server."""

    model_config = ConfigDict(extra="forbid")

    db_connection_string: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("db_connection_string", "connection_string"),
        description=(
            "How to reach the database, in one text: ADO.NET (`Server=host,1433;Database=Shop;User ID=…;Password=…`), "
            "ODBC (`Driver={…};Server=…`), JDBC (`jdbc:sqlserver://host:1433;databaseName=Shop;…`) or a URL "
            "(`mssql://user:password@host:1433/Shop?encrypt=true`). The options below win over what it says."
        ),
    )
    server: str | None = Field(
        default=None,
        min_length=1,
        validation_alias=AliasChoices("server", "host"),
        description="Name or address of the server; `host,port` and `host\\instance` as in connection strings work too.",
        examples=["sql.example.com"],
    )
    port: int | None = Field(
        default=None, ge=1, le=65535, description="TCP port of the server; 1433 if neither it nor `instance` is given."
    )
    instance: str | None = Field(
        default=None,
        min_length=1,
        description="Named instance; SQL Server Browser (UDP port 1434) is asked for its port unless `port` is given.",
        examples=["SQLEXPRESS"],
    )
    database: str | None = Field(default=None, min_length=1, description="The database to read.", examples=["Shop"])
    user: str | None = Field(
        default=None,
        min_length=1,
        validation_alias=AliasChoices("user", "username", "user_id"),
        description="The SQL Server login. Windows and Entra ID logins are not supported.",
        examples=["dstream"],
    )
    password: SecretStr | None = Field(default=None, description="The login's password.")
    encrypt: Encrypt | None = Field(
        default=None,
        description=(
            "`true` (`mandatory`): the whole connection is encrypted or there is none; `false` (`optional`, what holds "
            "if nothing is said): the login is, the rest if the server insists; `strict`: TLS before anything else "
            "(TDS 8.0, SQL Server 2022); `disable`: nothing is, not even the login."
        ),
        examples=[True],
    )
    trust_server_certificate: bool | None = Field(
        default=None,
        description=(
            "Take any certificate. If nothing is said: `false` where `encrypt` is `true`, so that the certificate must "
            "come from a trusted authority and bear the server's name; else `true`. With `strict` it is always `false`."
        ),
    )
    certificate_authority: str | None = Field(
        default=None,
        min_length=1,
        description="File with the certificates (PEM) to trust, instead of the machine's own.",
        examples=["/etc/ssl/corporate.pem"],
    )
    certificate_host: str | None = Field(
        default=None,
        min_length=1,
        validation_alias=AliasChoices("certificate_host", "host_name_in_certificate"),
        description="The name that the server's certificate must bear, if it is not that of `server`.",
        examples=["sql.example.com"],
    )
    application_intent: Literal["ReadWrite", "ReadOnly"] | None = Field(
        default=None,
        description="`ReadOnly` lets an Always On listener send the session to a readable secondary.",
        examples=["ReadOnly"],
    )
    multi_subnet_failover: bool | None = Field(
        default=None,
        description=(
            "Accepted, and without effect: all addresses of the server's name are always tried at the same time, and "
            "the first that takes a connection is used."
        ),
    )
    login_timeout: Seconds | None = Field(
        default=None, ge=1, le=3600, description="How long connecting and logging in may take; 15s if nothing is said."
    )
    query_timeout: Seconds | None = Field(
        default=None,
        ge=0,
        description=(
            "How long the server may stay silent during a query before the connection is given up; `0`: for ever. 5m "
            "if nothing is said."
        ),
    )
    application_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="Name of the sessions in sys.dm_exec_sessions; `dstream` and the task if nothing is said.",
    )

    @field_validator("application_intent", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        known = {"readwrite": "ReadWrite", "readonly": "ReadOnly"}
        return known.get(value.lower().replace("_", ""), value) if isinstance(value, str) else value
