"""Leaves a process behind that holds its pipes, or a daemon in a session of its own that ignores every signal.

The process left behind writes its id to `--pid-file` before the parent goes on.
"""

from __future__ import annotations

import argparse
import os
import signal
import time

import wire

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--role", choices=["input", "output"], default="input")
parser.add_argument("--daemon", action="store_true", help="fork twice and call setsid")
parser.add_argument("--release", action="store_true", help="the process left behind closes all its descriptors")
parser.add_argument("--ignore", action="store_true", help="it ignores SIGTERM, SIGINT and SIGHUP")
parser.add_argument("--chatter", action="store_true", help="it goes on writing to stdout")
parser.add_argument("--on", type=int, choices=[1, 2], default=1, help="with `--chatter`: the descriptor")
parser.add_argument("--stay", action="store_true", help="the parent stays as well")
parser.add_argument("--lines", type=int, default=5)
parser.add_argument("--pid-file", required=True)
arguments = parser.parse_args()


def left_behind(started: int) -> None:
    if arguments.ignore:
        for name in ("SIGTERM", "SIGINT", "SIGHUP"):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    with open(arguments.pid_file + ".new", "w") as file:
        file.write(str(os.getpid()))
    os.replace(arguments.pid_file + ".new", arguments.pid_file)
    os.close(started)
    if arguments.release:
        os.closerange(0, 256)
    number = 1_000_000
    while arguments.chatter:
        number += 1
        wire.send(wire.envelope(number), arguments.on)
        time.sleep(0.01)
    wire.sleep_for_ever()


def leave() -> None:
    """Forks; returns in the parent once the process left behind is there."""
    wait, started = os.pipe()
    if os.fork() == 0:
        os.close(wait)
        if arguments.daemon:
            os.setsid()
            if os.fork():
                os._exit(0)
        left_behind(started)
    os.close(started)
    os.read(wait, 1)


wire.read_command()
wire.ready(arguments.role)
leave()
if arguments.role == "input":
    for number in range(1, arguments.lines + 1):
        wire.send(wire.envelope(number))
if arguments.stay:
    wire.drain_stdin()
    wire.sleep_for_ever()
if arguments.role == "output":
    wire.drain_stdin()
