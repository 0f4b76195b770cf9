"""Reading from a socket until a moment: its own timeout is of one read, so who sends a byte a second has no end."""

from __future__ import annotations

import io
import socket
import time


def left(deadline: float) -> float:
    """Seconds until then, by the monotonic clock. Raises TimeoutError where it is over."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("no answer in time")
    return seconds


class TimedConnection:
    """What `http.client` wants of a socket; every wait raises TimeoutError at the deadline."""

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._connected = connected
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._connected.settimeout(left(self._deadline))
        self._connected.sendall(data)

    def makefile(self, _mode: str = "rb") -> io.BufferedReader:
        """For reading only."""
        return io.BufferedReader(_Reading(self._connected, self._deadline))

    def close(self) -> None:
        """Whoever made the connection closes it: the answer may still be read."""


class _Reading(io.RawIOBase):
    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._connected = connected
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._connected.settimeout(left(self._deadline))
        return self._connected.recv_into(buffer)
