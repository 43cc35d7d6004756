"""The few lines of protocol that these programs share; written from its description, not from the core."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


def read_command() -> dict[str, Any]:
    """The command line; exits quietly if stdin ends before it."""
    line = sys.stdin.buffer.readline()
    if not line:
        raise SystemExit(0)
    return json.loads(line)


def send(data: bytes, descriptor: int = 1) -> None:
    """Writes all of it, whatever the pipe takes at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def ready(role: str, capabilities: tuple[str, ...] = ("ack",)) -> None:
    send(json.dumps({"status": "ready", "protocol": 1, "role": role, "capabilities": capabilities}).encode() + b"\n")


def ack(count: object) -> None:
    send(b'{"$dstream":{"ack":%s}}\n' % json.dumps(count).encode())


def envelope(number: int, size: int = 0) -> bytes:
    """Line `number`, padded to `size` bytes with its newline (if that is longer than it is anyway)."""
    head = b'{"data":{"n":%d,"pad":"' % number
    tail = b'"},"metadata":{"seq":%d}}\n' % number
    return head + b"x" * max(0, size - len(head) - len(tail)) + tail


def sleep_for_ever() -> None:
    while True:
        time.sleep(3600)


def drain_stdin() -> None:
    while os.read(0, 1 << 16):
        pass
