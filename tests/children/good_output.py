"""An output that behaves: appends lines to a file, syncs, acknowledges. Options make it slow, stall, or late with acks."""

from __future__ import annotations

import argparse
import os
import time

import wire

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--file", default=os.devnull)
parser.add_argument("--rate", type=float, default=0, help="lines a second; 0: as fast as they come")
parser.add_argument("--stall-after", type=int, default=-1, help="stop reading for ever after so many lines")
parser.add_argument("--hold", action="store_true", help="acknowledge at end of file only")
parser.add_argument("--say", help="print this line for the user once ready")
arguments = parser.parse_args()

command = b""
while not command.endswith(b"\n"):
    byte = os.read(0, 1)
    if not byte:
        raise SystemExit(0)
    command += byte
wire.ready("output")
if arguments.say:
    wire.send(arguments.say.encode() + b"\n")

count, last, rest = 0, time.monotonic(), [b""]
target = os.open(arguments.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
while chunk := os.read(0, 1 << 16):
    end = chunk.rfind(b"\n") + 1
    if not end:
        rest.append(chunk)
        continue
    whole = b"".join(rest) + chunk[:end]
    rest = [chunk[end:]]
    wire.send(whole, target)
    lines = whole.count(b"\n")
    count += lines
    if arguments.rate:
        time.sleep(lines / arguments.rate)
    if 0 <= arguments.stall_after <= count:
        wire.sleep_for_ever()
    if not arguments.hold and time.monotonic() - last > 0.05:
        if arguments.file != os.devnull:
            os.fsync(target)
        wire.ack(count)
        last = time.monotonic()
if arguments.file != os.devnull:
    os.fsync(target)
wire.ack(count)
