"""A line that cannot be delivered is kept, byte for byte, or stops the run; it is never dropped (invariant 10)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

GOOD = '{"data":{"id":%d,"name":"n%d"},"metadata":{"TableName":"T"}}'
WRONG_COLUMNS = '{"data" : {"id":%d, "extra":"x,y"}, "metadata":{"TableName":"T","big":12345678901234567890.10}}'
ODD = [
    b"not json at all",
    b"",
    b'{"data":{"id":1',
    b'{"metadata":{}}',
    b'{"data":{"id":2},"metadata":[]}',
    b"[1,2]",
    b"\xff\xfe bytes \x80",
    b'{"data":{"id":3,"name":"\xff"},"metadata":{}}',
    b'{"data":{"id":4},"metadata":{}}\r',
    b'{"data":17,"metadata":{}}',
    b'{"data":{"id":"\\ud800"},"metadata":{}}',
    '{"data":{"name":"ü \u2028 \U0001f600"}}'.encode()[:-2],
    b'{"$dstream":{"ack":99}}',
    b'{"status":"error","message":"I am data"}',
    b"\0\0\0",
]
CSV = '    provider = "file"\n    config {\n      path = "out.csv"\n      columns = ["id", "name"]\n    }'


def install(dstream: Any, lines: list[bytes], *, older: bool = False) -> None:
    """An input that writes these lines, and says that it stands behind each; resumes as `skip` says."""
    (dstream.folder / "lines").write_bytes(b"".join(line + b"\n" for line in lines))
    script = (
        'read -r command\n[ -n "$command" ] || exit 0\n'
        + ("" if older else 'echo \'{"status":"ready","protocol":1,"role":"input","capabilities":["ack"]}\'\n')
        + "cat lines\nexec 1>&-\n"
        + ("" if older else "cat > acks\n")
    )
    dstream.program("in", script, None if older else {"roles": ["input"]})


def rejected(folder: Path, task: str = "t") -> list[dict[str, Any]]:
    path = folder / ".dstream" / "dead-letters" / task / "rejected.jsonl"
    if not path.exists():
        return []
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def line_of(record: dict[str, Any]) -> bytes:
    assert ("line" in record) != ("line_base64" in record)
    return record["line"].encode() if "line" in record else base64.b64decode(record["line_base64"])


def last_ack(folder: Path) -> int:
    return json.loads((folder / "acks").read_text().splitlines()[-1])["$dstream"]["ack"]


def test_lines_with_wrong_columns_are_kept_and_the_others_arrive(dstream, tmp_path: Path) -> None:
    good = {number for number in range(1, 31) if number % 5}
    lines = [(GOOD % (n, n) if n in good else WRONG_COLUMNS % n).encode() for n in range(1, 31)]
    install(dstream, lines)
    dstream.write(dstream.task("t", '    provider = "./in"', CSV))
    done = dstream("run", "t", "--json")
    assert done.code == 0, done.err
    assert (done.document["records"], done.document["acknowledged"], done.document["dead_letters"]) == (30, 30, 6)
    assert done.document["dead_letters_directory"] == str(tmp_path / ".dstream" / "dead-letters" / "t")
    assert done.says("6 dead letters in ")
    assert last_ack(tmp_path) == 30
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert rows == ["id,name", *(f"{n},n{n}" for n in sorted(good))]

    found = rejected(tmp_path)
    assert [record["number"] for record in found] == [5, 10, 15, 20, 25, 30]
    assert [line_of(record) for record in found] == [lines[record["number"] - 1] for record in found]
    assert {(record["task"], record["provider"]) for record in found} == {("t", "file")}
    assert all("extra" in record["reason"] for record in found)
    for record in found:
        age = datetime.now(UTC) - datetime.fromisoformat(record["time"])
        assert timedelta(0) <= age < timedelta(minutes=5)


def test_each_kind_of_bad_line_is_kept_byte_for_byte_in_order(dstream, tmp_path: Path) -> None:
    good = (GOOD % (7, 7)).encode()
    lines = [line for odd in ODD for line in (odd, good)]
    install(dstream, lines)
    dstream.write(dstream.task("t", '    provider = "./in"', CSV))
    done = dstream("run", "t", "--json")
    assert done.code == 0, done.err
    assert done.document["acknowledged"] == len(lines)
    found = rejected(tmp_path)
    numbers = [record["number"] for record in found]
    assert len(numbers) == len(set(numbers))
    by_reader = [record["number"] for record in found if "column" not in record["reason"]]
    assert by_reader == sorted(by_reader)  # what only the file cannot take is kept when its batch is written
    assert [line_of(record) for record in found] == [lines[number - 1] for number in numbers]
    # some odd lines a CSV file can hold; what is neither there nor kept was dropped
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert len(rows) - 1 + len(found) == len(lines)
    kept = {line_of(record) for record in found}
    assert {*ODD} - kept <= {b'{"data":{"id":4},"metadata":{}}\r'}
    assert done.document["dead_letters"] == len(found)


def test_a_run_that_is_repeated_adds_to_the_dead_letters(dstream, tmp_path: Path) -> None:
    install(dstream, [b"one", b"two"])
    dstream.write(dstream.task("t", '    provider = "./in"', CSV))
    assert dstream("run", "t").code == 0
    path = tmp_path / ".dstream" / "dead-letters" / "t" / "rejected.jsonl"
    with path.open("ab") as file:
        file.write(b'{"time":"half a record that a crash left')
    assert dstream("run", "t").code == 0
    whole = [line for line in path.read_bytes().splitlines() if not line.startswith(b'{"time":"half')]
    assert [json.loads(line)["line"] for line in whole] == ["one", "two", "one", "two"]


def test_stop_ends_at_the_first_bad_line(dstream, tmp_path: Path) -> None:
    lines = [(GOOD % (n, n)).encode() for n in range(1, 21)]
    lines[9] = (WRONG_COLUMNS % 10).encode()
    install(dstream, lines)
    dstream.write(dstream.task("t", '    provider = "./in"', f'    on_reject = "stop"\n{CSV}'))
    done = dstream("run", "t", "--json")
    assert done.code == 1
    assert done.says("line 10 cannot be delivered", "extra", "dead_letter")
    assert "x,y" not in done.err, "the message names the reason, not the values"
    assert done.document["acknowledged"] == 9
    assert last_ack(tmp_path) == 9, "invariant 1: nothing behind it"
    assert rejected(tmp_path) == []
    assert (tmp_path / "out.csv").read_text().splitlines()[-1] == "9,n9"


@pytest.mark.parametrize("limit", [1, 3])
def test_too_many_in_a_row_stop_the_run(dstream, tmp_path: Path, limit: int) -> None:
    """Two in a row, then a good one, then bad ones without end: `max_rejects` counts those in a row."""
    bad, good = (WRONG_COLUMNS % 1).encode(), (GOOD % (1, 1)).encode()
    lines = [good, bad, bad, good, *[bad] * 50]
    install(dstream, lines)
    dstream.write(dstream.task("t", '    provider = "./in"', f"    max_rejects = {limit}\n{CSV}"))
    done = dstream("run", "t", "--json")
    assert done.code == 1
    assert done.says(f"{limit} lines in a row were rejected", "max_rejects")
    expected = [2] if limit == 1 else [2, 3, 5, 6, 7]
    assert [record["number"] for record in rejected(tmp_path)] == expected
    assert done.document["dead_letters"] == len(expected)
    assert done.document["acknowledged"] == last_ack(tmp_path) == expected[-1], "what was kept is acknowledged"


def test_an_older_inputs_log_lines_are_no_dead_letters_but_broken_envelopes_are(dstream, tmp_path: Path) -> None:
    lines = [
        b"\x1b[36m2026/11/21 \x1b[0m[INFO] starting",
        (GOOD % (1, 1)).encode(),
        b'{"data":{"id":2,"name":"cut in half',
        b"[WARN] connection lost",
        b"\xff\xfe\x00 noise",
        b"",
        (GOOD % (3, 3)).encode(),
        b'{"no":"data"}',
    ]
    install(dstream, lines, older=True)
    dstream.write(dstream.task("t", '    provider = "./in"', CSV))
    done = dstream("run", "t", "--json")
    assert done.code == 0, done.err
    assert [line_of(record) for record in rejected(tmp_path)] == [lines[2], lines[7]]
    assert done.says("starting", "connection lost")
    assert (tmp_path / "out.csv").read_text().splitlines() == ["id,name", "1,n1", "3,n3"]
    assert (done.document["records"], done.document["acknowledged"]) == (8, 8)


def test_a_huge_bad_line_is_kept_whole(dstream, tmp_path: Path) -> None:
    line = b'{"data":{"id":1,"pad":"' + b"\\u00e9" * 1_500_000 + b'"},"metadata":{}}'
    install(dstream, [line, (GOOD % (2, 2)).encode()])
    dstream.write(dstream.task("t", '    provider = "./in"', CSV))
    done = dstream("run", "t")
    assert done.code == 0, done.err
    (record,) = rejected(tmp_path)
    assert line_of(record) == line
