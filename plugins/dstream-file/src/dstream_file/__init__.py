"""The `file` input and output of DStream."""
