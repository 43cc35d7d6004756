"""The state of the server: databases, tables with versions of rows, transactions, sessions, permissions, catalog."""
