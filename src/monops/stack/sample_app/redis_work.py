"""Work for the Redis that the stack watches: a few commands a second, in Redis' own protocol over a plain socket.

Source: redis.io/docs/latest/develop/reference/protocol-spec.
"""

from __future__ import annotations

import socket
import threading
from io import BufferedRWPair
from pathlib import Path
from typing import NamedTuple

PORT = 6379
#: Seconds between two attempts to connect: it doubles from the first to the last.
_FIRST_PAUSE, _LAST_PAUSE = 1.0, 30.0


class Address(NamedTuple):
    """Where a Redis is."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """`HOST:PORT`, or `HOST` with the usual port. Raises ValueError."""
        host, colon, port = text.rpartition(":")
        if not colon:
            host, port = text, str(PORT)
        host = host.strip("[]")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(f"{text!r} is not HOST:PORT")
        return cls(host, int(port))


class RedisWork:
    """Works until it is stopped; where Redis does not answer, it tries again, ever more slowly and without a word."""

    def __init__(self, address: Address, *, password_file: Path | None, beat: float = 1.0) -> None:
        self._address = address
        self._password_file = password_file
        #: Seconds between two rounds of commands.
        self._beat = beat
        self._round = 0
        #: In words, for the list.
        self.state = "not connected yet"

    def keep_going(self, stop: threading.Event) -> None:
        """Connects, works, and connects again, until `stop`."""
        pause = 0.0
        while not stop.wait(pause):
            pause = min(max(pause * 2, _FIRST_PAUSE), _LAST_PAUSE)
            try:
                with socket.create_connection(self._address, timeout=5) as link, link.makefile("rwb") as stream:
                    self._log_in(stream)
                    while not stop.is_set():
                        self._work(stream)
                        self.state = "connected"
                        pause = 0.0
                        stop.wait(self._beat)
            except (OSError, ValueError) as error:
                self.state = f"not connected: {error}"

    def _log_in(self, stream: BufferedRWPair) -> None:
        if self._password_file is not None:
            # Read each time: it may have been changed.
            command(stream, "AUTH", self._password_file.read_text(encoding="utf-8").rstrip("\r\n"))

    def _work(self, stream: BufferedRWPair) -> None:
        self._round += 1
        # The keys go away by themselves when the application does.
        command(stream, "SET", "sample-app:round", str(self._round), "EX", "600")
        command(stream, "GET", "sample-app:round")
        command(stream, "LPUSH", "sample-app:rounds", str(self._round))
        command(stream, "LTRIM", "sample-app:rounds", "0", "99")
        command(stream, "EXPIRE", "sample-app:rounds", "600")


def command(stream: BufferedRWPair, *words: str) -> bytes | None:
    """Sends a command and reads its answer: a line or a string. Raises OSError, ValueError."""
    parts = [word.encode() for word in words]
    stream.write(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
    stream.flush()
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("Redis hung up")
    kind, rest = line[:1], line[1:-2]
    if kind in (b"+", b":"):
        return rest
    if kind != b"$":  # "-" is an error; no command here is answered by anything else
        raise ConnectionError(rest.decode(errors="replace"))
    length = int(rest)
    return None if length < 0 else stream.read(length + 2)[:-2]
