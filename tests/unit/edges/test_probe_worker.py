"""The process that asks targets: names against a tiny name server, answers against a local HTTP server."""

from __future__ import annotations

import http.server
import json
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from monops.domain.probing import Probed, Task
from monops.edges.probe import read_back, script_of
from monops.edges.probe_dns import NotResolved, Resolver, ResolverConfig, answers, config_of, query
from monops.edges.probe_worker import probe, probe_all

A, AAAA = 1, 28
NO_NAME, FAILS = 3, 2

# --- a name server -------------------------------------------------------------------------------


class NameServer:
    """Knows some names, and what it was asked."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.names: dict[str, list[str]] = {}
        self.codes: dict[str, int] = {}
        self.mute = False
        self.cuts = False
        self.asked: list[tuple[str, int]] = []

    def answer(self, question: bytes, *, is_udp: bool = True) -> bytes | None:
        if self.mute:
            return None
        name, at = _name(question, 12)
        (kind,) = struct.unpack("!H", question[at : at + 2])
        self.asked.append((name, kind))
        family = socket.AF_INET if kind == A else socket.AF_INET6
        found = [one for one in self.names.get(name, ()) if (":" in one) == (kind == AAAA)]
        code = self.codes.get(name, 0 if name in self.names else NO_NAME)
        records = b""
        for address in found:
            data = socket.inet_pton(family, address)
            records += b"\xc0\x0c" + struct.pack("!2HIH", kind, 1, 60, len(data)) + data
        cut = 0x0200 if self.cuts and is_udp else 0
        count = 0 if cut else len(found)
        return (
            question[:2]
            + struct.pack("!5H", 0x8180 | cut | code, 1, count, 0, 0)
            + question[12:]
            + (b"" if cut else records)
        )


def _name(message: bytes, at: int) -> tuple[str, int]:
    parts = []
    while size := message[at]:
        parts.append(message[at + 1 : at + 1 + size].decode())
        at += size + 1
    return ".".join(parts), at + 1


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True
    block_on_close = False


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    class OverUdp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            said = known.answer(self.request[0])
            if said is not None:
                self.request[1].sendto(said, self.client_address)

    class OverTcp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            (size,) = struct.unpack("!H", self.rfile.read(2))
            said = known.answer(self.rfile.read(size), is_udp=False) or b""
            self.wfile.write(struct.pack("!H", len(said)) + said)

    # A port that is free for TCP is free for UDP as well, of which there is little; the other way round it may not be.
    with _Tcp(("127.0.0.1", 0), OverTcp) as tcp:
        known = NameServer(tcp.server_address[1])
        with _Udp(("127.0.0.1", known.port), OverUdp) as udp:
            for server in (udp, tcp):
                threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            yield known
            udp.shutdown()
            tcp.shutdown()


def resolver(server: NameServer, resolv: str = "", hosts: str = "", within: float = 1.0) -> Resolver:
    return Resolver(config_of(f"nameserver 127.0.0.1\n{resolv}", hosts), within=within, port=server.port)


# --- names ---------------------------------------------------------------------------------------


def test_a_question_is_as_the_standard_says() -> None:
    asked = query("app.local", A, 0x1234)
    assert asked == b"\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0\x03app\x05local\0\x00\x01\x00\x01"
    for wrong in ("", "a..b", "x" * 64):
        with pytest.raises(ValueError):
            query(wrong, A, 1)


def test_an_answer_that_leads_over_another_name_is_read() -> None:
    alias = b"\xc0\x0c" + struct.pack("!2HIH", 5, 1, 60, 4) + b"\x01x\xc0\x0c"
    record = b"\x01x\xc0\x0c" + struct.pack("!2HIH", A, 1, 60, 4) + bytes((10, 0, 0, 7))
    message = b"\0\1" + struct.pack("!5H", 0x8180, 1, 2, 0, 0) + query("app", A, 1)[12:] + alias + record
    assert answers(message, A) == (0, ("10.0.0.7",))
    assert answers(message, AAAA) == (0, ())
    for broken in (message[:-2], message[:20], b"", b"\xff" * 12 + b"\x05"):
        with pytest.raises(ValueError):
            answers(broken, A)


def test_the_files_of_a_container() -> None:
    config = config_of(
        "# Docker\nnameserver 127.0.0.11\nnameserver nonsense\nsearch a.example b.example.\noptions ndots:2 edns0\n",
        "127.0.0.1 localhost\n::1 localhost ip6-localhost # own\n172.17.0.1\thost.docker.internal Extra\n",
    )
    assert (config.servers, config.search, config.ndots) == (("127.0.0.11",), ("a.example", "b.example"), 2)
    assert config.hosts["extra"] == ("172.17.0.1",)
    assert config.hosts["localhost"] == ("127.0.0.1", "::1")
    assert config_of("", "") == ResolverConfig()


@pytest.mark.parametrize(
    ("name", "ndots", "names"),
    [
        ("app", 1, ("app.a", "app.b", "app")),
        ("app", 0, ("app", "app.a", "app.b")),
        ("app.x", 1, ("app.x", "app.x.a", "app.x.b")),
        ("app.x", 2, ("app.x.a", "app.x.b", "app.x")),
        ("app.", 1, ("app",)),
    ],
)
def test_the_search_list_is_used_as_go_does(name: str, ndots: int, names: tuple[str, ...]) -> None:
    assert ResolverConfig(search=("a", "b"), ndots=ndots).names(name) == names


def test_a_name_is_asked_of_the_search_list_in_order(name_server: NameServer) -> None:
    name_server.names = {"app.b.example": ["10.0.0.1", "fd00::1"]}
    found = resolver(name_server, "search a.example b.example")
    assert found.addresses("app") == ("10.0.0.1", "fd00::1")
    assert name_server.asked == [("app.a.example", A), ("app.b.example", A), ("app.b.example", AAAA)]
    assert found.addresses("app") == ("10.0.0.1", "fd00::1")
    assert len(name_server.asked) == 3


def test_the_hosts_file_comes_first(name_server: NameServer) -> None:
    name_server.names = {"app": ["10.0.0.1"]}
    found = resolver(name_server, hosts="10.9.9.9 app host.docker.internal\n")
    assert found.addresses("App") == ("10.9.9.9",)
    assert found.addresses("10.1.1.1") == ("10.1.1.1",)
    assert name_server.asked == []


def test_an_answer_that_does_not_fit_is_fetched_over_tcp(name_server: NameServer) -> None:
    name_server.names, name_server.cuts = {"app": ["10.0.0.1"]}, True
    assert resolver(name_server).addresses("app") == ("10.0.0.1",)


def test_why_a_name_does_not_resolve(name_server: NameServer) -> None:
    name_server.names, name_server.codes = {"app": ["10.0.0.1"], "empty": []}, {"broken": FAILS}
    for name, said in (("nobody", "no such host"), ("empty", "no such host"), ("broken", "misbehaving")):
        with pytest.raises(NotResolved, match=said):
            resolver(name_server).addresses(name)
    name_server.mute = True
    with pytest.raises(NotResolved, match="does not answer"):
        resolver(name_server, "options attempts:1", within=0.1).addresses("app")
    with pytest.raises(NotResolved, match="no such host"):
        resolver(name_server).addresses("a..b")


# --- answers -------------------------------------------------------------------------------------

METRICS = b'# HELP a b\n# TYPE a gauge\na 1\nb{c="d"} 2\n\nc 3'


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/drop":
            return
        if self.path == "/slow":
            time.sleep(1.5)
        self.send_response({"/nothing": 404, "/moved": 302}.get(self.path, 200))
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        if self.path == "/moved":
            self.send_header("Location", "/login")
        self.end_headers()
        if self.path == "/drip":
            for _ in range(20):
                self.wfile.write(b"a 1\n")
                time.sleep(0.1)
        self.wfile.write(METRICS)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(handler: Callable[..., socketserver.BaseRequestHandler], kind: type[_Tcp] = _Tcp) -> Iterator[int]:
    with kind(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def page() -> Iterator[int]:
    with serving(_Page) as port:
        yield port


def asked(port: int, path: str = "/metrics", *, within: float = 1.0, scheme: str = "http") -> Probed:
    task = Task(url=f"{scheme}://app:{port}{path}", within=within)
    return probe(task, Resolver(config_of("", "127.0.0.1 app\n")))


def test_an_answer_is_measured_and_counted(page: int) -> None:
    found = asked(page)
    assert (found.dns, found.tcp, found.http, found.status, found.samples) == ("ok", "ok", "ok", 200, 3)
    assert found.address == f"127.0.0.1:{page}"
    assert found.content_type == "text/plain; version=0.0.4"
    assert found.beginning.startswith("# HELP a b")
    assert found.seconds is not None
    assert 0 < found.seconds < 1
    assert found.stage == ""


def test_what_is_no_good_answer(page: int) -> None:
    assert asked(page, "/nothing").status == 404
    moved = asked(page, "/moved")
    assert (moved.status, moved.location, moved.stage) == (302, "/login", "status")
    assert asked(page, "/drop").http == "closed"
    assert asked(page, "/slow", within=0.3).http == "timeout"
    dripping = asked(page, "/drip", within=0.5)
    assert (dripping.http, dripping.status) == ("timeout", 200)
    assert dripping.seconds is not None
    assert dripping.seconds < 1.5
    plain = asked(page, scheme="https")
    assert (plain.tls, plain.stage) == ("failed", "tls")


def test_a_certificate_is_told_whoever_signed_it(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path))

    class Encrypted(_Tcp):
        def get_request(self) -> tuple[socket.socket, Any]:
            plain, address = super().get_request()
            return context.wrap_socket(plain, server_side=True), address

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # the probe that does not trust it hangs up

    with serving(_Page, Encrypted) as port:
        found, wrong = asked(port, scheme="https", within=3.0), asked(port)
    assert (found.tls, found.status, found.samples, found.stage) == ("ok", 200, 3, ""), found
    assert found.certificate is not None
    assert found.certificate.names == ("app", "other.example")
    assert found.certificate.valid_until.endswith("GMT")
    assert found.certificate.distrust.replace("-", " ") == "self signed certificate"
    assert wrong.http in ("closed", "not_http")


def _certificate(folder: Path) -> Path:
    """Key and certificate in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl")
    key, file = folder / "key.pem", folder / "both.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-subj", "/CN=app", "-addext", "subjectAltName=DNS:app,DNS:other.example", "-keyout", str(key)]
    subprocess.run([*words, "-days", "30", "-out", str(file)], capture_output=True, check=True)
    file.write_text(key.read_text() + file.read_text())
    return file


def test_what_is_not_http() -> None:
    class Redis(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(b"-ERR wrong number of arguments for 'get' command\r\n")

    with serving(Redis) as port:
        found = asked(port)
    assert (found.tcp, found.http) == ("ok", "not_http")
    assert "-ERR wrong number" in found.beginning


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        found = asked(taken.getsockname()[1])
    assert (found.dns, found.tcp, found.http) == ("ok", "refused", "")
    assert asked(99999).stage == "tcp"


def test_many_are_asked_at_once(page: int) -> None:
    tasks = [Task(url=f"http://app:{page}/slow?n={n}", within=5.0) for n in range(60)]
    began = time.monotonic()
    found = probe_all(
        [*tasks, Task(url="http://nobody/metrics")],
        Resolver(config_of("", "127.0.0.1 app\n"), within=0.2),
        deadline=began + 60,
    )
    assert len(found) == 61
    assert time.monotonic() - began < 10
    assert {found[task.url].status for task in tasks} == {200}


def test_the_process_reads_and_writes_json(page: int) -> None:
    url = f"http://app:{page}/metrics"
    tasks = [{"url": url, "within": 2.0}]
    document = {"namespace": None, "resolv": "", "hosts": "127.0.0.1 app\n", "tasks": tasks, "within": 20.0}
    words = [sys.executable, "-P", "-m", "monops.edges.probe_worker"]
    done = subprocess.run(words, input=json.dumps(document), capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(done.stdout)[url]["samples"] == 3


# --- by a container ------------------------------------------------------------------------------


def test_the_script_of_a_container_keeps_odd_addresses_whole() -> None:
    script = script_of([Task(url="http://a/metrics?x='; touch /tmp/bad; '")])
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0
    assert """'http://a/metrics?x='"'"'; touch /tmp/bad; '"'"''""" in script


WGET = """@ 0 3 0
  HTTP/1.1 200 OK
  Content-Type: text/plain; version=0.0.4
=
# HELP a b
a 1
@ 1 0 1
wget: bad address 'nobody:9090'
=

@ 2 0 1
wget: can't connect to remote host (172.18.0.4): Connection refused
=

@ 3 0 1
  HTTP/1.1 404 Not Found
wget: server returned error: HTTP/1.1 404 Not Found
=

@ 4 0 1
wget: download timed out
=

"""


def test_what_wget_says_is_understood() -> None:
    tasks = [Task(url=f"http://t{n}/metrics") for n in range(5)]
    found = read_back(WGET, tasks)
    assert [found[task.url].stage for task in tasks] == ["", "dns", "tcp", "status", "http"]
    assert found[tasks[0].url].samples == 3
    assert found[tasks[0].url].beginning.startswith("# HELP")
    assert found[tasks[2].url].tcp == "refused"
    assert found[tasks[0].url].seconds is None
