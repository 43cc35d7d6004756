"""Inputs from before version 1, in their many habits: no acknowledgements, no stop line, stdin read to its end first.

`--pause` seconds lie between the lines; SIGTERM ends it as it ends any program.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

import wire

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument(
    "--kind",
    choices=[
        "plain",  # reads one line, starts
        "reads-to-end",  # reads stdin to its end before anything else, as the Go SQL Server provider does
        "silent",  # says nothing for `--silence` seconds, then streams
        "handshake",  # prints {"status":"ready"} first
        "refuses",  # prints {"status":"error"} and exits 1
        "logs",  # coloured log lines on stdout among the data
        "no-newline",  # its last line has no newline
        "deaf",  # never reads stdin at all
    ],
    default="plain",
)
parser.add_argument("--lines", type=int, default=5, help="0: endless")
parser.add_argument("--pause", type=float, default=0.0)
parser.add_argument("--silence", type=float, default=1.0)
parser.add_argument("--exit", type=int, default=0)
parser.add_argument("--echo", help="file for the first line of stdin, as it came")
arguments = parser.parse_args()

if arguments.kind != "deaf":
    first = sys.stdin.buffer.read() if arguments.kind == "reads-to-end" else sys.stdin.buffer.readline()
    json.loads(first)
    if arguments.echo:
        with open(arguments.echo, "wb") as file:
            file.write(first)
if arguments.kind == "silent":
    time.sleep(arguments.silence)
if arguments.kind == "handshake":
    wire.send(b'{"status":"ready"}\n')
if arguments.kind == "refuses":
    wire.send(b'{"status":"error","message":"no such database"}\n')
    sys.exit(1)
number = 0
while arguments.lines == 0 or number < arguments.lines:
    number += 1
    if arguments.kind == "logs":
        wire.send(b"\x1b[36m2026/11/21 04:34:46 \x1b[0m[INFO] Polling changes round=%d\n" % number)
    line = wire.envelope(number)
    last = number == arguments.lines
    wire.send(line.rstrip(b"\n") if last and arguments.kind == "no-newline" else line)
    time.sleep(arguments.pause)
os._exit(arguments.exit)
