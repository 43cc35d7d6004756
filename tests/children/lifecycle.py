"""Answers every verb but run with the result given; `--echo` puts the command line it got into the result's metadata."""

from __future__ import annotations

import argparse
import json
import sys

import wire

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--role", choices=["input", "output"], default="output")
parser.add_argument("--result", default='{"status":"Success","resources":[]}', help="JSON object")
parser.add_argument("--exit", type=int, default=0)
parser.add_argument("--echo", action="store_true")
parser.add_argument("--needs", help="fail with this need until consent names it")
parser.add_argument("--older", action="store_true", help="no handshake")
arguments = parser.parse_args()

command = wire.read_command()
if not arguments.older:
    wire.ready(arguments.role)
result = json.loads(arguments.result)
if arguments.echo:
    result["metadata"] = command
consent = command.get("dstream", {}).get("consent", [])
if arguments.needs and arguments.needs not in consent:
    result = {"status": "Failed", "needs": [arguments.needs], "message": f"needs {arguments.needs}", "resources": []}
    print(json.dumps(result), flush=True)
    sys.exit(1)
print(json.dumps(result), flush=True)
sys.exit(arguments.exit)
