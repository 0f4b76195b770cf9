"""A TCP proxy that loses the connection for good after so many bytes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


class CuttingProxy:
    """Passes connections on until clients have sent `limit` bytes; then it cuts all of them and refuses new ones."""

    def __init__(self, target: str, limit: int) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        self._left = limit
        self._guard = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.has_cut = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Nobody gets through from now on."""
        self.has_cut.set()
        with self._guard:
            for connection in [self._listener, *self._open]:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()
            self._open = []

    def close(self) -> None:
        self.cut()
        for thread in self._threads:
            thread.join(timeout=5)

    def _accept(self) -> None:
        while not self.has_cut.is_set():
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target, timeout=30)
            except OSError:
                return
            with self._guard:
                self._open += [client, server]
            for source, sink, counted in ((client, server, True), (server, client, False)):
                thread = threading.Thread(target=self._pump, args=(source, sink, counted), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
                if counted:
                    with self._guard:
                        self._left -= len(data)
                    if self._left <= 0:
                        self.cut()
                        return
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def cutting(target: str, limit: int) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(target, limit)
    try:
        yield proxy
    finally:
        proxy.close()
