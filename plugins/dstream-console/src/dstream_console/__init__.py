"""The `console` output of DStream."""
