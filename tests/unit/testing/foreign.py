"""A conforming provider written without dstream_core, as in another language; `--break RULE` makes it break one rule."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from typing import Any

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("role", choices=["input", "output"])
parser.add_argument("--break", dest="broken", default="")
arguments = parser.parse_args()
BROKEN = arguments.broken
OPTIONS = {"count"}
MANIFEST = {
    "name": "foreign",
    "version": "1",
    "protocol": 1,
    "roles": [arguments.role],
    "commands": ["run", "check"],
    "capabilities": ["ack"],
    "config_schema": {"type": "object", "properties": {"count": {"type": "integer"}}, "additionalProperties": False},
}


def say(document: Any) -> None:
    line = json.dumps(document, separators=(",", ":")).encode() + b"\n"
    while line:
        line = line[os.write(1, line) :]


def refuse(message: str) -> None:
    say({"status": "error", "message": message})
    sys.exit(2)


class Lines:
    """Lines of stdin, read without buffering more than what is there."""

    def __init__(self) -> None:
        self.buffer = b""

    def next(self) -> bytes | None:
        while b"\n" not in self.buffer:
            chunk = os.read(0, 1 << 20)
            if not chunk:
                return self.buffer + b"\n" if BROKEN == "unfinished-line" and self.take() else None
            self.buffer += chunk
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def take(self) -> bytes:
        taken, self.buffer = self.buffer, b""
        return taken


LINES = Lines()


def main() -> None:  # noqa: C901  one command line, answered from top to bottom
    first = LINES.next()
    if first is None:
        sys.exit(3 if BROKEN == "empty-stdin" else 0)
    if BROKEN == "long-command" and len(first) > 1 << 16:
        sys.exit(1)
    command = json.loads(first)
    verb, config, session = command["command"], command.get("config", {}), command.get("dstream")
    if verb == "describe":
        if BROKEN == "describe":
            say({"status": "ready"})
        say(MANIFEST)
        return
    if unknown := set(config) - OPTIONS:
        if BROKEN == "unknown-option-secret":
            refuse(f"unknown: {config}")
        if BROKEN != "unknown-option":
            refuse(f"unknown: {sorted(unknown)}")
    if verb not in MANIFEST["commands"] and BROKEN != "verb-without-answer":
        refuse(f"no {verb}")
    capabilities = [] if BROKEN == "ready" else ["ack"]
    say({"status": "ready", "protocol": 1, "role": arguments.role, "capabilities": capabilities})
    if verb != "run":
        say({"status": "Failed" if BROKEN == "verbs-answer" else "Success", "resources": []})
        return
    if arguments.role == "input":
        run_input(config, session)
    else:
        run_output(session)


def load(path: str) -> int:
    if not os.path.exists(path):
        return 0
    with open(path) as file:
        return int(file.read())


def store(path: str, position: int) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(str(position))


def run_input(config: dict[str, Any], session: dict[str, Any]) -> None:
    path = os.path.join(session["state_dir"], "position")
    start = load(path)
    stopping = threading.Event()
    acknowledged = [0]

    def listen() -> None:
        while (line := LINES.next()) is not None:
            members = json.loads(line).get("$dstream", {})
            acknowledged[0] = members.get("ack", acknowledged[0])
            if members.get("stop") and BROKEN != "stop":
                stopping.set()
        if BROKEN != "orphaned":
            stopping.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    number = start
    while not stopping.is_set() and number < start + config.get("count", 10**9):
        number += 1
        if BROKEN == "unacknowledged-comes-again":
            store(path, number)
        say({"data": {"n": number}} if BROKEN != "envelopes" else {"n": number})
        time.sleep(0.001)
    if BROKEN == "stop-half-line":
        os.write(1, b'{"data":')
    os.close(1)
    listener.join()
    if BROKEN != "unacknowledged-comes-again" and acknowledged[0]:
        store(path, start + acknowledged[0])


def run_output(session: dict[str, Any]) -> None:
    count = 0
    if BROKEN == "no-lines":
        LINES.next() or sys.exit(1)
    while (line := LINES.next()) is not None:
        count += 1
        try:
            json.loads(line)["data"]
        except (ValueError, TypeError, KeyError):
            if BROKEN != "dead-letter":
                os.makedirs(session["dead_letters"], exist_ok=True)
                with open(os.path.join(session["dead_letters"], "rejected.jsonl"), "a") as letters:
                    letters.write(json.dumps({"number": count, "line": line.decode()}) + "\n")
        if BROKEN == "acknowledges":
            continue
        say({"$dstream": {"ack": count + (BROKEN == "never-ahead")}})


main()
