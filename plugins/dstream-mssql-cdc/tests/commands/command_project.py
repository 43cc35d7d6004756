"""The installed `dstream` with the input and an output, run by people whose passwords must not be seen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dstream_sandbox.sqlserver.client import SqlServerSandbox

DSTREAM = str(Path(sys.executable).with_name("dstream"))
CANARY = "Canary7f3a"
PASSWORD = f"{CANARY};'\"x="
"""In all passwords of these tests, right or wrong; whoever sees it in an output has found a leak."""
PATIENCE = 60.0


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


class Project:
    """A folder with one task, `copy`, from `mssql-cdc` to files."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._started: list[subprocess.Popen[bytes]] = []

    def write(self, options: str, source: str = "") -> None:
        """The configuration; `options` is HCL."""
        connection = (
            f"db_connection_string = {json.dumps(source)}" if source else 'db_connection_string = env("SOURCE")'
        )
        text = f"""
task "copy" {{
  input {{
    provider = "mssql-cdc"
    config {{
      {connection}
      {options}
    }}
  }}
  output {{
    provider = "file"
    config {{
      path     = "out.jsonl"
      envelope = true
    }}
  }}
}}
"""
        (self.folder / "dstream.hcl").write_text(text)

    def __call__(self, source: str, *arguments: str) -> Done:
        """Runs a command to its end; nothing that it wrote, files too, has a password in it."""
        process = self.start(source, *arguments)
        out, err = process.communicate(timeout=PATIENCE)
        return self._done(process, out, err)

    def start(self, source: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts a command."""
        process = subprocess.Popen(
            [DSTREAM, *arguments],
            cwd=self.folder,
            env=os.environ | {"SOURCE": source},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._started.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> Done:
        """Asks it to end."""
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
        return self._done(process, out, err)

    def lines(self) -> list[dict[str, Any]]:
        """What has been delivered so far; a line that is being written is not there yet."""
        path = self.folder / "out.jsonl"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def until(self, condition: Callable[[], Any], process: subprocess.Popen[bytes]) -> None:
        """Waits while the command runs."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def _written(self) -> list[Path]:
        """All files but the user's own."""
        return [path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".hcl"]

    def _done(self, process: subprocess.Popen[bytes], out: bytes, err: bytes) -> Done:
        done = Done(process.returncode, out.decode(), err.decode())
        assert "Traceback" not in done.err, done.err
        written = [path.read_bytes().decode(errors="replace") for path in self._written()]
        for text in (done.out, done.err, *written):
            assert CANARY not in text
        return done


def connection_string(
    sandbox: SqlServerSandbox,
    database: str,
    user: str = "",
    password: str = PASSWORD,
    server: str = "",
    more: str = "",
) -> str:
    """Where, and as whom; the sandbox's administrator unless another user is named."""
    quoted = password.replace('"', '""')
    where = server or f"{sandbox.host},{sandbox.port}"
    return f'Server={where};Database={database};User ID={user or sandbox.user};Password="{quoted}";{more}'
