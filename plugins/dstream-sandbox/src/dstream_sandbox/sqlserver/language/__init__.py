"""T-SQL: batches are scanned, parsed, compiled to functions over rows, and run."""
