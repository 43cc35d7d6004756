"""What DStream may know about this plugin without loading it: names only."""

from __future__ import annotations

from dstream_core.api import ProviderInfo, RoleInfo, executable, hookimpl

PROVIDER = ProviderInfo(
    id="mssql-cdc",
    summary="Reads changes of SQL Server tables (change data capture)",
    input=RoleInfo(
        implementation="dstream_mssql_cdc.provider:MssqlCdc",
        options="dstream_mssql_cdc.config:MssqlCdcOptions",
        verbs=("run", "discover", "check"),
    ),
)

main = executable("mssql-cdc", "input")


@hookimpl
def dstream_provider() -> ProviderInfo:
    """SQL Server, as an input."""
    return PROVIDER
