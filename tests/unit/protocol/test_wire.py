"""Command lines, handshakes, control lines, results and manifests: what is written is read back, rubbish is refused."""

from __future__ import annotations

import json
import os
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.errors import ConfigurationError
from dstream_core.protocol.command import Command, Session, decode_command, encode_command
from dstream_core.protocol.control import ack_of, decode_control, encode_ack, encode_log, encode_progress
from dstream_core.protocol.exact_json import as_unicode, decode_json, encode_json
from dstream_core.protocol.handshake import Ready, Refusal, decode_handshake, encode_ready, encode_refusal
from dstream_core.protocol.manifest import Manifest, decode_manifest, encode_manifest
from dstream_core.protocol.result import Resource, Result, count_changes, decode_result, encode_result

numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40)
texts = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=10,
)


@given(values)
def test_json_keeps_every_value_exactly(value):
    line = encode_json(value)
    assert b"\n" not in line
    assert decode_json(line) == value


def test_numbers_are_written_as_numbers_however_large():
    assert encode_json({"a": 2**70, "b": Decimal("1E+3"), "c": Decimal("0.10")}) == (
        b'{"a":1180591620717411303424,"b":1000,"c":0.10}'
    )


@pytest.mark.parametrize("value", [float("nan"), Decimal("Infinity"), {1: 2}, object(), "\ud800"])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        encode_json(value)


@given(st.dictionaries(texts, values), st.dictionaries(texts, values))
def test_a_command_line_is_read_back(config, arguments):
    session = Session("output", "orders", "/state", "/dead", "stop", 7, {"tables": []}, 0, ("delete",), arguments)
    command = Command("plan", config, session)
    assert decode_command(encode_command(command)) == command


def test_older_forms_of_the_command_line():
    assert decode_command(b'{"a":1}\n') == Command("run", {"a": 1})
    assert encode_command(Command("run", {"a": 1}), bare=True) == b'{"a":1}\n'
    assert encode_command(Command("run", {"a": 1})) == b'{"command":"run","config":{"a":1}}\n'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"rubbish", "not JSON"),
        (b"[]", "JSON object"),
        (b'{"command":"dance"}', "unknown command 'dance'"),
        (b'{"command":"run","config":[]}', "`config` must be"),
        (b'{"command":"run","dstream":{"protocol":2,"role":"input"}}', "protocol 2 is not spoken"),
        (b'{"command":"run","dstream":{"protocol":1}}', "with a role"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_a_bad_command_line_is_a_configuration_error(line, message):
    with pytest.raises(ConfigurationError, match=message):
        decode_command(line)


def test_handshakes_are_read_back():
    assert decode_handshake(encode_ready("input", ["ack"])) == Ready(1, "input", frozenset({"ack"}))
    refusal = Refusal("no", "a/b", "try", ({"path": ["x"], "message": "bad"},))
    assert decode_handshake(encode_refusal(refusal)) == refusal


@pytest.mark.parametrize("odd", [5, ["a"], {"a": 1}, True, None, ""])
def test_odd_members_of_a_refusal_are_left_out(odd):
    line = json.dumps({"status": "error", "message": "no", "code": odd, "hint": odd, "problems": [odd]}).encode()
    problems = (odd,) if isinstance(odd, dict) else ()
    assert decode_handshake(line) == Refusal("no", None, None, problems)


def test_odd_members_of_ready_are_left_out():
    line = b'{"status":"ready","protocol":true,"role":7,"capabilities":"ack"}'
    assert decode_handshake(line) == Ready(0, None, frozenset())


@given(st.binary())
def test_rubbish_is_no_handshake_and_no_control_line(line):
    handshake = decode_handshake(line)
    assert handshake is None or b"status" in line
    assert decode_control(line) is None or line.startswith(b'{"$dstream"')


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"a":' * 100_000, b'{"status":"fine"}', b'{"status":["ready"]}'])
def test_deep_and_strange_lines_are_no_handshake(line):
    assert decode_handshake(line) is None


def test_control_lines_are_read_back():
    assert ack_of(decode_control(encode_ack(12))) == 12
    assert decode_control(encode_progress({"lag": 1.5})) == {"progress": {"lag": Decimal("1.5")}}
    assert decode_control(encode_log("info", "hello", {"a": 1})) == {
        "log": {"a": 1, "level": "info", "message": "hello"}
    }


@pytest.mark.parametrize("members", ['{"ack":true}', '{"ack":1.0}', '{"ack":"1"}', '{"ack":null}', "{}", "5", "[]"])
def test_only_a_whole_number_is_an_acknowledgement(members):
    control = decode_control(b'{"$dstream":%s}' % members.encode())
    assert control is None or ack_of(control) is None


def test_results_are_read_back_and_counted():
    resources = (
        Resource("a", "queue", action="create", after={"size": 1}),
        Resource("b", "queue", action="replace", before={"session": False}, after={"session": True}),
        Resource("c", "queue", action="same"),
    )
    result = Result(resources, "hello", False, None, ("delete",), {"tables": []}, True, {"metadata": {"x": 1}})
    document = json.loads(encode_result(result))
    assert document["changes"] == {"create": 2, "update": 0, "delete": 1, "same": 1} == count_changes(resources)
    read = decode_result(document)
    assert (read.needs, read.healthy, read.source, read.message) == (("delete",), True, {"tables": []}, "hello")
    assert [(item.id, item.action) for item in read.resources] == [("a", "create"), ("b", "replace"), ("c", "same")]


def test_results_of_older_providers():
    result = decode_result({"status": "Failed", "resources": ["q1", {"name": "q2"}], "error": "no"})
    assert [resource.id for resource in result.resources] == ["q1", "q2"]
    assert result.failed
    assert result.error == "no"


def test_manifests_are_read_back():
    manifest = Manifest(
        "file",
        "1.0",
        ("input", "output"),
        {"input": ("run",), "output": ("run", "init")},
        frozenset({"ack"}),
        1,
        {"input": {"type": "object"}, "output": {"type": "object"}},
        "files",
    )
    assert decode_manifest(encode_manifest(manifest), "x") == manifest


def test_the_originals_manifest_means_an_older_provider():
    manifest = decode_manifest('{"name":"counter","version":"1","type":"input","config_schema":{"type":"object"}}', "x")
    assert (manifest.protocol, manifest.roles) == (0, ("input",))
    assert manifest.config_schema == {"input": {"type": "object"}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"protocol":2}',
        '{"protocol":1,"roles":["sideways"]}',
        '{"protocol":1,"roles":[]}',
        '{"commands":{"input":"run"}}',
        '{"config_schema":[1]}',
    ],
)
def test_a_bad_manifest_is_told(text):
    with pytest.raises(ConfigurationError, match=r"my\.json"):
        decode_manifest(text, "my.json")


def test_names_that_are_no_text_are_shown_as_bytes():
    odd, lone = os.fsdecode(b"caf\xe9"), "\ud800"
    assert as_unicode({odd: [odd, (1, None)], "é": lone}) == {"caf\\xe9": ["caf\\xe9", [1, None]], "é": "\\ud800"}
    line = encode_result(Result(message=odd, resources=(Resource("a", name=odd),)))
    assert decode_result(decode_json(line)).message == "caf\\xe9"
