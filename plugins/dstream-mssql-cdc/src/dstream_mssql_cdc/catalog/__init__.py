"""What a database holds: its tables, their columns and capture instances, and what would stop a run."""
