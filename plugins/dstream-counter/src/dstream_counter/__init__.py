"""The `counter` input of DStream."""
