"""The argument that most commands take."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from dstream_core.cli.completion import complete_task

TaskArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="TASK", help="A task of the configuration.", autocompletion=complete_task)
]

YesOption: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Answer every question with yes.")]
