"""Ignores SIGTERM, SIGINT, SIGHUP, SIGPIPE, `stop` and end of file: only SIGKILL ends it.

As an input it sends a line now and then for ever (`--quiet`: none); as an output it takes lines without end
(`--quiet`: stops reading). `--silent-start` leaves out the handshake as well.
"""

from __future__ import annotations

import argparse
import os
import signal
import time

import wire

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--role", choices=["input", "output"], default="input")
parser.add_argument("--quiet", action="store_true")
parser.add_argument("--older", action="store_true", help="no handshake")
parser.add_argument("--burst", type=int, default=0, help="an input: bytes sent at once, and nothing after them")
parser.add_argument("--pid-file", help="where to write its process id")
arguments = parser.parse_args()

for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGPIPE", "SIGQUIT"):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
if arguments.pid_file:
    with open(arguments.pid_file, "w") as file:
        file.write(str(os.getpid()))
wire.read_command()
if not arguments.older:
    wire.ready(arguments.role)
if arguments.burst:
    wire.send(wire.envelope(1, 1024) * (arguments.burst // 1024))
    wire.sleep_for_ever()
number = 0
while True:
    number += 1
    if arguments.quiet:
        time.sleep(1)
        continue
    try:
        if arguments.role == "input":
            wire.send(wire.envelope(number))
            time.sleep(0.05)
        elif not os.read(0, 1 << 16):
            time.sleep(0.05)
    except OSError:
        time.sleep(0.05)  # the pipe is gone; it stays
