"""Closes one of its descriptors after ready and lives on: `--what stdin`, `stdout`, `stderr` or `both`."""

from __future__ import annotations

import argparse
import os
import time

import wire

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--role", choices=["input", "output"], default="output")
parser.add_argument("--what", choices=["stdin", "stdout", "stderr", "both"], default="stdin")
parser.add_argument("--lines", type=int, default=5, help="an input sends so many first")
parser.add_argument("--linger", type=float, default=3600, help="seconds it lives on")
arguments = parser.parse_args()

wire.read_command()
wire.ready(arguments.role)
if arguments.role == "input":
    for number in range(1, arguments.lines + 1):
        wire.send(wire.envelope(number))
if arguments.what in ("stdin", "both"):
    os.close(0)
if arguments.what in ("stdout", "both"):
    os.close(1)
if arguments.what == "stderr":
    os.close(2)
time.sleep(arguments.linger)
