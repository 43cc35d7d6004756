"""The sandbox's process: `python -m dstream_sandbox.sqlserver.main`.

When it listens it writes one JSON line to stdout: `host`, `port`, `control_port`, `user`, `password`, `databases`, `tls`, and
`certificate` (PEM) when there is TLS. Its log goes to stderr. It ends on SIGTERM and SIGINT, by the control verb `shutdown`, and
with `--die-with-parent` when its stdin is closed.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import logging
import os
import re
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dstream_sandbox.sqlserver.control import Control, ControlServer
from dstream_sandbox.sqlserver.errors import SqlError
from dstream_sandbox.sqlserver.language.conversions.convert import implicit_converter
from dstream_sandbox.sqlserver.results import ErrorItem, RowSet
from dstream_sandbox.sqlserver.seam import Server, Session
from dstream_sandbox.sqlserver.tds.greeting import Services
from dstream_sandbox.sqlserver.tds.server import WireServer
from dstream_sandbox.sqlserver.tds.tls import make_certificate, server_context
from dstream_sandbox.sqlserver.types import SqlType

PASSWORD_VARIABLE = "DSTREAM_SANDBOX_PASSWORD"  # noqa: S105  the name of a variable
"""The administrator's password; without it one is made up. A variable, since arguments are seen by everybody."""

COLLECT_AFTER = (50_000, 20, 50)
"""Rows are tuples, trees and tokens have no cycles: the collector's usual thresholds look at all of them for nothing."""

ENGINE = os.environ.get("DSTREAM_SANDBOX_ENGINE") or "dstream_sandbox.sqlserver.engine.server:Server"
"""What stands behind the wire, as `module:class`; the variable is for tests of the wire itself."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the sandbox until it is told to end; gives the exit code."""
    options = _parser().parse_args(arguments)
    gc.set_threshold(*COLLECT_AFTER)
    logging.basicConfig(level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        return _run(options, ended)
    except (SqlError, OSError, ValueError) as error:
        sys.stderr.write(f"the sandbox could not start: {error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dstream-sandbox-sqlserver", description="A stand-in for SQL Server.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--control-port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--user", default="sa", help="the administrator")
    parser.add_argument("--database", action="append", default=[], help="a database to create; may be repeated")
    parser.add_argument("--script", action="append", default=[], type=Path, help="a file of T-SQL to run at the start")
    parser.add_argument("--tls", choices=("off", "available", "required"), default="off")
    parser.add_argument("--capture-interval", type=float, help="seconds between two looks of a capture job at the log")
    parser.add_argument("--time-zone", default="", help="where the server is: a name such as Europe/Berlin")
    parser.add_argument("--die-with-parent", action="store_true", help="end when stdin is closed")
    parser.add_argument("--log-level", default="warning", choices=("debug", "info", "warning", "error"))
    parser.add_argument("--engine", default=ENGINE, help=argparse.SUPPRESS)
    return parser


def _run(options: argparse.Namespace, ended: threading.Event) -> int:
    password = os.environ.get(PASSWORD_VARIABLE) or secrets.token_hex(8)
    engine: Server = _load(options.engine)(options.user, password, **_settings(options))
    certificate, key = make_certificate() if options.tls != "off" else (b"", b"")
    context = server_context(certificate, key) if certificate else None
    services = Services(engine, options.tls, context, convert=_converted)
    wire = WireServer(services, options.host, options.port)
    try:
        _prepare(engine, options, password)
        _listen(wire, options)
        control = ControlServer(Control(wire, engine, options.user, password, ended), port=options.control_port)
        _announce(
            host=options.host, port=wire.port, control_port=control.port, user=options.user, password=password,
            databases=options.database, tls=options.tls, certificate=certificate.decode(),
        )  # fmt: skip
        if options.die_with_parent:
            threading.Thread(target=_watch_stdin, args=(ended,), name="parent", daemon=True).start()
        _wait(ended)
        control.close()
    finally:
        wire.close()
        engine.close()
    return 0


def _listen(wire: WireServer, options: argparse.Namespace) -> None:
    try:
        wire.start()
    except OSError as error:
        place = f"{options.host}, port {options.port}"
        reason = error.strerror or str(error)
        raise ValueError(f"it cannot listen at {place} ({reason}): choose another port, or 0 for any") from error


def _load(name: str) -> Callable[..., Server]:
    module, _, attribute = name.partition(":")
    loaded: Callable[..., Server] = getattr(importlib.import_module(module), attribute)
    return loaded


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """What the engine is told besides its administrator."""
    given = {"capture_interval": options.capture_interval, "time_zone": options.time_zone or None}
    return {name: value for name, value in given.items() if value is not None}


def _converted(value: Any, source: SqlType, target: SqlType) -> Any:
    """An argument of a call as the type that it was declared with."""
    convert = implicit_converter(source, target)
    return value if convert is None else convert(value)


def _prepare(engine: Server, options: argparse.Namespace, password: str) -> None:
    session = engine.login(options.user, password, "", "dstream sandbox", "")
    try:
        for name in options.database:
            run(session.execute(f"CREATE DATABASE [{name.replace(']', ']]')}]"))
        if options.database:
            run(session.execute(f"USE [{options.database[0].replace(']', ']]')}]"))
        for path in options.script:
            for line, batch in batches_of(path.read_text(encoding="utf-8-sig")):
                _run_of(path, session, line, batch)
    finally:
        session.close()


def _run_of(path: Path, session: Session, line: int, batch: str) -> None:
    try:
        run(session.execute(batch))
    except SqlError as error:
        place = f"{path}, line {line + error.line - 1}"
        raise ValueError(f"{place}: error {error.number}: {error.message}") from error


def run(items: Any) -> None:
    """Runs a batch to its end; the first error is raised.

    Raises:
        SqlError: It failed.
    """
    for item in items:
        if isinstance(item, ErrorItem):
            raise item.error
        if isinstance(item, RowSet):
            for _ in item.rows:
                pass


_END_OF_BATCH = re.compile(r"\s*GO(?:\s+(\d+))?\s*;?\s*(?:--.*)?", re.IGNORECASE)


def batches_of(script: str) -> list[tuple[int, str]]:
    """A script's batches with the line each begins in: lines with nothing but `GO` end one; `GO 5` has it run five times."""
    batches: list[tuple[int, str]] = []
    lines: list[str] = []
    first = 1
    for number, line in enumerate([*script.splitlines(), "GO"], 1):
        end = _END_OF_BATCH.fullmatch(line)
        if end is None:
            lines.append(line)
            continue
        text, lines = "\n".join(lines), []
        if text.strip():
            batches += [(first, text)] * int(end[1] or 1)
        first = number + 1
    return batches


def _announce(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _watch_stdin(ended: threading.Event) -> None:
    # Not sys.stdin: its lock would be held by this thread when the interpreter ends.
    while os.read(0, 4096):
        pass
    ended.set()


def _wait(ended: threading.Event) -> None:
    while not ended.wait(3600):  # a wait without an end keeps signals from being handled on some platforms
        pass


if __name__ == "__main__":
    sys.exit(main())
