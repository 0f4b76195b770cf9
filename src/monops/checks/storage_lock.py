"""No two Prometheus have the same data folder.

The second does not start, because the first has locked it, or, told not to lock, damages the data of both. Two
Prometheus for availability need a volume each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._data import data_mount, data_path
from monops.checks._healthy import changed, container, with_container
from monops.checks._prometheus import with_flag
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.nearest import listed
from monops.domain.scrape_scene import prometheus_of
from monops.domain.stack import service_of

_UNLOCKED = "--storage.tsdb.no-lockfile"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding where another has the stack's folder, one where it is not locked."""
    own = known(facts.containers)
    one = prometheus_of(own)
    neighbours = known(facts.neighbours)
    if one is None:
        return
    mine = _place(one)
    others = [
        other
        for other in (*own, *neighbours)
        if other is not one
        and service_of(other.container) == "prometheus"
        and other.container.state in ("running", "restarting", "paused")
        and mine
        and _place(other) == mine
    ]
    if others:
        names = listed((one.name, *(other.name for other in others)))
        yield Finding(
            severity=Severity.ERROR,
            subject=f"folder {mine}",
            cause=f"{names} have their data in it: only one can work, and without a lock both damage them",
            evidence=tuple(
                f"docker inspect {each.name}: {_place(each)} ({each.container.state})" for each in (one, *others)
            ),
            fix=Fix(
                say="Stop all but one, or give each a volume of its own.",
                command=f"docker stop {others[0].name}",
            ),
        )
    if any(word in (_UNLOCKED, f"{_UNLOCKED}=true") for word in one.container.command):
        yield Finding(
            severity=Severity.WARNING,
            subject=f"container {one.name}",
            cause="it does not lock its data folder, so that a second Prometheus would damage the data",
            evidence=(f"docker inspect {one.name}: {_UNLOCKED}",),
            fix=with_flag(f"Remove {_UNLOCKED} from its command in the Compose file."),
        )


def _place(one: SeenContainer) -> str:
    """The folder on the host; "" where it is in the container itself."""
    mount = data_mount(one)
    if mount is None:
        return ""
    inside = data_path(one).rstrip("/").removeprefix(mount.destination.rstrip("/"))
    return f"{mount.source.rstrip('/')}{inside}"


def _second(facts: Facts) -> Facts:
    other = changed(container("prometheus"), container={"name": "second-prometheus", "id": "e" * 64})
    return replace(facts, neighbours=(other,))


CHECK = Check(
    id="storage.lock",
    well="nobody else has its data folder",
    reads=("containers", "neighbours"),
    judge=judge,
    needs=("prometheus",),
    sick=(
        Sick(
            what="two Prometheus on one volume",
            facts=_second,
            severity=Severity.ERROR,
            says="ai-prometheus and second-prometheus",
        ),
        Sick(
            what="a folder without a lock",
            facts=lambda facts: with_container(
                facts,
                "prometheus",
                lambda one: changed(one, container={"command": (*one.container.command, _UNLOCKED)}),
            ),
            severity=Severity.WARNING,
            says="does not lock",
        ),
    ),
)
