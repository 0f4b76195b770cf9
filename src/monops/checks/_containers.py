"""What several checks ask of containers, and small tools to make one sick."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from monops.checks._healthy import with_container
from monops.domain.facts import Facts, SeenContainer, known
from monops.domain.ports import Container, Mount
from monops.domain.rebuild import without_secret
from monops.domain.stack import Stack, data_place, service_of

LABEL = "com.docker.compose."
#: The longest line of a log or of a program's output that is shown.
LONGEST = 300
_EVERY_ADDRESS = ("", "0.0.0.0", "::", "[::]")  # noqa: S104 - looked for, not listened on


def members(facts: Facts) -> tuple[SeenContainer, ...]:
    """The stack's containers without those of `docker compose run`."""
    return tuple(one for one in known(facts.containers) if one.container.labels.get(f"{LABEL}oneoff") != "True")


def services(facts: Facts) -> Mapping[str, Mapping[str, Any]]:
    """service -> what the Compose file says of it."""
    return known(facts.compose_model).get("services") or {}


def role(one: SeenContainer) -> str:
    """Which of the monitoring services it is, by its image; else its own service's name."""
    return service_of(one.container) or one.service


def host_config(one: SeenContainer) -> Mapping[str, Any]:
    """`HostConfig` of `docker inspect`."""
    return one.container.raw.get("HostConfig") or {}


def network_mode(one: SeenContainer) -> str:
    """A network's name, "host", "none" or "container:ID"."""
    return str(host_config(one).get("NetworkMode") or "")


def is_every_address(address: str) -> bool:
    """Whether a program that listens there can be reached at every address of its machine."""
    return address in _EVERY_ADDRESS


def exit_code(one: SeenContainer) -> int | None:
    """Of its last end, also while it waits to start again; None where it runs."""
    if one.exit_code is None and one.container.state == "restarting":
        return (one.container.raw.get("State") or {}).get("ExitCode")
    return one.exit_code


def compose_command(one: SeenContainer) -> str:
    """`docker compose` with what the container was made of, from any folder, as far as its labels tell."""
    labels, words = one.container.labels, ["docker", "compose"]
    for option, label in (
        ("--project-name", "project"),
        ("--project-directory", "project.working_dir"),
        ("--file", "project.config_files"),
        ("--env-file", "project.environment_file"),
    ):
        given = labels.get(f"{LABEL}{label}", "")
        # Files are several, with commas in between.
        values = given.split(",") if option in ("--file", "--env-file") else [given]
        words += [word for value in values if value.strip() for word in (option, value.strip())]
    return shlex.join(words)


def data_mount(one: SeenContainer) -> Mount | None:
    """Where one of the three services keeps its data; None where that is not for its container to keep.

    Raises VolumeMissing where no volume holds them.
    """
    service, container = role(one), one.container
    if service not in ("prometheus", "grafana", "alertmanager") or _keeps_elsewhere(container):
        return None
    place = data_place(service, container, Stack(project=container.project, services={}, containers=(container,)))
    fitting = (
        mount
        for mount in container.mounts
        if (mount.name == place.volume if place.volume else f"{place.path}/".startswith(mount.source.rstrip("/") + "/"))
    )
    return max(fitting, key=lambda mount: len(mount.source), default=None)


def _keeps_elsewhere(container: Container) -> bool:
    """Grafana with a database server, Prometheus that only passes samples on."""
    environment = container.environment
    database = environment.get("GF_DATABASE_TYPE", "sqlite3")
    is_agent = any(word in ("--agent", "--enable-feature=agent") for word in container.command)
    return database != "sqlite3" or "GF_DATABASE_URL" in environment or is_agent


def seconds_up(one: SeenContainer, now: datetime) -> float | None:
    """Since its last start; None where that is not known."""
    try:
        started = datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", one.started_at))
    except ValueError:
        return None
    return (now - (started if started.tzinfo else started.replace(tzinfo=UTC))).total_seconds()


def shown(text: str) -> str:
    """One line of a program, short and without secrets."""
    return without_secret(" ".join(text.split()))[:LONGEST]


def together(names: Sequence[str]) -> str:
    """The subject of a finding on several containers at once."""
    return f"container{'s' if len(names) > 1 else ''} {', '.join(names)}"


def last_words(one: SeenContainer, lines: int = 3) -> tuple[str, ...]:
    """The end of its log, as evidence."""
    return tuple(f"docker logs {one.name}: {shown(line)}" for line in one.log[-lines:] if line.strip())


def with_host_config(facts: Facts, service: str, **fields: Any) -> Facts:
    """The facts with fields of a container's HostConfig changed."""

    def change(one: SeenContainer) -> SeenContainer:
        raw = {**one.container.raw, "HostConfig": {**host_config(one), **fields}}
        return replace(one, container=replace(one.container, raw=raw))

    return with_container(facts, service, change)


def with_service(facts: Facts, service: str, **fields: Any) -> Facts:
    """The facts with fields of a service in the Compose file changed; a new one is made."""
    model = known(facts.compose_model)
    there = model.get("services") or {}
    return replace(
        facts, compose_model={**model, "services": {**there, service: {**(there.get(service) or {}), **fields}}}
    )
