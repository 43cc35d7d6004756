"""Takes its command line and says nothing for ever; `--talk` keeps its stderr busy meanwhile."""

from __future__ import annotations

import sys
import time

import wire

wire.read_command()
while True:
    if "--talk" in sys.argv:
        sys.stderr.write("still connecting\n")
        sys.stderr.flush()
    time.sleep(0.2)
