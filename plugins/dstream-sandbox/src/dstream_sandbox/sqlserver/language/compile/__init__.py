"""Syntax trees of expressions to functions over rows."""
