"""The run: passes over the tables, workers, schema changes, gaps, health."""
