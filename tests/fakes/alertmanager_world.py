"""A stack with an Alertmanager whose receivers are changed, in memory: it has what it read of its file last."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tests.fakes.change_world import COMPOSE, FOLDER, ChangeWorld
from tests.fakes.fake_engine import FakeServices, container
from tests.fakes.fake_live import FakeAlertmanager

from monops.domain.ports import Container, Mount

ALERTING = f"{FOLDER}/alertmanager/alertmanager.yml"
#: Where its container has the secrets, and where they are here.
INSIDE, SECRETS = "/run/secrets", f"{FOLDER}/secrets/alertmanager"
TEXT = """\
services:
  prometheus: {image: "prom/prometheus:v1"}
  alertmanager: {image: "prom/alertmanager:v1"}
"""
RECEIVERS = """\
route:
  receiver: nobody
receivers:
  - name: nobody
"""


@dataclass
class LoadedAlertmanager(FakeAlertmanager):
    """Says what it has loaded."""

    loaded: str = RECEIVERS

    def config(self) -> str:
        return self.loaded


@dataclass
class Both(FakeServices):
    """Prometheus and Alertmanager."""

    of_alertmanager: LoadedAlertmanager = field(default_factory=LoadedAlertmanager)

    def alertmanager(self, container: Container | None) -> LoadedAlertmanager:
        return self.of_alertmanager


@dataclass
class AlertmanagerWorld(ChangeWorld):
    """The stack `p` with Alertmanager beside Prometheus; a reload has it read its file."""

    text: str = TEXT
    alertmanager: LoadedAlertmanager = field(default_factory=LoadedAlertmanager)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.world.services = Both(self.prometheus, self.alertmanager)
        self.files.texts[ALERTING] = RECEIVERS
        made = container("alertmanager", "alerts")
        labels = {
            "com.docker.compose.project.config_files": COMPOSE,
            "com.docker.compose.project.working_dir": FOLDER,
            "com.docker.compose.config-hash": self.docker.hashes()["alertmanager"],
        }
        folders = {f"{FOLDER}/alertmanager": "/etc/alertmanager", SECRETS: INSIDE}
        mounts = [Mount(type="bind", name="", source=here, destination=there) for here, there in folders.items()]
        self.world.engine.add(replace(made, labels=labels, mounts=(*made.mounts, *mounts)))

    def reload(self) -> str:
        self.alertmanager.loaded = self.files.texts.get(ALERTING, RECEIVERS)
        return super().reload()
