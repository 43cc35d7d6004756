"""Writes a flood to stderr (before ready, or while it streams) and behaves otherwise: N lines in or all lines out."""

from __future__ import annotations

import argparse
import os
import sys

import wire

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--role", choices=["input", "output"], default="input")
parser.add_argument("--mib", type=int, default=64)
parser.add_argument("--kind", choices=["lines", "no-newline", "binary", "empty-lines", "secret"], default="lines")
parser.add_argument("--when", choices=["start", "ready", "end"], default="ready")
parser.add_argument("--lines", type=int, default=10)
parser.add_argument("--say", default="", help="with `secret`: the text to say")
arguments = parser.parse_args()

BLOCKS = {
    "lines": (b"a line of log, as they come by the million\n" * 1600),
    "no-newline": b"y" * 65536,
    "binary": bytes(range(1, 256)) * 257,
    "empty-lines": b"\n" * 65536,
    "secret": arguments.say.encode() + b"\n",
}


def flood() -> None:
    block = BLOCKS[arguments.kind]
    left = len(block) if arguments.kind == "secret" else arguments.mib << 20
    while left > 0:
        wire.send(block, 2)
        left -= len(block)


wire.read_command()
if arguments.when == "start":
    flood()
wire.ready(arguments.role)
if arguments.when == "ready":
    flood()
if arguments.role == "input":
    for number in range(1, arguments.lines + 1):
        wire.send(wire.envelope(number))
    os.close(1)
    wire.drain_stdin()
else:
    count = 0
    for _line in sys.stdin.buffer:
        count += 1
    wire.ack(count)
if arguments.when == "end":
    flood()
