"""What can go wrong in a stack that runs, one fault at a time: each is made on real services and undoes itself."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from tests.integration.shipped import Shipped, free_ports
from tests.integration.support import docker, wait_until
from tests.integration.web import answers, fetch
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
    """A rule file of somebody's own."""
    return file("rules/own.yml", f"groups:\n  - name: own\n    rules:\n{text}", reload="prometheus")


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


# --- those that are like no other ------------------------------------------------------------------


@contextmanager
def other_network(scene: Scene) -> Iterator[None]:
    """The redis exporter has left the network that Prometheus is in."""
    network, name = f"{scene.shipped.name}_monitoring", scene.shipped.container("redis-exporter")
    other = f"{scene.shipped.name}-other"
    docker("network", "create", other)
    try:
        docker("network", "connect", other, name)
        docker("network", "disconnect", network, name)
        try:
            yield
        finally:
            docker("network", "connect", "--alias", "redis-exporter", network, name)
            docker("network", "disconnect", other, name)
    finally:
        docker("network", "rm", other)


@contextmanager
def refusing(scene: Scene) -> Iterator[None]:
    """The receiver refuses what comes, and something comes."""
    scene.listener.refused.add("/webhook")
    scene.shipped.misbehave("deep-queue")
    try:
        yield
    finally:
        scene.listener.refused.clear()
        scene.shipped.behave("deep-queue")


@contextmanager
def silenced(scene: Scene) -> Iterator[None]:
    """A silence over everything."""
    now = dt.datetime.now(dt.UTC)
    silence = {
        "matchers": [{"name": "alertname", "value": ".+", "isRegex": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + dt.timedelta(minutes=5)).isoformat(),
        "createdBy": "somebody",
        "comment": "quiet, please",
    }
    url = f"{scene.shipped.alertmanager}/api/v2/silence"
    request = urllib.request.Request(
        f"{url}s", data=json.dumps(silence).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        made = json.loads(answer.read())["silenceID"]
    try:
        yield
    finally:
        fetch(f"{url}/{made}", method="DELETE")


@contextmanager
def password_admin(scene: Scene) -> Iterator[None]:
    """Grafana was begun anew with the password that everybody tries first."""
    shipped, path = scene.shipped, "secrets/grafana/admin-password"
    name, url = shipped.container("grafana"), f"http://127.0.0.1:{shipped.ports['grafana']}/api/health"

    def begin_anew() -> None:
        docker("stop", "--time", "2", name)
        # It takes the password from there only where it has no database yet.
        for database in shipped.volume("grafana").glob("grafana.db*"):
            database.unlink()
        docker("start", name)
        wait_until(lambda: answers(url), "Grafana")

    try:
        with shipped.as_it_was(path):
            (shipped.folder / path).write_text("admin")
            begin_anew()
            yield
    finally:
        begin_anew()


@contextmanager
def full_disk(scene: Scene) -> Iterator[None]:
    """Something has filled the disk of Prometheus's data."""
    path = scene.shipped.volume("prometheus") / "something-large"
    with path.open("wb") as file:
        left = os.statvfs(path.parent)
        os.posix_fallocate(file.fileno(), 0, left.f_bavail * left.f_frsize - (1 << 20))
    try:
        yield
    finally:
        path.unlink()


@contextmanager
def foreign_data(scene: Scene) -> Iterator[None]:
    """Alertmanager's data belong to root, as after a copy."""
    folder = scene.shipped.volume("alertmanager")
    before = folder.stat()
    os.chown(folder, 0, 0)
    folder.chmod(0o755)
    try:
        yield
    finally:
        os.chown(folder, before.st_uid, before.st_gid)
        folder.chmod(before.st_mode & 0o7777)


@contextmanager
def readable_secret(scene: Scene) -> Iterator[None]:
    """A secret that everybody may read."""
    path = scene.shipped.folder / "secrets" / "alertmanager" / "webhook-url"
    folders = [path.parent, path.parent.parent]
    modes = {one: one.stat().st_mode & 0o7777 for one in (path, *folders)}
    path.chmod(0o644)
    for folder in folders:
        folder.chmod(0o755)
    try:
        yield
    finally:
        for one, mode in modes.items():
            one.chmod(mode)


@contextmanager
def stale_file(scene: Scene) -> Iterator[None]:
    """A container has a single file, and an editor has put another one in its place."""
    path = scene.shipped.folder / "single.conf"
    path.write_text("one\n")
    try:
        with container("--volume", f"{path}:/etc/single.conf:ro")(scene):
            other = path.with_suffix(".new")
            other.write_text("two\n")
            other.replace(path)
            yield
    finally:
        path.unlink()


@contextmanager
def latest(scene: Scene) -> Iterator[None]:
    """A container of an image without a version."""
    image = f"{scene.shipped.name}:latest"
    docker("tag", "redis:8.0.2", image)
    try:
        with container(image=image)(scene):
            yield
    finally:
        docker("rmi", image)


@contextmanager
def killed(scene: Scene) -> Iterator[None]:
    """A container that somebody has killed."""
    with container()(scene):
        docker("kill", f"{scene.shipped.name}-extra")
        yield


@contextmanager
def open_port(scene: Scene) -> Iterator[None]:
    """A Redis without a password at every address of the machine."""
    (port,) = free_ports(1)
    with container("--publish", f"0.0.0.0:{port}:6379")(scene):
        yield
