"""Enough of SQL Server for a TDS client: wire, language, storage and change data capture."""
