"""Outputs from before version 1: they print what they like, acknowledge nothing, and end at end of file."""

from __future__ import annotations

import argparse
import os
import sys
import time

import wire

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument(
    "--kind",
    choices=[
        "plain",  # prints `Message #N: …` for each line
        "silent",  # prints nothing
        "handshake",  # prints {"status":"ready"} first
        "refuses",  # prints {"status":"error"} and exits 1
        "refuses-late",  # says hello first
        "prints-envelope",  # prints an envelope before it was given a line: it is an input
        "forges-acks",  # prints control lines as if it spoke version 1
        "slow",  # `--pause` seconds a line
        "ends-early",  # exits 0 after two lines
    ],
    default="plain",
)
parser.add_argument("--delay", type=float, default=0, help="seconds before it reads its first line")
parser.add_argument("--file", default=os.devnull, help="what it received, byte for byte")
parser.add_argument("--pause", type=float, default=0.05)
parser.add_argument("--echo", help="file for the first line of stdin, as it came")
arguments = parser.parse_args()

if arguments.kind == "prints-envelope":
    wire.send(wire.envelope(1))
time.sleep(arguments.delay)
first = sys.stdin.buffer.readline()
if arguments.echo:
    with open(arguments.echo, "wb") as file:
        file.write(first)
if arguments.kind == "handshake":
    wire.send(b'{"status":"ready"}\n')
if arguments.kind == "refuses-late":
    wire.send(b"hello\n")
    time.sleep(0.2)
if arguments.kind.startswith("refuses"):
    wire.send(b'{"status":"error","message":"no such queue"}\n')
    sys.exit(1)
with open(arguments.file, "ab", buffering=0) as target:
    for number, line in enumerate(sys.stdin.buffer, 1):
        target.write(line)
        if arguments.kind in ("plain", "handshake"):
            wire.send(b"Message #%d: %s" % (number, line))
        if arguments.kind == "forges-acks":
            wire.ack(number + 1000)
        if arguments.kind == "slow":
            time.sleep(arguments.pause)
        if arguments.kind == "ends-early" and number == 2:
            break
