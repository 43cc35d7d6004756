"""The benchmarks of the input `mssql-cdc`."""
