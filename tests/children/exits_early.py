"""An output that takes N lines and exits 0 although more are coming; `--ack` acknowledges what it took."""

from __future__ import annotations

import argparse
import os
import sys

import wire

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--lines", type=int, default=2)
parser.add_argument("--until", help="instead of N: until this file exists")
parser.add_argument("--ack", action="store_true")
parser.add_argument("--exit", type=int, default=0)
parser.add_argument("--older", action="store_true", help="no handshake")
arguments = parser.parse_args()

wire.read_command()
if not arguments.older:
    wire.ready("output")
for number in range(1, sys.maxsize if arguments.until else arguments.lines + 1):
    if arguments.until and os.path.exists(arguments.until):
        break
    if not sys.stdin.buffer.readline():
        break
    if arguments.ack:
        wire.ack(number)
sys.exit(arguments.exit)
