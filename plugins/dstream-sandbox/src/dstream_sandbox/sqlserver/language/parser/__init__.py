"""Tokens to syntax trees: T-SQL and nothing else; whatever it does not know it refuses."""
