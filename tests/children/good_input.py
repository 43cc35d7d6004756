"""An input that behaves: N lines, then end of file; obeys stop; notes each acknowledgement in a journal.

The journal holds one JSON object a line: {"sent": N} when it has written them, {"ack": N}, {"stop": true}, {"end": true}.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time

import wire

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--lines", type=int, default=10, help="0: endless")
parser.add_argument("--first", type=int, default=1, help="number of the first line")
parser.add_argument("--size", type=int, default=0, help="bytes a line")
parser.add_argument("--pause", type=float, default=0.0, help="seconds between lines")
parser.add_argument("--journal", help="file to note what happened in")
parser.add_argument("--leave", action="store_true", help="exit at once after the last line")
parser.add_argument("--deaf", action="store_true", help="do not obey stop: send all lines")
arguments = parser.parse_args()

stopping = threading.Event()
journal_lock = threading.Lock()


def note(**entry: object) -> None:
    if arguments.journal:
        with journal_lock, open(arguments.journal, "a") as journal:
            journal.write(json.dumps(entry) + "\n")


def listen() -> None:
    """Control lines until stdin ends."""
    buffer = b""
    while chunk := os.read(0, 1 << 16):
        *lines, buffer = (buffer + chunk).split(b"\n")
        for line in lines:
            members = json.loads(line)["$dstream"]
            note(**members)
            if members.get("stop") and not arguments.deaf:
                stopping.set()
    note(end=True)
    stopping.set()


# Unbuffered up to the newline, so that control lines behind it are left for the listener.
command = b""
while not command.endswith(b"\n"):
    byte = os.read(0, 1)
    if not byte:
        raise SystemExit(0)
    command += byte
wire.ready("input")
listener = threading.Thread(target=listen)
listener.start()

number, block = arguments.first - 1, []
while not stopping.is_set() and (arguments.lines == 0 or number < arguments.first + arguments.lines - 1):
    number += 1
    block.append(wire.envelope(number, arguments.size))
    if arguments.pause or len(block) * max(arguments.size, 50) > 1 << 16:
        wire.send(b"".join(block))
        block.clear()
    if arguments.pause:
        time.sleep(arguments.pause)
wire.send(b"".join(block))
note(sent=number - arguments.first + 1)
if arguments.leave:
    os._exit(0)
os.close(1)
listener.join()
