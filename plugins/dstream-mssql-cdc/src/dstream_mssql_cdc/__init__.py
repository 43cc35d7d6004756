"""SQL Server change data capture as a DStream input."""
