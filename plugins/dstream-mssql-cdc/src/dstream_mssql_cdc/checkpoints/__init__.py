"""Where positions are kept: in the task's directory, in the database, or in blobs."""

from dstream_mssql_cdc.checkpoints.choose import STORE_SECONDS, open_keeper, read_positions

__all__ = ["STORE_SECONDS", "open_keeper", "read_positions"]
