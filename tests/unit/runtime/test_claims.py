"""Claims on files that are missing, odd, full of rubbish, or signed by somebody who is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from dstream_core.errors import ConfigurationError
from dstream_core.runtime import posix_parts
from dstream_core.runtime.claims import ClaimedError, claim


def test_it_says_who_holds_it(tmp_path):
    path = tmp_path / "lock"
    with claim(path, "dstream run orders") as held:
        assert held.descriptor > 2
        holder = rf"`dstream run orders` already runs as process {os.getpid()}"
        with pytest.raises(ClaimedError, match=holder), claim(path, "me", wait=0.0):
            pass
    with claim(path, "me", wait=0.0):
        assert path.exists()


def test_it_never_takes_the_number_of_a_standard_stream(tmp_path):
    """A child has its own 0, 1 and 2: it would not inherit the claim, silently."""
    code = (
        "import pathlib, sys; from dstream_core.runtime.claims import claim; folder = pathlib.Path(sys.argv[1])\n"
        "with claim(folder / 'lock', 'me') as held: (folder / 'number').write_text(str(held.descriptor))"
    )
    argv = ["/bin/sh", "-c", 'exec "$@" <&- 2>&-', "sh", sys.executable, "-c", code, str(tmp_path)]
    subprocess.run(argv, check=True)
    assert int((tmp_path / "number").read_text()) > 2


def test_it_belongs_to_whoever_inherited_it(tmp_path):
    """Invariant 6."""
    path = tmp_path / "lock"
    with claim(path, "first") as held:
        argv = [sys.executable, "-S", "-c", "input()"]
        heir = subprocess.Popen(argv, stdin=subprocess.PIPE, pass_fds=[held.descriptor])
    with pytest.raises(ClaimedError), claim(path, "second", wait=0.0):
        pass
    heir.communicate(b"\n")
    with claim(path, "second", wait=0.0):
        pass


def test_the_file_must_be_usable(tmp_path):
    for path in (tmp_path / "missing" / "lock", tmp_path):
        with pytest.raises(ConfigurationError) as caught, claim(path, "me"):
            pass
        assert caught.value.code == "runtime/claim-unusable"
        assert str(path) in caught.value.message


def test_a_full_disk_is_no_reason_not_to_run(tmp_path, monkeypatch):
    def full(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    path = tmp_path / "lock"
    with claim(path, "me"), pytest.raises(ClaimedError, match="another process holds"), claim(path, "you", wait=0.0):
        pass


@pytest.mark.parametrize(
    "rubbish", [b"", b"[]", b"\xff", b'{"pid":1e400}', b'{"pid":1e30,"what":1,"since":2}', b"[" * 99_999]
)
def test_whatever_the_file_holds_the_answer_is_a_message(tmp_path, rubbish):
    path = tmp_path / "lock"
    with claim(path, "me"):
        path.write_bytes(rubbish)
        with pytest.raises(ClaimedError), claim(path, "you", wait=0.0):
            pass


@pytest.mark.needs("linux")
def test_a_number_that_was_given_again_is_not_the_holder(tmp_path):
    """It would tell the user to kill an innocent process."""
    path = tmp_path / "lock"
    with claim(path, "me"):
        holder = json.loads(path.read_bytes())
        assert holder["started"] == posix_parts.start_mark(os.getpid())
        path.write_text(json.dumps(holder | {"started": "1"}))
        with pytest.raises(ClaimedError, match="itself gone"), claim(path, "you", wait=0.0):
            pass
