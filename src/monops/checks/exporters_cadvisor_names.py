"""cAdvisor knows the containers by their names.

Where it cannot read how the engine stores containers it reports the machine as a whole and no container: every panel
and alert about containers is empty. That is so with images kept in containerd (new installations of Docker 29 and
later) and a cAdvisor before 0.54, or one that does not get at containerd's socket. Only whether there are any names is
judged, not which.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import changed, series, with_answers, with_container
from monops.checks._reading import is_settled, of_service, value, version
from monops.domain.check import Check, Sick
from monops.domain.facts import EngineInfo, Facts, SeenContainer, known
from monops.domain.finding import Finding, Fix, Risk, Severity

#: Of all that it reports: how many series, and how many of them have a container's name.
SEEN = 'count({__name__=~"container_last_seen|container_start_time_seconds|container_memory_working_set_bytes"})'
NAMED = 'count({__name__=~"container_last_seen|container_start_time_seconds", name!=""})'
#: Source: google/cadvisor issue 3643; ghcr.io has the releases from here on.
_KNOWS_CONTAINERD = (0, 54)
_SNAPSHOTTER = "io.containerd.snapshotter"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding where there are series of cAdvisor, and none has a name."""
    if not is_settled(facts, "cadvisor"):
        return
    seen, named = (sum(value(one) for one in facts.answer(query)) for query in (SEEN, NAMED))
    if not seen or named:
        return
    engine = known(facts.engine)
    for one in of_service(facts, "cadvisor"):
        cause, say = _cause(one, engine)
        yield Finding(
            severity=Severity.ERROR,
            subject=f"container {one.name}",
            cause=cause,
            evidence=(
                f"{NAMED} is empty, and {seen:.0f} series have no name",
                f"docker info: storage driver {engine.storage_driver}, Docker {engine.version}",
                f"image {one.container.image}",
                *[line for line in one.log if "read-write layer" in line or "factory failed" in line][-2:],
            ),
            fix=Fix(say=say, command=f"monops stack up {one.service}", risk=Risk.INTERRUPTS),
        )


def _cause(one: SeenContainer, engine: EngineInfo) -> tuple[str, str]:
    in_containerd = any(_SNAPSHOTTER in text for text in engine.driver_status.values())
    places = {mount.destination.rstrip("/") for mount in one.container.mounts}
    if in_containerd and () < version(one) < _KNOWS_CONTAINERD:
        return (
            "it finds no container: the engine keeps them in containerd, which this version cannot read",
            "Use cAdvisor 0.54 or later (CADVISOR_IMAGE in .env).",
        )
    if in_containerd and not places & {"/run", "/run/containerd", "/run/containerd/containerd.sock"}:
        return (
            "it finds no container: the engine keeps them in containerd, whose socket it does not get at",
            "Add the volume /run/containerd:/run/containerd:ro to cadvisor in the Compose file.",
        )
    if not places & {"/var/lib/docker", "/var/run", "/var/run/docker.sock"}:
        return (
            "it finds no container: neither the engine's socket nor its folder is mounted",
            "Add the volumes /var/run:/var/run:ro and /var/lib/docker:/var/lib/docker:ro to it in the Compose file.",
        )
    return (
        "it reports the machine as a whole and not a single container by its name",
        "Look in its log for the word factory, then make it anew.",
    )


# --- examples ------------------------------------------------------------------------------------


def _nameless(facts: Facts, *, driver: str = "overlay2") -> Facts:
    status = {"driver-type": "io.containerd.snapshotter.v1"} if driver == "overlayfs" else {}
    engine = replace(known(facts.engine), storage_driver=driver, driver_status=status)
    return with_answers(replace(facts, engine=engine), {SEEN: (series(4),), NAMED: ()})


CHECK = Check(
    id="exporters.cadvisor_names",
    well="cAdvisor knows the containers by name",
    reads=("containers", "engine"),
    queries=(SEEN, NAMED),
    judge=judge,
    needs=("prometheus", "cadvisor"),
    healthy=lambda facts: with_answers(facts, {SEEN: (series(30),), NAMED: (series(20),)}),
    sick=(
        Sick(
            what="an old cAdvisor beside containerd",
            facts=lambda facts: with_container(
                _nameless(facts, driver="overlayfs"),
                "cadvisor",
                lambda one: changed(one, container={"image": "gcr.io/cadvisor/cadvisor:v0.52.1"}),
            ),
            severity=Severity.ERROR,
            says="this version cannot read",
        ),
        Sick(
            what="a cAdvisor that does not get at containerd",
            facts=lambda facts: _nameless(facts, driver="overlayfs"),
            severity=Severity.ERROR,
            says="socket it does not get at",
        ),
        Sick(
            what="a cAdvisor without the engine's folder",
            facts=_nameless,
            severity=Severity.ERROR,
            says="neither the engine's socket",
        ),
    ),
)
