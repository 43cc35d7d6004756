"""Statements at work: control flow, variables, errors, procedures, definitions."""
