"""Asks targets from inside a container's network: `python -P -m monops.edges.probe_worker`.

Reads one JSON document on stdin, writes one on stdout. Nothing of the container is run, so its image may be empty.
Source: setns(2), network_namespaces(7): a thread that is started later is in the same network.
"""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from queue import Empty, SimpleQueue
from typing import Any

from monops.domain.probing import CONNECT_WITHIN, Certificate, Probed, Task
from monops.edges.probe_deadline import TimedConnection, left
from monops.edges.probe_dns import NotResolved, Resolver, config_of

#: Threads: each mostly waits.
WORKERS = 128
_NEW_NETWORK = 0x40000000
#: Source: OpenSSL, X509_VERIFY_PARAM_set_flags: X509_V_FLAG_PARTIAL_CHAIN, X509_V_FLAG_NO_CHECK_TIME.
_AS_IT_IS = 0x80000 | 0x200000
_ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1"
_BEGINNING, _MOST_BYTES, _PIECE = 200, 64 << 20, 1 << 16


def main() -> int:
    """The document's `namespace` is the descriptor of the network to enter; null stays in this one.

    `within`: seconds until it writes what it has. A task that is not in the answer was not got to.
    """
    began = time.monotonic()
    asked = json.load(sys.stdin)
    if asked.get("namespace") is not None:
        enter(int(asked["namespace"]))
    resolver = Resolver(config_of(asked.get("resolv", ""), asked.get("hosts", "")), within=CONNECT_WITHIN)
    tasks = [Task(**task) for task in asked["tasks"]]
    found = probe_all(tasks, resolver, asked.get("authorities") or None, deadline=began + float(asked["within"]))
    json.dump({url: asdict(one) for url, one in found.items()}, sys.stdout)
    return 0


def enter(descriptor: int) -> None:
    """This thread, and those that it starts, are in that network. Raises OSError."""
    # os.setns came with Python 3.12.
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, _NEW_NETWORK) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def probe_all(
    tasks: list[Task], resolver: Resolver, authorities: str | None = None, *, deadline: float
) -> dict[str, Probed]:
    """URL -> what it answered until then. `authorities`: certificates that are trusted, as PEM."""
    todo: SimpleQueue[Task] = SimpleQueue()
    for task in tasks:
        todo.put(task)
    found: dict[str, Probed] = {}

    def work() -> None:
        while time.monotonic() < deadline:
            try:
                task = todo.get_nowait()
            except Empty:
                return
            found[task.url] = probe(task, resolver, authorities)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(WORKERS, len(tasks)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    # A copy: a thread that has not ended may still add to it. All are daemons, so they end with the process.
    return found.copy()


def probe(task: Task, resolver: Resolver, authorities: str | None = None) -> Probed:
    """DNS, TCP, TLS and HTTP, up to the first that fails."""
    began = time.monotonic()
    seen: dict[str, Any] = {}
    try:
        _steps(task, resolver, authorities, began, seen)
    except Exception as error:  # noqa: BLE001 - one odd target must not cost the others their answers
        seen |= {"error": f"{type(error).__name__}: {error}"}
        seen.setdefault("http" if seen.get("tcp") == "ok" else "tcp", "failed")
    seen.setdefault("seconds", time.monotonic() - began)
    return Probed(**seen)


def _steps(task: Task, resolver: Resolver, authorities: str | None, began: float, seen: dict[str, Any]) -> None:
    deadline = began + task.within
    try:
        addresses = resolver.addresses(task.host, deadline)
    except NotResolved as error:
        seen |= {"dns": "failed", "error": str(error)}
        return
    seen |= {"addresses": addresses, "dns": "ok"}
    if time.monotonic() >= deadline:
        seen |= {"dns": "failed", "error": "its name servers took all of the time"}
        return
    connected = _connected(task, addresses, deadline, seen)
    if connected is None:
        return
    with connected:
        wrapped = _encrypted(task, connected, deadline, seen) if task.is_encrypted else connected
        if wrapped is None:
            return
        with wrapped:
            shown = wrapped.getpeercert(binary_form=True) if isinstance(wrapped, ssl.SSLSocket) else None
            _answer(task, wrapped, deadline, seen)
    seen["seconds"] = time.monotonic() - began
    # Last, and not of the target's time: it takes connections of its own.
    if shown:
        address = seen["address"].rpartition(":")[0].strip("[]")
        seen["certificate"] = _certificate(task, address, shown, authorities)


# --- the connection ------------------------------------------------------------------------------


def _connected(task: Task, addresses: tuple[str, ...], deadline: float, seen: dict[str, Any]) -> socket.socket | None:
    """To the first address that takes it; what the first said where none does."""
    first: dict[str, Any] = {}
    for address in addresses:
        left = min(CONNECT_WITHIN, deadline - time.monotonic())
        shown = f"[{address}]:{task.port}" if ":" in address else f"{address}:{task.port}"
        if left <= 0:
            break
        try:
            made = socket.create_connection((address, task.port), timeout=left)
        except OSError as error:
            first = first or {"tcp": _word(error), "address": shown, "error": error.strerror or str(error)}
            continue
        seen |= {"tcp": "ok", "address": shown}
        return made
    seen |= first or {"tcp": "timeout", "error": "no time was left"}
    return None


def _word(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, TimeoutError):
        return "timeout"
    return "unreachable"


def _encrypted(task: Task, connected: socket.socket, deadline: float, seen: dict[str, Any]) -> ssl.SSLSocket | None:
    """Whoever it is: what Prometheus thinks of its certificate is told beside."""
    try:
        connected.settimeout(left(deadline))
        wrapped = _context().wrap_socket(connected, server_hostname=task.server_name or task.host)
    except TimeoutError:
        seen |= {"tls": "failed", "error": "no answer in time"}
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", "") or str(error)
        seen |= {"tls": "failed", "error": str(reason).replace("_", " ").lower()}
        return None
    seen["tls"] = "ok"
    return wrapped


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _certificate(task: Task, address: str, shown: bytes, authorities: str | None) -> Certificate:
    """Python tells what is in a certificate only where it trusts it, so once more with itself as the authority."""
    reading = _context()
    reading.verify_mode = ssl.CERT_REQUIRED
    reading.verify_flags = ssl.VerifyFlags(reading.verify_flags | _AS_IT_IS)
    reading.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(shown))
    said, error = _handshake(task, address, reading)
    if said is None:
        return Certificate(names=(), valid_from="", valid_until="", distrust=f"it cannot be read: {error}")
    judging = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authorities:
        judging.load_verify_locations(cadata=authorities)
    _, distrust = _handshake(task, address, judging)
    named = tuple(str(pair[1]) for pair in said.get("subjectAltName", ()))
    subject = tuple(str(pair[1]) for part in said.get("subject", ()) for pair in part if pair[0] == "commonName")
    return Certificate(
        names=named or subject,
        valid_from=str(said.get("notBefore", "")),
        valid_until=str(said.get("notAfter", "")),
        distrust=distrust,
    )


def _handshake(task: Task, address: str, context: ssl.SSLContext) -> tuple[Mapping[str, Any] | None, str]:
    """(what the certificate says, what speaks against it)."""
    deadline = time.monotonic() + CONNECT_WITHIN
    try:
        with socket.create_connection((address, task.port), timeout=CONNECT_WITHIN) as plain:
            plain.settimeout(left(deadline))
            with context.wrap_socket(plain, server_hostname=task.server_name or task.host) as wrapped:
                return wrapped.getpeercert() or {}, ""
    except ssl.SSLCertVerificationError as error:
        return None, error.verify_message
    except (OSError, ValueError) as error:
        return None, str(error)


# --- the answer ----------------------------------------------------------------------------------


def _answer(task: Task, connected: socket.socket, deadline: float, seen: dict[str, Any]) -> None:
    asking = http.client.HTTPConnection(task.host, task.port)
    asking.default_port = 443 if task.is_encrypted else 80
    asking.sock = TimedConnection(connected, deadline)
    headers = {
        "Accept": _ACCEPT,
        "Accept-Encoding": "identity",
        "User-Agent": "monops-probe",
        "X-Prometheus-Scrape-Timeout-Seconds": f"{task.within:g}",
    }
    try:
        asking.request("GET", task.path, headers=headers)
        reply = asking.getresponse()
        seen |= {
            "status": reply.status,
            "content_type": reply.getheader("Content-Type", ""),
            "location": reply.getheader("Location", ""),
        }
        _body(reply, seen)
        seen["http"] = "ok"
    except TimeoutError:
        seen |= {"http": "timeout", "error": "no answer in time"}
    except (http.client.BadStatusLine, http.client.UnknownProtocol, http.client.LineTooLong) as error:
        gone = isinstance(error, http.client.RemoteDisconnected)
        seen |= {"http": "closed" if gone else "not_http", "error": str(error), "beginning": "" if gone else str(error)}
    except (ConnectionError, ssl.SSLError) as error:
        seen |= {"http": "closed", "error": str(error)}
    except (OSError, http.client.HTTPException, ValueError) as error:
        seen |= {"http": "failed", "error": f"{type(error).__name__}: {error}"}


def _body(reply: http.client.HTTPResponse, seen: dict[str, Any]) -> None:
    """Counts the lines with values, in pieces: an answer may be large. Raises TimeoutError."""
    samples, size, rest, beginning = 0, 0, b"", b""
    while piece := reply.read1(_PIECE):
        size += len(piece)
        beginning = (beginning + piece)[:_BEGINNING] if len(beginning) < _BEGINNING else beginning
        seen["beginning"] = beginning.decode(errors="replace")
        *lines, rest = (rest + piece).split(b"\n")
        samples += sum(1 for line in lines if line.strip() and not line.startswith(b"#"))
        if size > _MOST_BYTES:
            break
    seen["samples"] = samples + (1 if rest.strip() and not rest.startswith(b"#") else 0)


if __name__ == "__main__":
    sys.exit(main())
