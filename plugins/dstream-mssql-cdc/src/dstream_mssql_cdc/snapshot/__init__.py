"""Snapshots: the rows of a table as they are, before its changes."""
