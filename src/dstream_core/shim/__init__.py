"""The generic stdio host for Python providers: `python -m dstream_core.shim ID [--role input|output]`."""
