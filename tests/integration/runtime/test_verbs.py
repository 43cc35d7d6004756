"""Lifecycle verbs: one command line, one result."""

from __future__ import annotations

import json

import pytest

from dstream_core.errors import DStreamError


def test_a_result_and_its_document(verb, child):
    result = {"status": "Success", "resources": [{"id": "q", "type": "queue", "action": "create"}], "message": "ok"}
    outcome = verb(child("lifecycle.py", "--result", json.dumps(result)))
    assert outcome.document == result
    assert outcome.result.resources[0].action == "create"
    assert outcome.exit_code == 0


def test_the_command_line_carries_the_session(verb, child):
    outcome = verb(child("lifecycle.py", "--echo"), "status", config={"a": 1})
    got = outcome.document["metadata"]
    assert (got["command"], got["config"]) == ("status", {"a": 1})
    assert got["dstream"]["protocol"] == 1


def test_an_older_provider_gets_no_session_and_may_answer_in_strings(verb, child):
    result = '{"status":"Success","resources":["queue a","queue b"]}'
    outcome = verb(child("lifecycle.py", "--older", "--result", result), older=True)
    assert [resource.id for resource in outcome.result.resources] == ["queue a", "queue b"]
    echoed = verb(child("lifecycle.py", "--older", "--echo"), older=True).document["metadata"]
    assert "dstream" not in echoed


def test_a_failed_result_is_returned(verb, child):
    outcome = verb(child("lifecycle.py", "--needs", "delete", "--result", "{}"))
    assert outcome.result.failed
    assert outcome.result.needs == ("delete",)


def test_an_older_provider_that_prints_its_result_over_many_lines(verb, tmp_path):
    program = tmp_path / "pretty.sh"
    program.write_text('cat >/dev/null\nprintf "{\\n  \\"status\\": \\"Success\\",\\n  \\"resources\\": []\\n}\\n"\n')
    assert not verb(("/bin/sh", str(program)), older=True).result.failed


def test_other_lines_are_for_the_user(verb, tmp_path, observer):
    program = tmp_path / "chatty.sh"
    program.write_text('cat >/dev/null\necho creating\necho \'{"status":"Success"}\'\necho bye\n')
    verb(("/bin/sh", str(program)), older=True)
    assert b"".join(observer.texts) == b"creating\nbye\n"


@pytest.mark.parametrize(
    ("argv", "options", "code"),
    [
        (("crash.py", "--role", "output", "--when", "ready", "--exit", 2), {}, "provider/exited"),
        (("crash.py", "--role", "output", "--when", "start"), {}, "provider/exited"),
        (("exits_early.py", "--lines", 0), {}, "protocol/no-result"),
        (("handshake.py", "--role", "output", "--kind", "error"), {}, "test/refused"),
        (("handshake.py", "--role", "output", "--kind", "not-json"), {}, "protocol/handshake"),
        (("never_ready.py",), {"start_timeout": 0.5}, "protocol/handshake"),
    ],
)
def test_what_goes_wrong_is_told(verb, child, argv, options, code):
    with pytest.raises(DStreamError) as caught:
        verb(child(*argv), **options)
    assert caught.value.code == code
