"""The sample application: plays the services of an AI CLI orchestrator, and misbehaves when told to, to try alerts.

One process, one port: the name that it is called by chooses the service whose numbers `GET /metrics` shows; `GET /`
says what else it can do. Runs in a plain Python image: the standard library of Python 3.9 is all it needs.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import signal
import socketserver
import sys
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import parse_qs, unquote

# Part of a package where it is tested, a lone script where it runs.
if TYPE_CHECKING or __package__:
    from . import orchestrator, redis_work, services
else:
    import orchestrator
    import redis_work
    import services

PORT = 9090
_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
#: The most that is read of a body: nothing here wants one.
_LARGEST_BODY = 65536


class Refusal(Exception):
    """A request that cannot be done: status, reason, and what would have been right."""

    def __init__(self, status: int, reason: str, *, known: Sequence[str] = (), nearest: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.status, self.reason, self.known, self.nearest = status, reason, known, nearest

    def text(self) -> str:
        """For a person."""
        lines = [self.reason]
        if self.nearest:
            lines.append("Did you mean: " + ", ".join(self.nearest))
        if self.known:
            lines.append("There are: " + ", ".join(self.known))
        return "\n".join(lines) + "\n"

    def content(self) -> dict[str, object]:
        """For a program."""
        return {"error": self.reason, "nearest": list(self.nearest), "known": list(self.known)}


class Server(ThreadingHTTPServer):
    """The one port of all services."""

    def __init__(
        self,
        address: tuple[str, int],
        played: orchestrator.Orchestrator,
        redis: redis_work.RedisWork | None = None,
    ) -> None:
        self.played, self.redis = played, redis
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        """Without asking DNS for this machine's name, which may take long and is of no use here."""
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing of clients that hang up or say nothing."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Handler(BaseHTTPRequestHandler):
    """One request: numbers of a service, or a change of behaviour."""

    server: Server
    timeout = 30
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"

    def do_GET(self) -> None:
        """Numbers, health, or the list of what it can do."""
        path = self._path()
        if path in ("/metrics", "/healthz") and self.server.played.is_down(self._service()):
            return  # hangs up without an answer
        try:
            self._get(path)
        except Refusal as refusal:
            self._answer(refusal.status, refusal.text(), refusal.content())

    def do_HEAD(self) -> None:
        """What GET would answer, without its text: some health checks ask so."""
        self.do_GET()

    def do_POST(self) -> None:
        """Switches something on or off."""
        self._drain()
        try:
            self._switch(self._path())
        except Refusal as refusal:
            self._answer(refusal.status, refusal.text(), refusal.content())

    def version_string(self) -> str:
        """What it calls itself; not the version of Python."""
        return "sample-application"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Keeps requests out of the log: there are several a second."""

    def _get(self, path: str) -> None:
        if path == "/metrics":
            self._metrics()
        elif path == "/healthz":
            self._answer(200, "ok\n", {"status": "ok"})
        elif path in ("/", "/misbehave"):
            self._answer(200, self._list(), self._state())
        elif path == "/behave" or path.startswith(("/misbehave/", "/behave/")):
            raise Refusal(405, f"Use POST: curl -X POST {self._base()}{path}")
        else:
            raise Refusal(404, "No such page.", known=("/", "/metrics", "/misbehave", "/behave", "/healthz"))

    def _metrics(self) -> None:
        name = self._service()
        exposition = self.server.played.exposition(name)
        if exposition is None:
            example = f"curl -H 'Host: quota-tracker' {self._base()}/metrics"
            reason = f"No service is called {name!r}: the Host header chooses one. Example: {example}"
            raise Refusal(404, reason, known=self.server.played.names)
        self._send(200, _EXPOSITION, exposition)

    def _switch(self, path: str) -> None:
        verb, _, name = path.lstrip("/").partition("/")
        if verb not in ("misbehave", "behave"):
            raise Refusal(404, "No such page.", known=("/misbehave/NAME", "/behave", "/behave/NAME"))
        names = tuple(orchestrator.MISBEHAVIOURS)
        if name not in names and (name or verb == "misbehave"):
            nearest = difflib.get_close_matches(name.lower(), names, cutoff=0.4)
            reason = f"Nothing here is called {name!r}." if name else "Say what: POST /misbehave/NAME."
            raise Refusal(404, reason, known=names, nearest=nearest)
        providers = self._providers()
        if verb == "misbehave":
            self.server.played.misbehave(name, providers)
        else:
            self.server.played.behave([name] if name else names, providers)
        self._answer(200, _now_on(self.server.played.wrong()), self._state())

    def _providers(self) -> list[str]:
        query = parse_qs(self.path.partition("?")[2], keep_blank_values=True)
        providers = query.pop("provider", [])
        if query:
            raise Refusal(400, f"Unknown parameter {next(iter(query))!r}.", known=("provider",), nearest=("provider",))
        for provider in providers:
            if provider not in services.PROVIDERS:
                nearest = difflib.get_close_matches(provider.lower(), services.PROVIDERS)
                raise Refusal(400, f"Unknown provider {provider!r}.", known=services.PROVIDERS, nearest=nearest)
        return providers

    def _list(self) -> str:
        on, base = self.server.played.wrong(), self._base()
        rows = [("NAME", "ALERT", "ON", "WHAT HAPPENS")]
        for name, what in orchestrator.MISBEHAVIOURS.items():
            rows.append((name, what.alert, ", ".join(filter(None, on.get(name, ["-"]))) or "on", what.about))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[3]]) for row in rows]  # noqa: B905
        return "\n".join(
            [
                "The sample application plays the services of an AI CLI orchestrator: "
                + ", ".join(self._names())
                + ".",
                "It can misbehave, to try alerts. Some alerts fire only after some minutes.",
                "",
                *lines,
                "",
                f"On:     curl -X POST {base}/misbehave/fail",
                f"        curl -X POST '{base}/misbehave/fail?provider=gemini'",
                f"Off:    curl -X POST {base}/behave/fail",
                f"        curl -X POST {base}/behave",
                f"Scrape: curl -H 'Host: quota-tracker' {base}/metrics",
                "",
                f"Providers: {', '.join(services.PROVIDERS)}; without ?provider= it is {services.PROVIDERS[0]}.",
                *([f"Redis: {self.server.redis.state}"] if self.server.redis else []),
                "",
            ]
        )

    def _state(self) -> dict[str, object]:
        on = self.server.played.wrong()
        return {
            "services": self._names(),
            "providers": list(services.PROVIDERS),
            "redis": self.server.redis.state if self.server.redis else None,
            "misbehaviours": [
                {
                    "name": name,
                    "about": what.about,
                    "alert": what.alert,
                    "on": name in on,
                    "providers": [provider for provider in on.get(name, []) if provider],
                }
                for name, what in orchestrator.MISBEHAVIOURS.items()
            ],
        }

    def _names(self) -> list[str]:
        return list(self.server.played.names)

    def _path(self) -> str:
        return "/" + unquote(self.path.partition("?")[0]).strip("/")

    def _service(self) -> str:
        """The name that it is called by: without port and domain."""
        return self.headers.get("Host", "").strip().lower().partition(":")[0].partition(".")[0]

    def _base(self) -> str:
        """The address for examples: as the client called it, if that can be shown."""
        host = self.headers.get("Host", "").strip()
        usable = re.fullmatch(r"[\w.-]+(:\d+)?|\[[0-9A-Fa-f:]+\](:\d+)?", host, re.ASCII)
        return f"http://{host if usable else f'localhost:{self.server.server_address[1]}'}"

    def _drain(self) -> None:
        """Reads a body that nobody needs: a client that still sends would lose the answer."""
        length = self.headers.get("Content-Length", "0")
        if length.isdecimal():
            self.rfile.read(min(int(length), _LARGEST_BODY))

    def _answer(self, status: int, text: str, content: dict[str, object]) -> None:
        if "application/json" in self.headers.get("Accept", "").lower():
            self._send(status, "application/json", json.dumps(content, indent=2) + "\n")
        else:
            self._send(status, "text/plain; charset=utf-8", text)

    def _send(self, status: int, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == 405:
            self.send_header("Allow", "POST")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def main(arguments: Sequence[str] | None = None) -> int:
    """Plays until SIGTERM or ^C."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    options = _options(arguments)
    played = orchestrator.Orchestrator(log=say)
    redis = None
    if options.redis:
        password = os.environ.get("SAMPLE_APP_REDIS_PASSWORD_FILE")  # noqa: TID251 - runs alone: there is no cli
        redis = redis_work.RedisWork(options.redis, password_file=Path(password) if password else None)
    try:
        server = Server(("", options.port), played, redis)
    except OSError as error:
        sys.stderr.write(f"cannot listen on port {options.port}: {error}\n")
        return 1
    never = threading.Event()
    for work in (played.keep_going, *([redis.keep_going] if redis else [])):
        threading.Thread(target=work, args=(never,), daemon=True).start()
    with server:
        say(f"plays {', '.join(played.names)} on port {server.server_address[1]}; GET / says what it can do")
        server.serve_forever()
    return 0


def say(line: str) -> None:
    """One line of the log."""
    sys.stdout.write(f"sample application: {line}\n")
    sys.stdout.flush()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sample_app.py", description="Plays the services of an AI CLI orchestrator.")
    parser.add_argument("--port", type=_port, default=PORT, help="where it listens (default: %(default)s)")
    parser.add_argument(
        "--redis",
        type=_address,
        default=os.environ.get("SAMPLE_APP_REDIS") or None,  # noqa: TID251 - runs alone: there is no cli
        metavar="HOST:PORT",
        help="a Redis to do some work in (default: SAMPLE_APP_REDIS of the environment); its password is read from"
        " the file that SAMPLE_APP_REDIS_PASSWORD_FILE names",
    )
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def _address(text: str) -> redis_work.Address:
    try:
        return redis_work.Address.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _end(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    sys.exit(0)


def _now_on(wrong: dict[str, list[str]]) -> str:
    lines = []
    for name, where in wrong.items():
        providers, what = ", ".join(filter(None, where)), orchestrator.MISBEHAVIOURS[name]
        at = f" at {providers}" if providers else ""
        lines.append(f"{name}{at}: {what.about}; alert {what.alert}\n")
    return "On now:\n" + "".join(lines) if lines else "Nothing is switched on.\n"


if __name__ == "__main__":
    sys.exit(main())
