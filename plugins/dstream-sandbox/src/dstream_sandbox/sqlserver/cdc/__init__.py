"""Change data capture: procedures, capture and clean-up jobs, change tables, functions."""
