"""What can go wrong in a stack that runs, one fault at a time: each is made on real services and undoes itself."""

from __future__ import annotations

import subprocess
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from tests.integration.shipped import Shipped
from tests.integration.support import docker, wait_until
from tests.integration.web import answers
from tests.integration.webhook import Listener


@dataclass(frozen=True)
class Scene:
    """The stack, and who hears of its alerts."""

    shipped: Shipped
    listener: Listener
    #: Whether Prometheus's data are on a small disk of their own.
    has_small_disk: bool


#: Makes a fault; at its end the fault is undone.
Injection = Callable[[Scene], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """A fault, and what doctor shall say of it."""

    name: str
    #: The check that names it, and a part of the cause that it gives.
    check: str
    says: str
    inject: Injection
    #: Further checks, or groups as `targets.`, that may speak of its consequences.
    also: tuple[str, ...] = ()


# --- ways to make one ------------------------------------------------------------------------------


def edited(path: str, old: str, new: str, *, reload: str = "") -> Injection:
    """A file that a person has changed; and Prometheus or Alertmanager was told to read it again."""

    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        shipped = scene.shipped
        url = {"prometheus": shipped.prometheus, "alertmanager": shipped.alertmanager}.get(reload)
        try:
            with shipped.as_it_was(path):
                shipped.rewrite(path, old, new)
                if url:
                    shipped.reload(url)
                yield
        finally:
            if url:
                shipped.reload(url)

    return inject


def file(path: str, text: str, *, reload: str = "") -> Injection:
    """A file with another text, or one that was not there."""

    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        shipped = scene.shipped
        try:
            with shipped.as_it_was(path):
                (shipped.folder / path).write_text(text)
                if reload:
                    shipped.reload(shipped.prometheus)
                yield
        finally:
            if reload:
                shipped.reload(shipped.prometheus)

    return inject


def rules(text: str) -> Injection:
    """A rule file of somebody's own, with a group that no other fault has: what failed before is told of that one."""
    group = f"own-{zlib.crc32(text.encode()):08x}"
    return file("rules/own.yml", f"groups:\n  - name: {group}\n    rules:\n{text}", reload="prometheus")


def job(text: str) -> Injection:
    """One more scrape job."""
    before = "  # --- the application\n"
    return edited("prometheus.yml", before, f"  - job_name: extra\n{text}\n{before}", reload="prometheus")


#: What keeps a container from any finding but that it is nobody's.
_TIDY = {
    "memory": ("--memory", "32m", "--memory-swap", "32m"),
    "cpus": ("--cpus", "0.1"),
    "log": ("--log-opt", "max-size=1m"),
    "restart": ("--restart", "unless-stopped"),
    "data": ("--tmpfs", "/data"),
}
_SLEEP = ("sleep", "600")


def container(
    *words: str, without: Sequence[str] = (), ends: Sequence[str] = _SLEEP, image: str = "redis:8.0.2"
) -> Injection:
    """One more container of the project."""

    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        project = scene.shipped.name
        name = f"{project}-extra"
        labels = (f"com.docker.compose.project={project}", "com.docker.compose.service=extra")
        tidy = [word for key, value in _TIDY.items() if key not in without for word in value]
        given = [word.format(folder=scene.shipped.folder) for word in words]
        command = ["docker", "run", "-d", "--name", name, "--init", "--entrypoint", ends[0]]
        command += ["--label", labels[0], "--label", labels[1], *tidy, *given, image, *ends[1:]]
        try:
            # One that cannot be started is a fault as well.
            subprocess.run(command, capture_output=True, check=False, timeout=60)
            yield
        finally:
            docker("rm", "-fv", name)

    return inject


def stopped(service: str) -> Injection:
    """A container that somebody has stopped."""

    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        docker("stop", "--time", "2", scene.shipped.container(service))
        try:
            yield
        finally:
            docker("start", scene.shipped.container(service))

    return inject


def both(first: Injection, second: Injection) -> Injection:
    """One after the other."""

    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        with first(scene), second(scene):
            yield

    return inject


def redis_says(setting: str, value: str, before: str) -> Injection:
    """Redis with another setting, until it is set back."""

    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        name = scene.shipped.container("redis")
        docker("exec", name, "redis-cli", "config", "set", setting, value)
        try:
            yield
        finally:
            word = ("-a", value) if setting == "requirepass" else ()
            docker("exec", name, "redis-cli", *word, "config", "set", setting, before)

    return inject


def updated(words: Sequence[str], before: Sequence[str]) -> Injection:
    """`docker update` on the redis exporter, and back."""

    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        name = scene.shipped.container("redis-exporter")
        docker("update", *words, name)
        try:
            yield
        finally:
            docker("update", *before, name)

    return inject


def backups(text: str) -> Injection:
    """What the node exporter finds in its textfile folder."""

    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        path = scene.shipped.folder / "textfile" / "monops_backup.prom"
        path.write_text(text.format(now=time.time(), old=time.time() - 3 * 86400))
        path.chmod(0o644)
        try:
            yield
        finally:
            path.unlink()

    return inject


def misbehaving(what: str) -> Injection:
    """The sample application does something wrong."""

    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        scene.shipped.misbehave(what)
        try:
            yield
        finally:
            scene.shipped.behave(what)

    return inject


def grafana(path: str, old: str, new: str) -> Injection:
    """A file of Grafana that was changed, and Grafana started anew."""

    @contextmanager
    def inject(scene: Scene) -> Iterator[None]:
        shipped = scene.shipped

        def restart() -> None:
            docker("restart", "--time", "2", shipped.container("grafana"))
            url = f"http://127.0.0.1:{shipped.ports['grafana']}/api/health"
            wait_until(lambda: answers(url), "Grafana")

        try:
            with shipped.as_it_was(path):
                target = shipped.folder / path
                target.write_text(target.read_text().replace(old, new) if old else new)
                restart()
                yield
        finally:
            restart()

    return inject
