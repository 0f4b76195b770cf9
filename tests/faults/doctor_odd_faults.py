"""Faults that are like no other: each is made in its own way, on real services, and undoes itself."""

from __future__ import annotations

import datetime as dt
import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.doctor_faults import Scene, container
from tests.integration.shipped import free_ports
from tests.integration.support import docker, wait_until
from tests.integration.web import answers, fetch


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
