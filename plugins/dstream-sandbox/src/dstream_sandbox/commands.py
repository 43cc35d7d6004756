"""`dstream sandbox …`: stand-ins in the foreground, until Ctrl-C."""

from __future__ import annotations

import json
import shlex
import signal
from pathlib import Path
from typing import Annotated

import typer

from dstream_core.errors import DStreamError
from dstream_sandbox.sqlserver.client import SqlServerSandbox

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def sandbox() -> None:
    """Starts local stand-ins for the systems that DStream moves data between."""


@app.command()
def sqlserver(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0: any that is free.")] = 0,
    database: Annotated[list[str] | None, typer.Option(help="A database to create; may be repeated.")] = None,
    script: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="T-SQL to run at the start; may be repeated."),
    ] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Offer encryption, with a certificate made for this run.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write what one needs to connect as one JSON line.")] = False,
) -> None:
    """Starts enough of SQL Server to try things out: change data capture included, everything in memory.

    The administrator's password is made up, or taken from the variable DSTREAM_SANDBOX_PASSWORD.
    """
    databases = database or ["sandbox"]
    server = SqlServerSandbox(databases, scripts=script or (), tls="available" if tls else "off", port=port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end it in order
    try:
        with server:
            typer.echo(_facts(server, databases) if as_json else _welcome(server, databases))
            code = server.wait()
    except KeyboardInterrupt:
        return
    except DStreamError as error:
        typer.echo(f"error: {error.message}", err=True)
        raise typer.Exit(1) from error
    if code:
        typer.echo(f"error: the sandbox ended with exit code {code}\n{server.log()}", err=True)
        raise typer.Exit(1)


def _facts(server: SqlServerSandbox, databases: list[str]) -> str:
    return json.dumps(
        {**server.facts, "databases": databases, "connection_string": server.connection_string(databases[0])}
    )


def _welcome(server: SqlServerSandbox, databases: list[str]) -> str:
    text = server.connection_string(databases[0])
    arguments = {**server.pymssql(databases[0])}
    call = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
    config = shlex.quote(json.dumps({"db_connection_string": text}))
    return f"""SQL Server sandbox at {server.host}, port {server.port}; databases: {", ".join(databases)}
Everything is in memory and gone when this ends (Ctrl-C).

  connection string   {text}
  Python              pymssql.connect({call})
  with sqlcmd         sqlcmd -S {server.host},{server.port} -U {server.user} -P {shlex.quote(server.password)} -C
  control channel     port {server.facts["control_port"]}

Turn on change data capture for a table, and read it:

  EXEC sys.sp_cdc_enable_db;
  EXEC sys.sp_cdc_enable_table @source_schema = N'dbo', @source_name = N'Orders', @role_name = NULL;

  echo {config} | dstream-mssql-cdc

or as a task of dstream.hcl:

  task "orders" {{
    input {{
      provider = "mssql-cdc"
      config {{
        db_connection_string = {_hcl(text)}
        tables               = ["Orders"]
      }}
    }}
    output {{
      provider = "file"
      config {{
        path = "out/{{table}}.jsonl"
      }}
    }}
  }}"""


def _hcl(text: str) -> str:
    """A text as HCL writes it."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
