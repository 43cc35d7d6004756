"""The listening side: accepts clients, a thread for each, and can go away and come back."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import threading
import time
from dataclasses import asdict
from typing import Any

from dstream_sandbox.sqlserver.tds.channel import Channel
from dstream_sandbox.sqlserver.tds.connection import Connection
from dstream_sandbox.sqlserver.tds.greeting import Services

LOG = logging.getLogger("dstream_sandbox.sqlserver")

_PATIENCE = 10.0
"""Seconds for threads to end, and for the port to be had again."""


class WireServer:
    """Accepts TDS clients.

    Args:
        services: What connections share.
        host: The address to listen at.
        port: 0: any that is free.
    """

    def __init__(self, services: Services, host: str = "127.0.0.1", port: int = 0) -> None:
        self.services = services
        self.host = host
        self.port = port
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._connections: dict[Connection, threading.Thread] = {}
        self._most = 0
        self._accepted = 0
        services.engine.on_kill = self.kill

    # -- listening

    def start(self) -> None:
        """Listens; `port` is known afterwards.

        Raises:
            OSError: The port is taken.
        """
        listener = _listen(self.host, self.port)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._acceptor = threading.Thread(target=self._accept, args=(listener,), name="acceptor", daemon=True)
        self._acceptor.start()

    def stop_listening(self) -> None:
        """Refuses new connections as a machine without a server does; the present ones stay."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        listener.close()
        if self._acceptor is not None:
            self._acceptor.join(_PATIENCE)

    def listen_again(self) -> None:
        """On the same port; nothing when it listens.

        Raises:
            OSError: Another process has taken it in the meantime.
        """
        if self._listener is not None:
            return
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self.start()
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    raise
            else:
                return
            time.sleep(0.02)

    def restart(self, milliseconds: int) -> None:
        """As a server that is started again: connections end, none are accepted for a while, data stays."""
        self.stop_listening()
        self.close_all()
        time.sleep(milliseconds / 1000)
        self.listen_again()

    def close(self) -> None:
        """Ends everything; all threads are gone afterwards."""
        self.stop_listening()
        self.services.faults.clear()
        self.close_all()

    # -- connections

    def connections(self) -> dict[str, Any]:
        """Those that are logged in, how many there are in all, the most there ever were, and how many were accepted."""
        with self._lock:
            present = list(self._connections)
        found = [info for connection in present if (info := connection.info()) is not None]
        return {
            "sessions": [asdict(info) for info in found],
            "current": len(present),
            "most": self._most,
            "accepted": self._accepted,
        }

    def forget_most(self) -> None:
        """The most connections are counted anew."""
        with self._lock:
            self._most = len(self._connections)

    def close_all(self) -> int:
        """Cuts all connections off and waits for their sessions to end; gives how many there were."""
        with self._lock:
            present = dict(self._connections)
        for connection in present:
            connection.cut()
        deadline = time.monotonic() + _PATIENCE
        for thread in present.values():
            thread.join(max(deadline - time.monotonic(), 0))
        return len(present)

    def kill(self, spid: int) -> bool:
        """Cuts the connection of a session off; False: there is none."""
        with self._lock:
            found = [connection for connection in self._connections if connection.spid == spid]
        for connection in found:
            connection.cut()
        return bool(found)

    # -- threads

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                if self._listener is not listener:
                    return
                time.sleep(0.05)  # out of file descriptors: try again
                continue
            self._welcome(accepted)

    def _welcome(self, accepted: socket.socket) -> None:
        try:
            channel = Channel(accepted)
        except OSError:
            accepted.close()
            return
        connection = Connection(channel, self.services)
        thread = threading.Thread(target=self._serve, args=(connection, channel), name="connection", daemon=True)
        with self._lock:
            self._connections[connection] = thread
            self._most = max(self._most, len(self._connections))
            self._accepted += 1
        thread.start()

    def _serve(self, connection: Connection, channel: Channel) -> None:
        try:
            connection.serve()
        except Exception:
            LOG.exception("a connection ended with an internal error")
        finally:
            channel.close()
            with self._lock:
                self._connections.pop(connection, None)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener
