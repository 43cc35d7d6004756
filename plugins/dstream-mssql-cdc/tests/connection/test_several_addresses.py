"""A name with several addresses, one of which does not answer: all are tried at the same time.

It is FreeTDS' doing, so it is tried with the real resolver: in a process whose `/etc/hosts` is another one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from sql_servers import TestServer

LOGIN_TIMEOUT = 10
CONNECTING = """
import json, socket, sys, threading, time
from dstream_mssql_cdc.connection.connect import connect
from dstream_mssql_cdc.connection.settings import ConnectionSettings

def forward(source, target):
    while data := source.recv(65536):
        target.sendall(data)

def serve(listener, server):
    while True:
        client, there = listener.accept()[0], socket.create_connection(server)
        for pair in ((client, there), (there, client)):
            threading.Thread(target=forward, args=pair, daemon=True).start()

given = json.load(sys.stdin)
first, second = (each[4][0] for each in socket.getaddrinfo("listener.test", 1, type=socket.SOCK_STREAM))
good = socket.create_server((second, 0))
port = good.getsockname()[1]
threading.Thread(target=serve, args=(good, (given["host"], given["port"])), daemon=True).start()
if given["first"] == "silent":  # its queue is full, so that nothing answers a SYN
    deaf = socket.socket()
    deaf.bind((first, port))
    deaf.listen(0)
    waiting = [socket.socket() for _ in range(4)]
    for each in waiting:
        each.setblocking(False)
        each.connect_ex((first, port))
    try:
        socket.create_connection((first, port), timeout=0.5)
    except TimeoutError:
        pass
    else:
        sys.exit("it answers")
began = time.monotonic()
settings = {**given["settings"], "host": "listener.test", "port": port}
connection = connect(ConnectionSettings(**settings))
print(json.dumps([connection.query("SELECT 1")[0][0], time.monotonic() - began]))
"""


@pytest.fixture
def hosts(tmp_path: Path, lacking: Callable[[str], NoReturn]) -> Iterator[list[str]]:
    """The beginning of a command line, for which `listener.test` has two addresses."""
    path = tmp_path / "hosts"
    path.write_text("127.0.0.1 localhost listener.test\n127.0.0.2 listener.test\n")
    script = f'mount --bind {path} /etc/hosts && exec "$@"'
    for unshare in (["unshare", "-m"], ["unshare", "-rm"]):
        start = [*unshare, "sh", "-c", script, "sh"]
        try:
            done = subprocess.run([*start, "getent", "ahosts", "listener.test"], capture_output=True, check=False)
        except OSError:
            continue
        if done.returncode == 0 and b"127.0.0.2" in done.stdout:
            yield start
            return
    lacking("name space of mounts for a hosts file of its own")


@pytest.mark.parametrize("first", ["silent", "refusing"])
@pytest.mark.parametrize("option", [True, False])
def test_an_address_that_does_not_answer_costs_no_time(
    host: TestServer, hosts: list[str], first: str, option: bool
) -> None:
    here = host.settings
    settings = {
        "user": here.user,
        "password": here.password,
        "database": "master",
        "login_timeout": LOGIN_TIMEOUT,
        "multi_subnet_failover": option,
    }
    given = {"host": here.host, "port": here.port, "first": first, "settings": settings}
    done = subprocess.run(
        [*hosts, sys.executable, "-c", CONNECTING],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer, seconds = json.loads(done.stdout)
    assert answer == 1
    assert seconds < LOGIN_TIMEOUT / 2
