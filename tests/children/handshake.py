"""First lines that are wrong, strange, doubled, huge or unfinished; then it takes stdin to its end."""

from __future__ import annotations

import argparse
import json
import sys

import wire

READY = {"status": "ready", "protocol": 1, "capabilities": ["ack"]}

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--role", choices=["input", "output"], default="input")
parser.add_argument(
    "--kind",
    choices=[
        "other-role",
        "other-protocol",
        "older",
        "twice",
        "not-json",
        "array",
        "blank-lines-first",
        "huge",
        "no-newline",
        "error",
        "error-silent",
        "error-after-ready",
        "data-first",
        "binary",
    ],
    required=True,
)
parser.add_argument("--exit", type=int, default=1, help="exit code after an error")
arguments = parser.parse_args()

other = {"input": "output", "output": "input"}[arguments.role]
ready = json.dumps(READY | {"role": arguments.role}).encode() + b"\n"
error = json.dumps(
    {"status": "error", "message": "the password was refused", "code": "test/refused", "hint": "ask for a new one"}
).encode()
first = {
    "other-role": json.dumps(READY | {"role": other}).encode() + b"\n",
    "other-protocol": json.dumps(READY | {"role": arguments.role, "protocol": 9}).encode() + b"\n",
    "older": b'{"status":"ready"}\n',
    "twice": ready + ready,
    "not-json": b"Hello, I am starting up\n" + ready,
    "array": b'["ready"]\n' + ready,
    "blank-lines-first": b"\n\n" + ready,
    "huge": b'{"status":"ready","pad":"' + b"x" * (4 << 20) + b'"}\n',
    "no-newline": ready.rstrip(),
    "error": error + b"\n",
    "error-silent": b'{"status":"error"}\n',
    "error-after-ready": ready + error + b"\n",
    "data-first": wire.envelope(1) + ready,
    "binary": bytes(range(256)) + b"\n",
}[arguments.kind]

wire.read_command()
wire.send(first)
if arguments.kind.startswith("error"):
    sys.exit(arguments.exit)
if arguments.kind == "no-newline":
    wire.sleep_for_ever()
wire.drain_stdin()
