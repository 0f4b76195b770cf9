"""An exporter that does one thing wrong on each of its pages, on this machine."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_PLAIN = "text/plain; version=0.0.4"
_GOOD = "extra_good 1\n"
#: page -> (HTTP status, content type, body).
PAGES = {
    "/error": (500, "text/plain", "the database is gone\n"),
    "/private": (401, "text/plain", "who are you?\n"),
    "/nonsense": (200, _PLAIN, _GOOD + "extra_bad one\n"),
    "/page": (200, "text/html", "<html><body>Welcome</body></html>\n"),
    "/blank": (200, "", _GOOD),
    "/many": (200, _PLAIN, "".join(f'extra_many{{number="{number}"}} 1\n' for number in range(50))),
    "/twice": (200, _PLAIN, "extra_twice 1\nextra_twice 2\n"),
    "/slow": (200, _PLAIN, _GOOD),
    "/good": (200, _PLAIN, _GOOD),
}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, kind, body = PAGES[self.path.partition("?")[0]]
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path == "/slow":
            # The beginning comes at once, the end after every time limit.
            self.wfile.write(body[:5].encode())
            self.wfile.flush()
            time.sleep(5)
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Who asks gives up: that is what the slow page is for."""


@contextmanager
def bad_exporter(address: str, *, expired: bool = False) -> Iterator[str]:
    """Its HOST:PORT; with a certificate that has expired where asked for."""
    server = _Server((address, 0), _Handler)
    with server, tempfile.TemporaryDirectory() as folder:
        if expired:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(_expired_certificate(Path(folder), address))
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"{address}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _expired_certificate(folder: Path, address: str) -> Path:
    """Signed by itself, for this address, valid until a month ago."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "extra")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).add_extension(names, critical=False)
    builder = builder.not_valid_before(now - dt.timedelta(days=60)).not_valid_after(now - dt.timedelta(days=30))
    certificate = builder.sign(key, hashes.SHA256())
    both = folder / "both.pem"
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(plain + certificate.public_bytes(serialization.Encoding.PEM))
    return both
