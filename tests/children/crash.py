"""Dies: before ready, after ready, after N lines, or in the middle of a line; with an exit code or by a signal."""

from __future__ import annotations

import argparse
import os
import signal
import sys

import wire

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--role", choices=["input", "output"], default="input")
parser.add_argument("--when", choices=["start", "command", "ready", "lines", "mid-line"], default="ready")
parser.add_argument("--lines", type=int, default=3, help="lines sent (input) or taken and acknowledged (output) before")
parser.add_argument("--signal", help="name, such as SIGKILL or SIGSEGV")
parser.add_argument("--exit", type=int, default=3)
parser.add_argument("--say", default="about to crash", help="last words on stderr")
arguments = parser.parse_args()


def die() -> None:
    sys.stderr.write(arguments.say + "\n")
    sys.stderr.flush()
    if arguments.signal:
        os.kill(os.getpid(), getattr(signal, arguments.signal))
    os._exit(arguments.exit)


if arguments.when == "start":
    die()
wire.read_command()
if arguments.when == "command":
    die()
wire.ready(arguments.role)
if arguments.when == "ready":
    die()
for number in range(1, arguments.lines + 1):
    if arguments.role == "input":
        wire.send(wire.envelope(number))
    else:
        if not sys.stdin.buffer.readline():
            raise SystemExit(0)
        wire.ack(number)
if arguments.when == "mid-line":
    wire.send(b'{"data":{"n":' if arguments.role == "input" else b'{"$dstream":{"ac')
die()
