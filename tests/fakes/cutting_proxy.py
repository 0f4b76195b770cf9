"""A TCP proxy that resets connections, a number of times, once so many bytes have passed."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class CuttingProxy:
    """Passes connections on to a local port, and cuts them when too much has passed, a number of times."""

    def __init__(self, target: int, *, up_after: int | None, down_after: int | None, times: int) -> None:
        self._target = target
        self._limits = {"up": up_after, "down": down_after}
        self._left = times
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self.cuts = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [near, far]
            for source, sink, way in ((near, far, "up"), (far, near, "down")):
                thread = threading.Thread(target=self._pass_on, args=(source, sink, way, near))
                thread.start()
                self._threads.append(thread)

    def _pass_on(self, source: socket.socket, sink: socket.socket, way: str, near: socket.socket) -> None:
        passed, limit = 0, self._limits[way]
        with suppress(OSError):
            while data := source.recv(1 << 16):
                passed += len(data)
                if limit is not None and passed > limit and self._may_cut():
                    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _may_cut(self) -> bool:
        with self._lock:
            if self._left == 0:
                return False
            self._left -= 1
            self.cuts += 1
            return True

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for end in self._sockets:
            end.close()


@contextmanager
def cutting(
    target: int, *, up_after: int | None = None, down_after: int | None = None, times: int
) -> Iterator[CuttingProxy]:
    """A proxy in front of a local port that cuts `times` connections after so many bytes up or down."""
    proxy = CuttingProxy(target, up_after=up_after, down_after=down_after, times=times)
    server = threading.Thread(target=proxy.serve)
    server.start()
    try:
        yield proxy
    finally:
        proxy.close()
        server.join(10)
