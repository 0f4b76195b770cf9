"""The process that asks targets keeps its time, whoever is slow, and keeps what was answered."""

from __future__ import annotations

import socket
import socketserver
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.fakes.fake_outside import FakeMachine
from tests.unit.edges.test_probe_worker import _certificate as certificate_in

from monops.checks._healthy import container, target
from monops.domain.errors import EngineUnreachable
from monops.domain.probing import Probed, Task, seen
from monops.edges import probe as edge
from monops.edges.docker_reader import DockerReader
from monops.edges.probe import NetworkProber, read_back
from monops.edges.probe_dns import NotResolved, Resolver, config_of
from monops.edges.probe_worker import probe, probe_all

HERE = "127.0.0.1 app\n"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\na 1\n"
#: Seconds: what a wait of half a second never takes, and every wait here without an end does.
FAR_LESS = 3.0


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def serving(say: Callable[[socket.socket], None], server: type[socketserver.TCPServer] = _Server) -> Iterator[int]:
    """`say` has each connection; whoever hangs up in between ends it."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                say(self.request)
            except OSError:
                return

    with server(("127.0.0.1", 0), Handler) as served:
        threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True).start()
        yield served.server_address[1]
        served.shutdown()


def answering(connected: socket.socket) -> None:
    connected.recv(65535)
    connected.sendall(GOOD)


def silent(connected: socket.socket) -> None:
    """Until whoever asks hangs up."""
    while connected.recv(65535):
        pass


def dripping(beginning: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    """Something every few moments, and never an end."""

    def say(connected: socket.socket) -> None:
        connected.recv(65535)
        connected.sendall(beginning)
        for _ in range(600):
            connected.sendall(drop)
            time.sleep(0.05)

    return say


@pytest.fixture
def mute() -> Iterator[socket.socket]:
    """A name server's socket on which nobody answers yet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        yield udp


def know(server: socket.socket, *, every_kind: bool = True) -> None:
    """From now on every name has one address, of IPv4; nothing is said of IPv6 where that is wanted."""
    while True:
        try:
            question, whom = server.recvfrom(65535)
        except OSError:
            return
        is_old = question[-4:-2] == b"\0\1"
        if is_old or every_kind:
            counts = struct.pack("!5H", 0x8180, 1, int(is_old), 0, 0)
            address = b"\xc0\x0c" + struct.pack("!2HIH", 1, 1, 60, 4) + bytes((127, 0, 0, 1))
            server.sendto(question[:2] + counts + question[12:] + address * is_old, whom)


def resolver(server: socket.socket, resolv: str = "") -> Resolver:
    return Resolver(config_of(f"nameserver 127.0.0.1\n{resolv}", HERE), port=server.getsockname()[1])


def asked(url: str, known: Resolver | None = None, within: float = 0.5) -> Probed:
    began = time.monotonic()
    found = probe(Task(url=url, within=within), known or Resolver(config_of("", HERE)))
    assert time.monotonic() - began < FAR_LESS
    return found


# --- names ---------------------------------------------------------------------------------------


def test_a_name_server_that_is_dead_costs_the_time_of_the_target_at_most(mute: socket.socket) -> None:
    found = asked("http://other/metrics", resolver(mute, "nameserver 127.0.0.1\nsearch a b c\n"))
    assert (found.dns, found.tcp, found.stage) == ("failed", "", "dns")
    assert found.error == "the name server 127.0.0.1 does not answer in time"


def test_who_waits_for_the_question_of_another_waits_no_longer_than_it_may(mute: socket.socket) -> None:
    known = resolver(mute)
    patient = threading.Thread(target=lambda: probe(Task(url="http://other/", within=2.0), known), daemon=True)
    patient.start()
    mute.recv(65535)
    began = time.monotonic()
    found = asked("http://other/metrics", known, within=0.2)
    assert time.monotonic() - began < 1.5
    assert (found.dns, found.error) == ("failed", "no name server answers in time")
    patient.join(10)
    assert not patient.is_alive()


def test_that_one_had_too_little_time_is_not_told_to_the_others(mute: socket.socket) -> None:
    known = resolver(mute)
    with pytest.raises(NotResolved, match="in time"):
        known.addresses("other", time.monotonic() + 0.1)

    threading.Thread(target=know, args=(mute,), daemon=True).start()
    assert known.addresses("other", time.monotonic() + 10) == ("127.0.0.1",)


def test_a_name_that_is_known_too_late_does_not_accuse_the_address(mute: socket.socket) -> None:
    threading.Thread(target=know, args=(mute,), kwargs={"every_kind": False}, daemon=True).start()
    found = asked("http://other:1/metrics", resolver(mute))
    assert (found.dns, found.tcp, found.addresses) == ("failed", "", ("127.0.0.1",))
    assert found.error == "its name servers took all of the time"


def test_answers_to_what_was_not_asked_are_no_reason_to_wait_longer(mute: socket.socket) -> None:
    over = threading.Event()

    def babble() -> None:
        question, whom = mute.recvfrom(65535)
        other = bytes((question[0] ^ 1, question[1])) + question[2:]
        while not over.wait(0.02):
            mute.sendto(other, whom)

    babbling = threading.Thread(target=babble, daemon=True)
    babbling.start()
    try:
        found = asked("http://other/metrics", resolver(mute))
    finally:
        over.set()
        babbling.join()
    assert (found.dns, found.error) == ("failed", "the name server 127.0.0.1 does not answer in time")


# --- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("beginning", "drop", "status"),
    [
        (b"", b"H", 0),
        (b"HTTP/1.1 200 OK\r\n", b"X", 0),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"a 1\n", 200),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0", 200),
    ],
)
def test_an_answer_that_drips_is_a_timeout(beginning: bytes, drop: bytes, status: int) -> None:
    with serving(dripping(beginning, drop)) as port:
        found = asked(f"http://app:{port}/metrics")
    assert (found.tcp, found.http, found.status, found.samples) == ("ok", "timeout", status, None)
    assert (found.stage, found.error) == ("http", "no answer in time")


def test_who_never_agrees_on_encryption_is_told_so_in_time() -> None:
    with serving(silent) as port:
        found = asked(f"https://app:{port}/metrics")
    assert (found.tcp, found.tls, found.error) == ("ok", "failed", "no answer in time")


def test_reading_the_certificate_takes_no_time_from_the_answer(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_in(tmp_path))
    taken: list[bool] = []

    def only_once(connected: socket.socket) -> None:
        taken.append(True)
        if len(taken) > 1:
            time.sleep(0.4)
        with context.wrap_socket(connected, server_side=True) as encrypted:
            answering(encrypted)

    with serving(only_once) as port:
        found = asked(f"https://app:{port}/metrics")
    assert (found.tls, found.http, found.samples) == ("ok", "ok", 1)
    assert found.seconds is not None
    assert found.seconds < 0.4
    assert found.certificate is not None
    assert found.certificate.names == ("app", "other.example")


# --- all of them ---------------------------------------------------------------------------------


def test_what_was_answered_is_kept_and_the_rest_was_not_got_to() -> None:
    with serving(answering) as good, serving(silent) as bad:
        well, stuck = f"http://app:{good}/metrics", f"http://app:{bad}/metrics"
        began = time.monotonic()
        tasks = [Task(url=stuck, within=4.0), Task(url=well, within=4.0)]
        found = probe_all(tasks, Resolver(config_of("", HERE)), deadline=began + 1.0)
        assert time.monotonic() - began < FAR_LESS
        assert set(found) == {well}
        assert found[well].stage == ""
        assert probe_all([Task(url=well)], Resolver(config_of("", HERE)), deadline=began) == {}


def test_the_process_ends_in_its_time_with_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "ANSWER_WITHIN", 2.0)
    monkeypatch.setattr(edge, "CONNECT_WITHIN", 0.25)
    with serving(answering) as good, serving(silent) as bad:
        well, stuck = f"http://app:{good}/metrics", f"http://app:{bad}/metrics"
        tasks = [asdict(Task(url=url, within=60.0)) for url in (stuck, well)]
        document = {"namespace": None, "resolv": "", "hosts": HERE, "tasks": tasks}
        found = edge._worked(document, (), len(tasks))
    assert {url: one.samples for url, one in found.items()} == {well: 1}


# --- by a container ------------------------------------------------------------------------------


def test_what_a_container_answered_is_kept_where_the_next_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    scripts: list[str] = []

    def ran(_self: object, _prometheus: object, image: str, script: str) -> str | None:
        if image == "bare":
            return None
        scripts.append(script)
        if len(scripts) > 1:
            raise EngineUnreachable("no Docker engine answers", remedy="docker info")
        return "@ 0 3 0\n  HTTP/1.1 200 OK\n=\na 1\n"

    monkeypatch.setattr(edge, "_AT_ONCE", 1)
    monkeypatch.setattr(edge._HelperContainer, "_images", lambda *_: ["bare", "busybox"])
    monkeypatch.setattr(edge._HelperContainer, "_ran", ran)
    monkeypatch.setattr(DockerReader, "shares_host", False)
    tasks = [Task(url=f"http://t{number}/metrics") for number in range(3)]
    probing = NetworkProber({}, FakeMachine()).probe(container("prometheus"), tasks)
    assert (probing.way, set(probing.found)) == ("container", {tasks[0].url})
    assert probing.why_not.endswith("; and no Docker engine answers")
    assert len(scripts) == 2


@pytest.mark.parametrize(
    ("said", "dns", "says"),
    [
        ("Connecting to t0 (10.0.0.7:80)\nwget: download timed out", "ok", ": the connection or the page"),
        ("", "", ": its name server, the connection or the page"),
    ],
)
def test_of_a_timeout_of_wget_no_step_is_told_that_it_did_not_tell(said: str, dns: str, says: str) -> None:
    task = Task(url="http://t0/metrics")
    found = read_back(f"@ 0 0 143\n{said}\n=\n\n", [task])[task.url]
    assert (found.dns, found.tcp, found.http, found.stage) == (dns, "", "timeout", "http")
    assert seen(target("t", "t0", "t0"), found).endswith(says)
