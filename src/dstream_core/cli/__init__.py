"""The command line: one thin file per command; `render.py` is the only place that prints."""
