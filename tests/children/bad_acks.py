"""An output whose acknowledgements are wrong; `--after` lines of good ones come first. Takes stdin to its end."""

from __future__ import annotations

import argparse
import fcntl
import sys

import wire

KINDS = {
    "ahead": lambda count: wire.ack(count + 1_000_000),
    "backwards": lambda count: (wire.ack(count), wire.ack(count - 1)),
    "negative": lambda count: wire.ack(-1),
    "huge": lambda count: wire.ack(10**30),
    "fraction": lambda count: wire.ack(1.5),
    "boolean": lambda count: wire.ack(True),
    "text": lambda count: wire.ack(str(count)),
    "null": lambda count: wire.ack(None),
    "not-json": lambda count: wire.send(b'{"$dstream":{"ack":\n'),
    "not-object": lambda count: wire.send(b'{"$dstream":5}\n'),
    "unknown-member": lambda count: wire.send(b'{"$dstream":{"later":%d}}\n' % count),
    "spaced": lambda count: wire.send(b' {"$dstream":{"ack":%d}}\n' % (count + 1_000_000)),
    "flood": lambda count: wire.send(b'{"$dstream":{"ack":%d}}\n' % count * 10_000),
    "long": lambda count: wire.send(b'{"$dstream":{"pad":"' + b"x" * (8 << 20) + b'","ack":%d}}\n' % count),
    "never": lambda count: None,
    "pipe-size": lambda count: wire.send(b"pipe %d\n" % fcntl.fcntl(0, 1032)),  # F_GETPIPE_SZ
    "half": lambda count: wire.send(b'{"$dstream":{"ack":%d' % count),
}

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--kind", choices=sorted(KINDS), required=True)
parser.add_argument("--after", type=int, default=3)
parser.add_argument("--last", action="store_true", help="the wrong one comes at end of file, behind all good ones")
parser.add_argument("--unannounced", action="store_true", help="its handshake names no capability")
arguments = parser.parse_args()

wire.read_command()
wire.ready("output", () if arguments.unannounced else ("ack",))
count = 0
for count, _line in enumerate(sys.stdin.buffer, 1):
    if count <= arguments.after or arguments.last:
        wire.ack(count)
    if count == arguments.after and not arguments.last:
        KINDS[arguments.kind](count)
if arguments.last:
    KINDS[arguments.kind](count)
