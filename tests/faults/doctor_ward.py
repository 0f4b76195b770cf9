"""A stack whose faults doctor shall find: each is made, looked for, undone, and told as an outcome."""

from __future__ import annotations

import math
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.doctor_faults import Fault, Scene
from tests.integration.shipped import wait_until_well, written_stack
from tests.integration.support import PATIENCE
from tests.integration.webhook import listener

COMPOSE = "docker-compose.monitoring.yml"
#: Checks that ask what was in the last minutes: they still speak of what is mended.
LOOK_BACK = frozenset(
    {
        "alertmanager.notifications_failed",
        "alerts.flapping",
        "storage.compaction",
        "targets.flapping",
        "targets.limits",
        "targets.samples",
    }
)
Finding = dict[str, Any]


#: Seconds in which findings must go that are of the moment in which a fault was made.
SETTLES_WITHIN = 10.0


@dataclass(frozen=True)
class Outcome:
    """What doctor said of one fault."""

    fault: Fault
    #: What it found when the expected was among it, or at last.
    findings: tuple[Finding, ...]
    #: From the fault made to the finding: Prometheus asks every second, and rules wait.
    seconds: float
    #: The last run of doctor alone.
    doctor_seconds: float
    #: What it still found of it, long after it was undone.
    left: tuple[Finding, ...]

    @property
    def is_found(self) -> bool:
        return any(_is_expected(one, self.fault) for one in self.findings)

    @property
    def strange(self) -> tuple[Finding, ...]:
        """Findings that have nothing to do with it."""
        return tuple(
            one for one in self.findings if not _is_its(one["check"], self.fault) and one["check"] not in LOOK_BACK
        )


@dataclass(frozen=True)
class Ward:
    """The stack."""

    scene: Scene

    def doctor(self, *words: str) -> tuple[int, Any]:
        ran = self.scene.shipped.monops.run("doctor", *words)
        return ran.code, ran.result

    def outcome_of(self, fault: Fault) -> Outcome:
        """Made, looked for, undone, and gone."""
        began, found_at = time.monotonic(), math.inf
        with fault.inject(self.scene):
            while True:
                asked = time.monotonic()
                found = self._findings()
                now = time.monotonic()
                outcome = Outcome(fault, found, now - began, now - asked, ())
                found_at = min(found_at, now) if outcome.is_found else found_at
                # What passes by itself, such as a target that was not scraped yet, is of the moment.
                is_settled = outcome.is_found and (not outcome.strange or now > found_at + SETTLES_WITHIN)
                if is_settled or now > began + PATIENCE / 3:
                    break
        deadline = time.monotonic() + PATIENCE / 3
        while (left := self._lasting()) and time.monotonic() < deadline:
            pass
        return Outcome(fault, found, min(found_at, now) - began, now - asked, left)

    def _findings(self) -> tuple[Finding, ...]:
        return tuple(self.doctor()[1]["findings"])

    def _lasting(self) -> tuple[Finding, ...]:
        return tuple(one for one in self._findings() if one["check"] not in LOOK_BACK)


@contextmanager
def opened() -> Iterator[Ward]:
    """A stack as it ships, with a receiver for its alerts, on which all is well; at the end it is gone."""
    choices = ("--receiver", "webhook", "--without", "cadvisor")
    with tempfile.TemporaryDirectory(prefix="monops-doctor-") as place:
        folder = Path(place)
        # As a stack's folder usually is: others may go through it.
        folder.chmod(0o755)
        with (
            small_disk() as device,
            written_stack(folder, *choices) as shipped,
            listener(shipped.bridge) as heard,
        ):
            if device:
                options = f"{{type: ext4, device: {device}}}"
                shipped.rewrite(COMPOSE, "\n  prometheus-data:\n", f"\n  prometheus-data: {{driver_opts: {options}}}\n")
            shipped.secret("secrets/alertmanager/webhook-url", heard.url("/webhook"))
            shipped.up()
            wait_until_well(shipped)
            yield Ward(Scene(shipped, heard, bool(device)))


@contextmanager
def small_disk() -> Iterator[str | None]:
    """A device with a file system of 1 GiB that is Prometheus's; None where this machine has none to give."""
    with tempfile.NamedTemporaryFile(suffix=".img") as image:
        os.truncate(image.name, 1 << 30)
        make = ["mkfs.ext4", "-q", "-E", "root_owner=65534:65534", image.name]
        attach = ["losetup", "--find", "--show", image.name]
        try:
            subprocess.run(make, check=True, capture_output=True)
            device = subprocess.run(attach, check=True, capture_output=True, text=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            yield None
            return
        try:
            yield device
        finally:
            subprocess.run(["losetup", "--detach", device], check=True)


def _is_expected(finding: Finding, fault: Fault) -> bool:
    return bool(finding["check"] == fault.check and fault.says in finding["cause"])


def _is_its(check: str, fault: Fault) -> bool:
    return check == fault.check or any(
        check == one or (one.endswith(".") and check.startswith(one)) for one in fault.also
    )
