"""`python -m dstream_core.shim ID [--role input|output]`."""

from dstream_core.shim.entry import main

raise SystemExit(main())
