"""Child processes and what flows between them: guardian, claims, relay, acknowledgements, shutdown in order."""
