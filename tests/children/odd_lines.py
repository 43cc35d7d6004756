"""An input whose lines are whatever a line may be: the core moves bytes and counts newlines, nothing else."""

from __future__ import annotations

import argparse
import os

import wire

ODD = [
    b"",
    b"\0",
    b'{"data":{"a":"\0\0"},"metadata":{}}',
    b"\xff\xfe not utf-8 \x80",
    b"\r",
    b'{"data":{"n":1},"metadata":{}}\r',
    b'{"$dstream":{"ack":999999}}',
    b'{"$dstream":{"stop":true}}',
    b'{"status":"ready"}',
    b'{"status":"error","message":"I am data"}',
    b"not json at all",
    b'{"data":{"n":123456789012345678901234567890,"f":0.10000000000000000001},"metadata":{}}',
    b'  {"data" : {} , "metadata" : {}}  ',
    '{"data":{"ü":"\u2028"},"metadata":{}}'.encode(),
    b"\x1b[2J\x1b]0;title\x07",
    b'{"data":{},"metadata":{}}',
]

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--long-mib", type=int, default=0, help="instead: lines of so many MiB")
parser.add_argument("--lines", type=int, default=1, help="how many of the long ones")
parser.add_argument("--repeat", type=int, default=1, help="how often the odd ones")
parser.add_argument("--older", action="store_true", help="no handshake")
arguments = parser.parse_args()

wire.read_command()
if not arguments.older:
    wire.ready("input")
if arguments.long_mib:
    for number in range(1, arguments.lines + 1):
        wire.send(wire.envelope(number, arguments.long_mib << 20))
else:
    wire.send(b"".join(line + b"\n" for line in ODD) * arguments.repeat)
os.close(1)
if not arguments.older:
    wire.drain_stdin()
