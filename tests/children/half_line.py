"""An input that sends whole lines and then half of one, and ends, crashes, hangs, or finishes it after a while."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

import wire

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--lines", type=int, default=3)
parser.add_argument("--half", type=int, default=20, help="bytes of the unfinished line")
parser.add_argument("--then", choices=["exit", "crash", "kill", "hang", "finish"], default="exit")
parser.add_argument("--after", type=float, default=0.3, help="seconds until `finish`")
parser.add_argument("--older", action="store_true", help="no handshake")
arguments = parser.parse_args()

wire.read_command()
if not arguments.older:
    wire.ready("input")
for number in range(1, arguments.lines + 1):
    wire.send(wire.envelope(number))
last = wire.envelope(arguments.lines + 1, arguments.half * 2)
wire.send(last[: arguments.half])
if arguments.then == "crash":
    sys.exit(4)
if arguments.then == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if arguments.then == "hang":
    wire.sleep_for_ever()
if arguments.then == "finish":
    time.sleep(arguments.after)
    wire.send(last[arguments.half :])
os.close(1)
if not arguments.older:
    wire.drain_stdin()
