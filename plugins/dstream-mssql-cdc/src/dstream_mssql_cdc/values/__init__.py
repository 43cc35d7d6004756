"""SQL Server values: how they are selected, and what they are in JSON."""
