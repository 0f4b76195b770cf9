"""The stack that ships, as a user gets it: `monops init --sample-app`, `monops stack up`; only forty times faster."""

from __future__ import annotations

import itertools
import os
import random
import secrets
import socket
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError

from tests.integration.support import Monops, command, docker, wait_until
from tests.integration.web import fetch, query

#: Durations are a fortieth: Prometheus asks every second, 5 minutes are 8 s, and no alert fires on one lost answer.
TIME_SCALE = "0.025"
#: What a container runs as: its secrets are this user's alone.
NOBODY = 65534
#: Alerts that may be true of the machine that the tests run on, and are no fault of the stack.
TRUE_OF_THE_MACHINE = ("HighCpuUsage", "HighMemoryUsage", "DiskSpaceLow")
#: Ports for tests, below those that the kernel hands out to whoever asks: in rows, so many for each worker of pytest.
_LOWEST_PORT, _ROW, _ROWS, _WORKERS = 15_000, 10, 400, 4
#: Each row comes once before any comes again; another run of the tests begins elsewhere.
_turns = itertools.count(random.randrange(_ROWS))


@dataclass(frozen=True)
class Shipped:
    """A stack that `monops init` wrote."""

    #: The stack's folder, where its Compose file is.
    folder: Path
    name: str
    monops: Monops
    ports: dict[str, int]
    #: The machine, as containers reach it: they call it host.docker.internal.
    bridge: str

    @property
    def prometheus(self) -> str:
        return f"http://127.0.0.1:{self.ports['prometheus']}"

    @property
    def alertmanager(self) -> str:
        return f"http://127.0.0.1:{self.ports['alertmanager']}"

    def container(self, service: str) -> str:
        return f"{self.name}-{service}"

    def volume(self, service: str) -> Path:
        """A service's volume on this machine."""
        return Path(docker("volume", "inspect", "--format", "{{.Mountpoint}}", f"{self.name}_{service}-data"))

    def up(self) -> None:
        ran = self.monops.run("stack", "up")
        assert ran.code == 0, ran

    def down(self) -> None:
        """Away with it, volumes and all."""
        command(
            "docker", "compose", "-f", self.folder / "docker-compose.monitoring.yml", "down", "-v", "--timeout", "2"
        )
        # Of several Prometheus those stay that the file does not name any more.
        label = f"label=com.docker.compose.project={self.name}"
        if left := docker("volume", "ls", "-q", "--filter", label).split():
            docker("volume", "rm", *left)

    def secret(self, path: str, text: str, *, owner: int = NOBODY) -> None:
        """A secret as a user writes it: `secrets/alertmanager/webhook-url`."""
        target = self.folder / path
        target.touch(mode=0o600)
        target.write_text(text)
        os.chown(target, owner, -1)

    def rewrite(self, path: str, old: str, new: str) -> None:
        """A person's edit of a file."""
        target = self.folder / path
        text = target.read_text()
        assert old in text, f"{path} has no {old!r}"
        target.write_text(text.replace(old, new))

    @contextmanager
    def as_it_was(self, *paths: str) -> Iterator[None]:
        """At the end the files are as they were now; those that are not there now are gone."""
        before = {path: (self.folder / path).read_text() if (self.folder / path).exists() else None for path in paths}
        try:
            yield
        finally:
            for path, text in before.items():
                if text is None:
                    (self.folder / path).unlink(missing_ok=True)
                else:
                    (self.folder / path).write_text(text)

    def reload(self, url: str) -> None:
        """Prometheus or Alertmanager at this URL reads its files again; where they are broken, it says so."""
        with suppress(HTTPError):
            fetch(f"{url}/-/reload", method="POST")

    def misbehave(self, name: str, *providers: str) -> None:
        """Switches something wrong on in the sample application."""
        words = urllib.parse.urlencode([("provider", provider) for provider in providers])
        self._tell(f"misbehave/{name}?{words}")

    def behave(self, name: str = "") -> None:
        """Switches it off again; everything, if nothing is named."""
        self._tell(f"behave/{name}")

    def _tell(self, what: str) -> None:
        fetch(f"http://127.0.0.1:{self.ports['sample-app']}/{what}", method="POST")

    def asked(self, promql: str) -> list[tuple[str, str]]:
        """What Prometheus answers now: labels as JSON, and the value."""
        return query(self.prometheus, promql, time.time())

    def has_fired(self, alert: str) -> bool:
        """Whether it fires, or did so in the last 3 s: a share near its limit goes up and down."""
        return bool(self.asked(f'last_over_time(ALERTS{{alertname="{alert}", alertstate="firing"}}[3s])'))


@contextmanager
def written_stack(folder: Path, *choices: str) -> Iterator[Shipped]:
    """The files of a stack on ports of its own, not yet up; at the end it is down."""
    name = f"shipped-{secrets.token_hex(4)}"
    services = ("prometheus", "grafana", "alertmanager", "cadvisor", "node-exporter", "sample-app")
    ports = dict(zip(services, free_ports(len(services)), strict=True))
    monops = Monops(folder)
    folder.mkdir(parents=True, exist_ok=True)
    words = [word for service, port in ports.items() for word in ("--port", f"{service}={port}")]
    ran = monops.run(
        "init", "--sample-app", "--time-scale", TIME_SCALE, "--name", name, "--prefix", name, *words, *choices
    )
    assert ran.code == 0, ran
    stack = folder / "monitoring"
    settings = dict(line.split("=", 1) for line in (stack / ".env").read_text().splitlines() if "=" in line)
    shipped = Shipped(stack, name, monops, ports, settings["NODE_EXPORTER_ADDRESS"])
    try:
        yield shipped
    finally:
        shipped.down()


def all_is_well(shipped: Shipped, *, but: Sequence[str] = TRUE_OF_THE_MACHINE) -> bool:
    """Whether every target has answered for a while, every rule has been asked, and nothing but these alerts fires."""
    targets = fetch(f"{shipped.prometheus}/api/v1/targets?state=active")["data"]["activeTargets"]
    groups = fetch(f"{shipped.prometheus}/api/v1/rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    firing = {rule["name"] for rule in rules if rule.get("state") == "firing"}
    return (
        all(target["health"] == "up" for target in targets)
        and all(rule["health"] == "ok" for rule in rules)
        and firing <= {"Watchdog", *but}
        # As many as the longest "5 minutes" have: of two samples, one failed request is a tenth.
        and bool(shipped.asked("min(sum_over_time(up[1m])) >= 8"))
    )


def wait_until_well(shipped: Shipped, *, but: Sequence[str] = TRUE_OF_THE_MACHINE) -> None:
    """What starting has stirred up is over."""
    wait_until(lambda: all_is_well(shipped, but=but), "a stack on which all is well", within=300, pause=0.5)


def fired_when_well(shipped: Shipped) -> list[str]:
    """The labels of what fires within ten rounds of a stack on which all is well.

    Late scrapes of a busy machine have alerts of their own, which are not asked for: up to six times, then they stay.
    """
    usual = [f'"{name}"' for name in ("Watchdog", *TRUE_OF_THE_MACHINE)]
    for _ in range(6):
        wait_until_well(shipped)
        found = _fired_in_ten_rounds(shipped, time.time())
        if all(any(name in labels for name in usual) for labels in found):
            break
    return found


def _fired_in_ten_rounds(shipped: Shipped, began: float) -> list[str]:
    def fired() -> dict[str, int]:
        window = int((time.time() - began) * 1000) + 1
        rows = shipped.asked(f'count_over_time(ALERTS{{alertstate="firing"}}[{window}ms])')
        return {labels: int(count) for labels, count in rows}

    wait_until(lambda: any('"Watchdog"' in labels and count >= 10 for labels, count in fired().items()), "10 rounds")
    return list(fired())


def free_ports(count: int) -> list[int]:
    """Ports one behind the other on which nobody listens on this machine, and which no client is given meanwhile."""
    assert count <= _ROW
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    for turn in itertools.islice(_turns, _ROWS):
        first = _LOWEST_PORT + (worker * _ROWS + turn % _ROWS) * _ROW
        with ExitStack() as held, suppress(OSError):
            for port in range(first, first + count):
                held.enter_context(socket.create_server(("", port)))
            return list(range(first, first + count))
    raise AssertionError("every port for tests is in use")


def hurt_write_ahead_log(shipped: Shipped) -> None:
    """Some bytes in the log that Prometheus reads when it starts are not as it wrote them; it must be stopped."""
    log = max((shipped.volume("prometheus") / "wal").glob("[0-9]*"), key=lambda path: path.stat().st_size)
    content = bytearray(log.read_bytes())
    place = len(content) * 3 // 4
    content[place : place + 64] = bytes(byte ^ 0xFF for byte in content[place : place + 64])
    log.write_bytes(content)
