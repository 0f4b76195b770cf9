"""Names as a program in a container resolves them: its hosts file, its resolv.conf, and UDP to its name server.

The C library cannot be asked: it would read this machine's files. The order is that of Go, in which Prometheus is
written: hosts file, then each name of the search list, IPv4 and IPv6.
Source: RFC 1035; resolv.conf(5); golang/go, src/net/dnsclient_unix.go, src/net/dnsconfig_unix.go.
"""

from __future__ import annotations

import math
import secrets
import socket
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from monops.domain.address import is_address
from monops.edges.probe_deadline import TimedConnection, left

_A, _AAAA, _IN = 1, 28, 1
#: Bits of the header: recursion desired; cut off.
_RECURSION, _TRUNCATED = 0x0100, 0x0200
_NO_SUCH_NAME = 3
_SERVERS, _LONGEST = 3, 253
_NO_TIME = "no name server answers in time"


class NotResolved(Exception):
    """The name has no address, in the words of Go's resolver: `no such host`."""


class _OutOfTime(NotResolved):
    """Whoever asked had no more time: of the name that says nothing."""


@dataclass(frozen=True, slots=True)
class ResolverConfig:
    """What a container's files say."""

    servers: tuple[str, ...] = ("127.0.0.1",)
    search: tuple[str, ...] = ()
    ndots: int = 1
    #: Seconds for one question.
    timeout: float = 5.0
    attempts: int = 2
    #: name -> its addresses.
    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def names(self, name: str) -> tuple[str, ...]:
        """The whole names that are asked for, in order."""
        bare = name.rstrip(".")
        if name.endswith("."):
            return (bare,)
        longer = tuple(f"{bare}.{suffix}" for suffix in self.search)
        found = (bare, *longer) if bare.count(".") >= self.ndots else (*longer, bare)
        return tuple(one for one in found if 0 < len(one) <= _LONGEST)


def config_of(resolv: str, hosts: str) -> ResolverConfig:
    """The two files' texts. Lines that mean nothing are passed over, as resolvers do."""
    servers, search, options = [], tuple[str, ...](), dict[str, int]()
    for line in resolv.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        if len(words) < 2:
            continue
        if words[0] == "nameserver" and is_address(words[1]):
            servers.append(words[1])
        elif words[0] in ("search", "domain"):
            search = tuple(word.strip(".") for word in words[1:] if word.strip("."))
        elif words[0] == "options":
            for name, colon, number in (word.partition(":") for word in words[1:]):
                if colon and number.isdigit():
                    options[name] = int(number)
    return ResolverConfig(
        servers=tuple(servers[:_SERVERS]) or ("127.0.0.1",),
        search=search,
        ndots=min(options.get("ndots", 1), 15),
        timeout=max(1.0, options.get("timeout", 5)),
        attempts=max(1, options.get("attempts", 2)),
        hosts=_hosts(hosts),
    )


def _hosts(text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if len(words) < 2 or not is_address(words[0]):
            continue
        for name in words[1:]:
            known = found.get(name.lower(), ())
            found[name.lower()] = known if words[0] in known else (*known, words[0])
    return found


class Resolver:
    """Resolves each name once, however many threads ask."""

    def __init__(self, config: ResolverConfig, *, within: float = 5.0, port: int = 53) -> None:
        self._config = config
        self._within = within
        self._port = port
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._known: dict[str, tuple[str, ...] | NotResolved] = {}

    def addresses(self, name: str, deadline: float = math.inf) -> tuple[str, ...]:
        """IPv4 first. `deadline`: by the monotonic clock. Raises NotResolved."""
        if is_address(name):
            return (name,)
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        if not lock.acquire(timeout=min(max(0.0, deadline - time.monotonic()), threading.TIMEOUT_MAX)):
            raise _OutOfTime(_NO_TIME)
        try:
            found = self._known.get(name)
            if found is None:
                found = self._known[name] = self._result(name, deadline)
        finally:
            lock.release()
        if isinstance(found, NotResolved):
            raise NotResolved(str(found))
        return found

    def _result(self, name: str, deadline: float) -> tuple[str, ...] | NotResolved:
        """What holds for everyone who asks for the name. Raises _OutOfTime: the next may have more time."""
        try:
            return self._resolved(name, deadline)
        except _OutOfTime:
            raise
        except NotResolved as error:
            return error

    def _resolved(self, name: str, deadline: float) -> tuple[str, ...]:
        listed = self._config.hosts.get(name.rstrip(".").lower())
        if listed:
            return tuple(sorted(listed, key=lambda one: ":" in one))
        worst = "no such host"
        for whole in self._config.names(name):
            found = list[str]()
            for kind in (_A, _AAAA):
                try:
                    found += self._asked(whole, kind, deadline)
                except NotResolved as error:
                    if found:
                        break
                    if str(error) == "no such host":
                        break  # of one kind is of every kind
                    if isinstance(error, _OutOfTime):
                        raise
                    worst = str(error)
                    break
            if found:
                return tuple(dict.fromkeys(found))
        raise NotResolved(worst)

    def _asked(self, name: str, kind: int, deadline: float) -> tuple[str, ...]:
        """Each name server in turn, as often as the file says. () for a name without an address of this kind."""
        said = _NO_TIME
        try:
            question = query(name, kind, secrets.randbelow(1 << 16))
        except ValueError:
            raise NotResolved("no such host") from None
        for _ in range(self._config.attempts):
            for server in self._config.servers:
                try:
                    code, addresses = self._answer(server, question, kind, deadline)
                except (OSError, ValueError) as error:
                    timed_out = isinstance(error, TimeoutError)
                    said = f"the name server {server} {'does not answer in time' if timed_out else f'fails: {error}'}"
                    if time.monotonic() >= deadline:
                        raise _OutOfTime(said) from None
                    continue
                if code == _NO_SUCH_NAME:
                    raise NotResolved("no such host")
                if code == 0:
                    return addresses
                said = f"server misbehaving ({server} answers with code {code})"
        raise NotResolved(said)

    def _answer(self, server: str, question: bytes, kind: int, deadline: float) -> tuple[int, tuple[str, ...]]:
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        until = min(deadline, time.monotonic() + min(self._config.timeout, self._within))
        with socket.socket(family, socket.SOCK_DGRAM) as udp:
            udp.settimeout(left(until))
            udp.connect((server, self._port))
            udp.send(question)
            while (answer := udp.recv(65535))[:2] != question[:2]:
                udp.settimeout(left(until))
        if len(answer) > 3 and struct.unpack("!H", answer[2:4])[0] & _TRUNCATED:
            answer = _over_tcp(server, self._port, question, until)
        return answers(answer, kind)


def _over_tcp(server: str, port: int, question: bytes, deadline: float) -> bytes:
    """For an answer that does not fit into a datagram: RFC 1035, 4.2.2. Raises OSError: half an answer is none."""
    with socket.create_connection((server, port), timeout=left(deadline)) as tcp:
        timed = TimedConnection(tcp, deadline)
        timed.sendall(struct.pack("!H", len(question)) + question)
        with timed.makefile() as file:
            (size,) = struct.unpack("!H", file.read(2).ljust(2, b"\0"))
            return file.read(size)


def query(name: str, kind: int, number: int) -> bytes:
    """A question. Raises ValueError for what is no name."""
    try:
        parts = [part.encode("idna") if not part.isascii() else part.encode() for part in name.split(".")]
    except UnicodeError as error:
        raise ValueError(name) from error
    if not all(0 < len(part) < 64 for part in parts):
        raise ValueError(name)
    labels = b"".join(bytes((len(part),)) + part for part in parts) + b"\0"
    return struct.pack("!6H", number, _RECURSION, 1, 0, 0, 0) + labels + struct.pack("!2H", kind, _IN)


def answers(message: bytes, kind: int) -> tuple[int, tuple[str, ...]]:
    """(response code, addresses of this kind). Raises ValueError for what is no answer."""
    try:
        _, bits, questions, count = struct.unpack("!4H", message[:8])
        at, found = 12, list[str]()
        for _ in range(questions):
            at = _after_name(message, at) + 4
        for _ in range(count):
            at = _after_name(message, at)
            what, _, _, size = struct.unpack("!2HIH", message[at : at + 10])
            at += 10
            if what == kind:
                family = socket.AF_INET if kind == _A else socket.AF_INET6
                found.append(socket.inet_ntop(family, message[at : at + size]))
            at += size
    except (struct.error, IndexError) as error:
        raise ValueError("not an answer") from error
    return bits & 0xF, tuple(found)


def _after_name(message: bytes, at: int) -> int:
    while size := message[at]:
        if size >= 0xC0:  # a pointer ends a name
            return at + 2
        at += size + 1
    return at + 1
