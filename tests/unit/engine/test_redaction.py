"""Invariant 5, in detail."""

from __future__ import annotations

import base64
import json
import random
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstream_core.engine.redaction import LazyRedactor, Redactor, StreamMask, secrets_within

SECRET = 'p@ss"w\\ord/é<&>+1'


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(json.dumps(SECRET)),
        json.dumps(SECRET, ensure_ascii=False).replace("<", "\\u003c").replace("&", "\\u0026").replace(">", "\\u003e"),
        repr(SECRET),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET).lower(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_masked_in_every_usual_form(shown: str) -> None:
    masked = Redactor([SECRET]).mask_text(f"before {shown} after")
    assert shown.strip("\"'") not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert "(secret)" in masked


@pytest.mark.parametrize("before", ["", "u", "us", "usr", "user:"])
@pytest.mark.parametrize("after", ["", ":", "xy", "xyz"])
def test_a_secret_inside_other_base64_is_masked(before: str, after: str) -> None:
    secret = "correct-horse-battery"
    encoded = base64.b64encode(f"{before}{secret}{after}".encode()).decode()
    masked = Redactor([secret]).mask_text(f"Authorization: Basic {encoded}")
    assert "(secret)" in masked
    assert len(masked) < len(f"Authorization: Basic {encoded}") - len(secret) + len("(secret)") + 8


def test_the_longer_of_two_that_begin_alike_is_masked_whole() -> None:
    assert Redactor(["abc", "abcdef"]).mask(b"abcdef abc") == b"(secret) (secret)"


def test_the_lines_of_a_secret_with_several_are_masked_by_themselves() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nshort\n-----END KEY-----\n"
    redactor = Redactor([key])
    assert redactor.mask(b"log: MIIEvQIBADANBg") == b"log: (secret)"
    assert redactor.mask(b"short of time") == b"short of time"
    assert b"MII" not in redactor.mask(json.dumps({"key": key}).encode())


def test_a_line_cut_within_a_secret_does_not_show_its_beginning() -> None:
    redactor = Redactor(["correct-horse-battery"])
    assert redactor.mask_cut(b"token=correct-hor") == b"token=(secret)"
    assert redactor.mask_cut(b"a cor") == b"a cor"
    assert redactor.mask(b"token=correct-hor") == b"token=correct-hor"


def test_without_secrets_nothing_is_touched() -> None:
    data = b"anything \xff\x00"
    assert Redactor().mask(data) is data
    assert not Redactor([""])


def test_bytes_that_are_no_text_stay_as_they_are() -> None:
    assert Redactor(["hunter22"]).mask(b"\xff\x00hunter22\xfe") == b"\xff\x00(secret)\xfe"


@given(st.lists(st.text(min_size=1), max_size=4), st.text(), st.text())
def test_no_secret_is_left(secrets: list[str], before: str, after: str) -> None:
    encodable = [secret for secret in secrets if secret.isprintable() and "(secret)" not in secret]
    redactor = Redactor(encodable)
    for secret in encodable:
        masked = redactor.mask_text(before.encode("utf-8", "replace").decode() + secret)
        assert len(secret) < 2 or secret not in masked.replace("(secret)", "\0")


@given(st.text(min_size=4, max_size=30, alphabet="abcXYZ"), st.integers(0, 2**32))
def test_a_stream_in_pieces_is_masked_as_a_whole(secret: str, seed: int) -> None:
    chance = random.Random(seed)
    data = "".join(chance.choice([secret, "-", "\n", "other"]) for _ in range(30)).encode()
    redactor = Redactor([secret])
    stream = StreamMask()
    shown = b""
    position = 0
    while position < len(data):
        size = chance.randint(1, 40)
        shown += stream.feed(data[position : position + size], redactor)
        position += size
    shown += stream.finish()
    assert secret.encode() not in shown


def test_whole_lines_pass_a_stream_at_once() -> None:
    stream = StreamMask()
    assert stream.feed(b"hunter22\n", Redactor(["hunter22"])) == b"(secret)\n"
    assert stream.finish() == b""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("server=h,1433;user id=sa;Password=abc;database=d", {"abc"}),
        ("Server=h;PWD='a;b''c';x=y", {"'a;b''c'", "a;b''c", "a;b'c"}),
        ("Driver={x};Pwd={a;b}", {"{a;b}", "a;b"}),
        ("Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey=aGk=;EntityPath=q", {"aGk="}),
        ("DefaultEndpointsProtocol=https;AccountName=n;AccountKey=a/b+c==;EndpointSuffix=s", {"a/b+c=="}),
        ("https://h/c?sv=1&sig=a%2Bb&se=2", {"a%2Bb"}),
        ("postgres://user:p%40ss@host:5432/db", {"p%40ss", "p@ss"}),
        ("https://host:8080/path@x", set()),
        ("nothing here", set()),
    ],
)
def test_secrets_inside_connection_strings(text: str, found: set[str]) -> None:
    assert set(secrets_within(text)) == found


def test_a_lazy_redactor_gathers_once() -> None:
    calls: list[int] = []

    def gather() -> list[str]:
        calls.append(1)
        return ["hunter22"]

    lazy = LazyRedactor(gather)
    lazy.prepare()
    assert lazy.get().mask(b"hunter22") == b"(secret)"
    assert lazy.get() is lazy.get()
    assert calls == [1]
