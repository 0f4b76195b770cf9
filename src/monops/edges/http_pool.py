"""Many small GETs at once over kept connections, with the standard library alone.

`requests` takes a third of a second to import and a millisecond a question: too much of the second and a half that a
whole diagnosis may take.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from queue import Empty, Full, LifoQueue
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

#: Seconds to connect.
CONNECT_WITHIN = 1.0
#: Connections that are kept.
_KEPT = 16


class Hangs(Exception):
    """Somebody took the connection and did not answer in time."""


class NobodyThere(Exception):
    """Nobody takes a connection, or it broke."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    body: bytes

    def text(self) -> str:
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """None where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class HttpPool:
    """One server: `http://host:port/prefix`, `https://…`, or `unix:///path/of/the/socket`."""

    def __init__(self, address: str) -> None:
        self._parts = urlsplit(address)
        self._free: LifoQueue[http.client.HTTPConnection] = LifoQueue(_KEPT)
        # The connections end with the pool.
        weakref.finalize(self, _close, self._free).atexit = False
        self._headers = {"User-Agent": "monops", "Host": self._parts.hostname or "localhost"}
        if self._parts.hostname and self._parts.port:
            self._headers["Host"] = self._parts.netloc.rpartition("@")[2]
        if self._parts.username:
            self._headers |= basic(unquote(self._parts.username), unquote(self._parts.password or ""))

    @property
    def shown(self) -> str:
        """The address without a password."""
        return self._parts._replace(netloc=self._parts.netloc.rpartition("@")[2]).geturl().rstrip("/")

    def get(
        self,
        path: str,
        parameters: Mapping[str, str] | None = None,
        *,
        within: float,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Redirects are not followed. Raises Hangs and NobodyThere."""
        base = "" if self._parts.scheme == "unix" else self._parts.path.rstrip("/")
        target = base + path + (f"?{urlencode(parameters)}" if parameters else "")
        everything = {**self._headers, **(headers or {})}
        try:
            kept = self._free.get_nowait()
        except Empty:
            kept = None
        if kept is not None:
            # The server may have closed it meanwhile: then a new one is right, and nothing was asked twice.
            with contextlib.suppress(http.client.RemoteDisconnected, ConnectionError):
                return self._ask(kept, target, everything, within)
        return self._fresh(target, everything, within)

    def _fresh(self, target: str, headers: Mapping[str, str], within: float) -> Reply:
        made = self._new()
        try:
            made.connect()
        except (OSError, ValueError) as error:
            made.close()
            raise NobodyThere(_said(error)) from error
        try:
            return self._ask(made, target, headers, within)
        except ConnectionError as error:
            raise NobodyThere(_said(error)) from error

    def _ask(self, made: http.client.HTTPConnection, target: str, headers: Mapping[str, str], within: float) -> Reply:
        try:
            if made.sock is not None:
                made.sock.settimeout(within)
            made.request("GET", target, headers=dict(headers))
            answer = made.getresponse()
            reply = Reply(answer.status, answer.read())
        except TimeoutError as error:
            made.close()
            raise Hangs(f"no answer within {within:g} s") from error
        except (http.client.RemoteDisconnected, ConnectionError):
            made.close()
            raise
        except (OSError, http.client.HTTPException) as error:
            made.close()
            raise NobodyThere(_said(error)) from error
        except ValueError:
            made.close()
            # Its words show the header, and that may be a login: nobody may read them, in a traceback neither.
            raise NobodyThere("a header that HTTP cannot send, such as a login with a line's end in it") from None
        # One that the server closes has no socket any more.
        try:
            if made.sock is not None:
                self._free.put_nowait(made)
        except Full:
            made.close()
        return reply

    def _new(self) -> http.client.HTTPConnection:
        if self._parts.scheme == "unix":
            return _UnixConnection(self._parts.path)
        host = self._parts.hostname or "localhost"
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(host, self._parts.port, timeout=CONNECT_WITHIN)
        return http.client.HTTPConnection(host, self._parts.port, timeout=CONNECT_WITHIN)


def basic(user: str, password: str) -> dict[str, str]:
    """The header of a login. Source: RFC 7617."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=CONNECT_WITHIN)
        self._path = path

    def connect(self) -> None:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.settimeout(CONNECT_WITHIN)
        try:
            made.connect(self._path)
        except OSError:
            made.close()
            raise
        self.sock = made


def _close(kept: LifoQueue[http.client.HTTPConnection]) -> None:
    with contextlib.suppress(Empty):
        while True:
            kept.get_nowait().close()


def _said(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no connection in time"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
