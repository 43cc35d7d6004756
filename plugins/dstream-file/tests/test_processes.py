"""The provider as DStream runs it: real processes, spoken to in the protocol, and killed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from dstream_core.protocol.command import Session
from dstream_core.testing import ProviderProcess, Subject, conformance_checks

PATIENCE = 20.0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.005)


def numbers(envelopes: list[dict[str, Any]]) -> list[int]:
    return [envelope["data"]["n"] for envelope in envelopes]


def envelope(number: int, table: str = "t") -> dict[str, Any]:
    return {"data": {"n": number, "pad": "x" * (number % 300)}, "metadata": {"TableName": table}}


def envelope_lines(first: int, end: int) -> bytes:
    return b"".join(json.dumps(envelope(number)).encode() + b"\n" for number in range(first, end))


@pytest.mark.parametrize("check", conformance_checks("input"), ids=str)
def test_conformance_of_the_input(check: Any, file_input: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"n":{number}}}\n' for number in range(10)))
    check.run(Subject(file_input, "input", {"path": str(path)}))


@pytest.mark.parametrize("check", conformance_checks("output"), ids=str)
def test_conformance_of_the_output(check: Any, file_output: list[Path], tmp_path: Path) -> None:
    check.run(Subject(file_output, "output", {"path": str(tmp_path / "out" / "a.jsonl")}))


def test_a_growing_file(file_input: list[Path], tmp_path: Path) -> None:
    path, state = tmp_path / "a.jsonl", tmp_path / "state"
    config = {"path": str(path), "follow": True, "pollInterval": "20ms"}
    with ProviderProcess(file_input, "input", config, state_dir=state) as provider:
        provider.wait_ready()
        for number in range(5):
            with path.open("a") as file:
                file.write(f'{{"n":{number}}}\n{{"half"')
            assert numbers(provider.envelopes(1)) == [number]
            os.truncate(path, path.stat().st_size - len('{"half"'))
        provider.ack(3)
        provider.stop()
        provider.read_rest()
        provider.close_stdin()
        assert provider.wait() == 0
    with ProviderProcess(file_input, "input", config, state_dir=state) as provider:
        provider.wait_ready()
        assert numbers(provider.envelopes(2)) == [3, 4]


def test_many_files_at_once(file_input: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(400):
        (folder / f"{number:03}.jsonl").write_text(f'{{"n":{number}}}\n')
    with ProviderProcess(file_input, "input", {"path": f"{folder}/*.jsonl", "follow": True}) as provider:
        provider.wait_ready()
        assert numbers(provider.envelopes(400)) == list(range(400))
        with (folder / "200.jsonl").open("a") as file:
            file.write('{"n":1000}\n')
        assert numbers(provider.envelopes(1)) == [1000]


def test_an_invalid_line_is_told_by_file_and_line(file_input: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"n":1}\nsecret-content\n')
    with ProviderProcess(file_input, "input", {"path": str(path)}) as provider:
        provider.wait_ready()
        assert numbers(provider.envelopes(1)) == [1]
        provider.read_rest()
        provider.close_stdin()
        assert provider.wait() == 1
        assert f"{path}:2: the record at byte 8 is invalid" in provider.stderr
        assert "secret-content" not in provider.stderr


def test_a_missing_file_is_an_error_before_anything_starts(file_input: list[Path], tmp_path: Path) -> None:
    with ProviderProcess(file_input, "input", {"path": str(tmp_path / "none.jsonl")}) as provider:
        refusal = provider.refusal()
        assert (refusal.code, provider.wait()) == ("file/not-found", 2)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"path": "a", "encoding": "utf-16"}, "iconv"),
        ({"path": "a", "encoding": "no-such"}, "no known encoding"),
        ({"path": "a", "poll_interval": "often"}, "duration"),
        ({"path": "a", "header": False}, "columns"),
        ({"path": []}, "path"),
        ({"path": "a", "delimiter": "ab"}, "one character"),
    ],
)
def test_wrong_options(file_input: list[Path], config: dict[str, Any], message: str) -> None:
    with ProviderProcess(file_input, "input", config) as provider:
        refusal = provider.refusal()
        assert message in str(refusal)
        assert provider.wait() == 2


def test_discover_names_the_tables(file_input: list[Path], tmp_path: Path) -> None:
    for name in ("orders.jsonl", "orders.jsonl.1", "items.csv.gz"):
        (tmp_path / name).write_bytes(b"")
    with ProviderProcess(file_input, "input", {"path": f"{tmp_path}/*"}, verb="discover") as provider:
        provider.wait_ready()
        source = provider.result()["source"]
        assert [table["name"] for table in source["tables"]] == ["items", "orders"]
        assert provider.wait() == 0


def test_acknowledged_lines_are_in_the_file(file_output: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "out" / "{table}.jsonl"
    with ProviderProcess(file_output, "output", {"path": str(path)}) as provider:
        provider.wait_ready()
        provider.send(envelope(number, f"t{number % 3}") for number in range(3000))
        provider.wait_ack(3000)
        written = sum(len((tmp_path / "out" / f"t{table}.jsonl").read_bytes().splitlines()) for table in range(3))
        assert written == 3000
        provider.close_stdin()
        assert provider.wait() == 0


@pytest.mark.parametrize("name", ["{table}.jsonl", "a.csv"])
def test_what_is_before_a_record_at_which_the_run_stops_is_delivered(
    file_output: list[Path], tmp_path: Path, name: str
) -> None:
    session = Session(role="output", task="test", on_reject="stop")
    with ProviderProcess(file_output, "output", {"path": str(tmp_path / name)}, session=session) as provider:
        provider.wait_ready()
        provider.send([envelope(1), envelope(2), {"data": 3}, envelope(4)])
        provider.read_rest()
        assert provider.wait() == 1
        assert last_ack(provider) == 2
    (path,) = tmp_path.glob("[ta].*")
    assert len(path.read_bytes().splitlines()) == 2 + (name == "a.csv")


def test_an_output_killed_while_it_writes_loses_and_breaks_nothing(
    file_output: list[Path], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kills = request.config.getoption("--kills") // 5
    path, state = tmp_path / "out" / "a.jsonl", tmp_path / "state"
    chance = random.Random(20261121)
    acknowledged = 0
    for _ in range(kills):
        acknowledged += lines_before_kill(file_output, path, state, acknowledged, chance.random() * 0.03)
    with ProviderProcess(file_output, "output", {"path": str(path)}, state_dir=state) as provider:
        provider.wait_ready()
        provider.send(envelope(number) for number in range(acknowledged, acknowledged + 5))
        provider.close_stdin()
        assert provider.wait() == 0
    written = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert written == [envelope(line["n"])["data"] for line in written]
    assert first_times([line["n"] for line in written])[: acknowledged + 5] == list(range(acknowledged + 5))


def lines_before_kill(command: list[Path], path: Path, state: Path, first: int, seconds: float) -> int:
    """Stream lines into an output and kill it; returns how many more it had acknowledged."""
    with ProviderProcess(command, "output", {"path": str(path)}, state_dir=state) as provider:
        provider.wait_ready()
        sender = threading.Thread(
            target=lambda: [provider.write(envelope_lines(at, at + 500)) for at in range(first, first + 20_000, 500)]
        )
        sender.start()
        wait_until(lambda: len(provider.stdout) > 1, "an acknowledgement")
        time.sleep(seconds)  # not to wait for something: the moment of the kill is the test's subject
        provider.kill()
        sender.join()
        provider.read_rest()
        counts = [json.loads(line)["$dstream"]["ack"] for line in provider.stdout[1:]]
    return int(counts[-1])


def first_times(values: list[int]) -> list[int]:
    return list(dict.fromkeys(values))


def test_both_ends_killed_at_random(
    file_input: list[Path], file_output: list[Path], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source, target, state = tmp_path / "source.jsonl", tmp_path / "target.jsonl", tmp_path / "state"
    chance = random.Random(7)
    count = counted = 0
    wanted = request.config.getoption("--kills") // 5
    for _ in range(wanted * 5):
        if counted == wanted:
            break
        with source.open("ab") as file:  # always something in flight; what should arrive is known from here
            file.writelines(json.dumps(envelope(n)["data"]).encode() + b"\n" for n in range(count, count + 10_000))
        count += 10_000
        counted += relay_until_killed(file_input, file_output, source, target, state, chance)
    assert counted == wanted, "too few kills hit lines that were not acknowledged"
    assert relay_until_killed(file_input, file_output, source, target, state, None) == 0
    written = [json.loads(line)["n"] for line in target.read_bytes().splitlines()]
    assert first_times(written) == list(range(count))


def relay_until_killed(
    file_input: list[Path],
    file_output: list[Path],
    source: Path,
    target: Path,
    state: Path,
    chance: random.Random | None,
) -> int:
    """Carry lines from one to the other and acknowledgements back; kill one of them, if there is `chance`.

    Returns:
        1 if lines were unacknowledged when it was killed.
    """
    with (
        ProviderProcess(file_output, "output", {"path": str(target)}, state_dir=state / "output") as output,
        ProviderProcess(file_input, "input", {"path": str(source)}, state_dir=state / "input") as reader,
    ):
        output.wait_ready()
        reader.wait_ready()
        given = threading.Event()

        def carry() -> None:
            while (line := reader.read_line()) is not None:
                output.write(line + b"\n")
                given.set()
            if not reader.unfinished:
                output.close_stdin()

        def acknowledge() -> None:
            while (line := output.read_line()) is not None:
                reader.write(line + b"\n")

        threads = [threading.Thread(target=carry), threading.Thread(target=acknowledge)]
        for thread in threads:
            thread.start()
        unacknowledged = 0
        if chance is not None:
            given.wait(5)
            time.sleep(chance.random() * 0.1)  # the moment of the kill is the test's subject
            for provider in (output, reader):
                assert provider.poll() in (None, 0), f"it has ended by itself: {provider.stderr}"
            unacknowledged = int(len(reader.stdout) - 1 > last_ack(output))
            chance.choice([output, reader]).kill()
            output.kill()
            reader.kill()
        for thread in threads:
            thread.join(PATIENCE)
        reader.close_stdin()
        codes = (reader.wait(), output.wait())
    assert chance is not None or codes == (0, 0)
    return unacknowledged


def last_ack(output: ProviderProcess) -> int:
    lines = output.stdout[1:]
    return int(json.loads(lines[-1])["$dstream"]["ack"]) if lines else 0


@pytest.fixture
def small_disk(tmp_path: Path, lacking: Callable[[str], NoReturn]) -> Iterator[Path]:
    """A file system with room for 256 KiB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", mount], capture_output=True)
    if made.returncode:
        lacking("right to mount a tmpfs")
    try:
        yield mount
    finally:
        subprocess.run(["umount", mount], check=True)


@pytest.mark.needs("linux", "root")
def test_a_full_disk(file_output: list[Path], tmp_path: Path, small_disk: Path) -> None:
    path, state = small_disk / "a.jsonl", tmp_path / "state"
    lines = [envelope(number) for number in range(3000)]
    with ProviderProcess(file_output, "output", {"path": str(path)}, state_dir=state) as provider:
        provider.wait_ready()
        for start in range(0, len(lines), 100):
            provider.send(lines[start : start + 100])
        assert provider.wait() == 75
        provider.read_rest()
        acknowledged = last_ack(provider)
        assert "No space left on device" in provider.stderr
    written = path.read_bytes()
    assert written.endswith(b"\n")
    assert [json.loads(line)["n"] for line in written.splitlines()][:acknowledged] == list(range(acknowledged))
    os.truncate(path, 0)
    with ProviderProcess(file_output, "output", {"path": str(path)}, state_dir=state) as provider:
        provider.wait_ready()
        provider.send(lines[:10])
        provider.wait_ack(10)


def test_a_file_that_must_not_grow_further(file_output: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    limit = f"ulimit -f 64; exec '{file_output[0]}'"
    with ProviderProcess(["sh", "-c", limit], "output", {"path": str(path)}) as provider:
        provider.wait_ready()
        provider.send(envelope(number) for number in range(3000))
        assert provider.wait() == 1
        assert "File too large" in provider.stderr
        assert "rotate_size" in provider.stderr
    assert path.read_bytes().endswith(b"\n") or path.read_bytes() == b""


def test_the_lifecycle_through_the_protocol(file_output: list[Path], tmp_path: Path) -> None:
    path, state = tmp_path / "out" / "a.jsonl", tmp_path / "state"

    def ask(verb: Any, **session: Any) -> dict[str, Any]:
        told = Session(role="output", task="test", **session)
        with ProviderProcess(
            file_output, "output", {"path": str(path)}, verb=verb, state_dir=state, session=told
        ) as provider:
            provider.wait_ready()
            return provider.result()

    assert ask("plan")["changes"]["create"] == 1
    assert ask("init")["status"] == "Success"
    with ProviderProcess(file_output, "output", {"path": str(path)}, state_dir=state) as provider:
        provider.wait_ready()
        provider.send([envelope(1)])
        provider.close_stdin()
        assert provider.wait() == 0
    assert ask("status")["files"] == 1
    assert ask("plan", arguments={"destroy": True})["changes"]["delete"] == 2
    refused = ask("destroy")
    assert (refused["status"], refused["needs"]) == ("Failed", ["delete"])
    assert ask("destroy", consent=("delete",))["status"] == "Success"
    assert not path.parent.exists()
