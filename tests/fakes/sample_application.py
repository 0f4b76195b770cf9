"""The sample application as a client sees it: over HTTP, with its numbers read strictly."""

from __future__ import annotations

import http.client
import re
import threading
from typing import Self

from monops.stack.sample_app import orchestrator, sample_app

NOW = 1_800_000_000.0

#: A series: its name and its labels.
Series = tuple[str, frozenset[tuple[str, str]]]


def series(name: str, **labels: str) -> Series:
    return name, frozenset(labels.items())


class Scrape:
    """The text format, read strictly: every sample belongs to a family that was declared before, once."""

    def __init__(self, text: str) -> None:
        assert text.endswith("\n")
        self.kinds: dict[str, str] = {}
        self.helps: dict[str, str] = {}
        self.samples: dict[Series, float] = {}
        for line in text.splitlines():
            if found := re.fullmatch(r"# HELP (\w+) (.+)", line):
                assert found[1] not in self.helps
                self.helps[found[1]] = found[2]
            elif found := re.fullmatch(r"# TYPE (\w+) (counter|gauge|histogram)", line):
                assert list(self.helps)[-1] == found[1]
                self.kinds[found[1]] = found[2]
            else:
                self._sample(line)

    def _sample(self, line: str) -> None:
        found = re.fullmatch(r'(\w+)(?:\{(\w+="(?:[^"\\]|\\.)*"(?:,\w+="(?:[^"\\]|\\.)*")*)\})? (\S+)', line)
        assert found, line
        family = list(self.kinds)[-1]
        allowed = [f"{family}_{part}" for part in ("bucket", "sum", "count")]
        assert found[1] in (allowed if self.kinds[family] == "histogram" else [family])
        labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
        key = series(found[1], **labels)
        assert key not in self.samples
        self.samples[key] = float(found[3])

    def __call__(self, name: str, **labels: str) -> float:
        """The sum over every series of the name that has these labels."""
        found = [value for (known, all_), value in self.samples.items() if known == name and all_ >= {*labels.items()}]
        assert found, (name, labels)
        return sum(found)

    def values(self, name: str, label: str) -> set[str]:
        return {dict(labels)[label] for known, labels in self.samples if known == name}


class Played:
    """The running application on a port of its own, as its clients see it, with clocks that stand still."""

    def __init__(self) -> None:
        self.wall, self.monotonic = NOW, 0.0
        self.log: list[str] = []
        self.played = orchestrator.Orchestrator(
            log=self.log.append, monotonic=lambda: self.monotonic, wall=lambda: self.wall
        )
        self.server = sample_app.Server(("127.0.0.1", 0), self.played)
        self.port = self.server.server_address[1]
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.played.advance(seconds)

    def ask(self, method: str, path: str, host: str = "localhost", **headers: str) -> tuple[int, str, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, headers={"Host": host, **headers})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), dict(answer.headers)
        finally:
            connection.close()

    def post(self, path: str) -> str:
        status, text, _ = self.ask("POST", path)
        assert status == 200, text
        return text

    def scrape(self, host: str) -> Scrape:
        status, text, headers = self.ask("GET", "/metrics", f"{host}:9090")
        assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        return Scrape(text)

    def rise(self, host: str, seconds: float, name: str, **labels: str) -> float:
        """How much a counter rises in this time."""
        before = self.scrape(host)(name, **labels)
        self.advance(seconds)
        return self.scrape(host)(name, **labels) - before
