"""One reader per table: leases, and how copies of a task share tables."""

from dstream_mssql_cdc.leases.choose import open_leases
from dstream_mssql_cdc.leases.leases import Leases, NoLeases

__all__ = ["Leases", "NoLeases", "open_leases"]
