"""The Grafana stand-in as a process of its own: started, asked, killed and started again."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "grafana"
DEADLINE_S = 20.0


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class StandIn:
    """One stand-in in a folder of its own, started, killed and started again."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    port: int = 0

    @property
    def database(self) -> Path:
        return self.root / "data" / "grafana.db"

    def start(self, **more: str) -> StandIn:
        """Start it and wait until it answers."""
        self.launch(**more)
        until(lambda: self.answers() or self.process is None or self.process.poll() is not None)
        assert self.process is not None
        assert self.process.poll() is None, (self.root / "log").read_text()
        return self

    def launch(self, **more: str) -> subprocess.Popen[str]:
        self.port = free_port()
        settings = {
            "GF_PATHS_DATA": str(self.root / "data"),
            "GF_PATHS_PROVISIONING": str(self.root / "provisioning"),
            "GF_SERVER_HTTP_ADDR": "127.0.0.1",
            "GF_SERVER_HTTP_PORT": str(self.port),
            "STANDIN_WRITE_INTERVAL_MS": "5",
        }
        with (self.root / "log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(FOLDER / "server.py")],
                env={"PATH": os.environ["PATH"], **settings, **self.env, **more},
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        return self.process

    def answers(self) -> bool:
        try:
            return self.call("/api/health", auth=None).status == 200
        except OSError:
            return False

    def call(self, path: str, method: str = "GET", body: Any = None, auth: str | None = "admin:admin") -> Answer:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
        if auth is not None:
            credentials = auth if auth.startswith("glsa_") else base64.b64encode(auth.encode()).decode()
            request.add_header("Authorization", f"{'Bearer' if auth is credentials else 'Basic'} {credentials}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def get(self, path: str) -> Any:
        answer = self.call(path)
        assert answer.status == 200, answer
        return answer.json()

    def writes(self) -> dict[str, Any]:
        seen: dict[str, Any] = self.call("/standin/writes", auth=None).json()
        return seen

    def until_it_wrote(self, count: int = 8) -> None:
        """Wait for so many more writes."""
        goal = self.writes()["writes"] + count
        until(lambda: self.writes()["writes"] >= goal)

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(10)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "gave up waiting"
        time.sleep(0.02)


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
