"""Queries and data modification to plans, and plans to rows."""
