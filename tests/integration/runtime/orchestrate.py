"""A pipeline as a program: its argument is a JSON object, its last line of stdout the outcome."""

from __future__ import annotations

import dataclasses
import json
import resource
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from conftest import Recorder, launch

from dstream_core.runtime.claims import claim
from dstream_core.runtime.pipeline import run_pipeline
from dstream_core.runtime.posix_parts import become_subreaper

options = json.loads(sys.argv[1])
folder = Path(options["folder"])
observer = Recorder()
for number, value in options.get("limits", {}).items():
    resource.setrlimit(int(number), (value, value))
own = None
if options.get("embedded"):  # a program with children of its own; the command line is a program for the run alone
    own = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
else:
    become_subreaper()
with claim(folder / "lock", "test", wait=options.get("wait", 5.0)) as held:
    outcome = run_pipeline(
        launch("input", options["input"], folder, older=options.get("older_input", False)),
        launch("output", options["output"], folder, older=options.get("older_output", False)),
        claims=[held],
        observer=observer,
        stop_timeout=options.get("stop_timeout", 5.0),
    )
document = {item.name: getattr(outcome, item.name) for item in dataclasses.fields(outcome)}
document["failure"] = outcome.failure and outcome.failure.code
document["message"] = outcome.failure and outcome.failure.message
document["notices"] = [message for _level, message in observer.notices]
if own is not None:
    document["own_child_lives"] = own.poll() is None
    own.kill()
    own.wait()
sys.stdout.write(json.dumps(document) + "\n")
