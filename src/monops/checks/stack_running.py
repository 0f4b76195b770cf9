"""Every service of the Compose file has a running container.

A container that has exited, or was never made, is the most common reason for everything else. The exit code and the
last line of its log say why it ended. Each of several copies of a service is looked at. Containers of `docker compose
run` are no copies, and a service of which the file wants none (`scale: 0`, `deploy.replicas: 0`) needs none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from monops.checks._containers import members, services
from monops.checks._healthy import changed, with_container, without_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.stack import service_of


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each service without a container, and for each container that does not run."""
    containers: dict[str, list[SeenContainer]] = {}
    for one in members(facts):
        containers.setdefault(one.service, []).append(one)
    for service, declared in services(facts).items():
        if _copies(declared) == 0:
            continue
        start = Fix(say=f"Start {service}.", command=f"monops stack up {service}", risk=Risk.SAFE)
        if service not in containers:
            yield Finding(
                severity=Severity.ERROR,
                subject=f"service {service}",
                cause="it is in the Compose file and has no container",
                evidence=("docker compose ps --all: no such container",),
                fix=start,
            )
        for found in containers.get(service, ()):
            if found.container.state in ("exited", "dead", "created") and not _is_done(found, declared):
                yield Finding(
                    severity=Severity.ERROR,
                    subject=f"container {found.name}",
                    cause=_why(found),
                    evidence=(f"docker inspect: {found.container.state}, exit code {found.exit_code}", *found.log[-3:]),
                    fix=start,
                )


def _copies(declared: Mapping[str, Any]) -> int:
    """How many containers the file wants. Source: compose-go, types.ServiceConfig.GetScale."""
    wanted = declared.get("scale")
    if wanted is None:
        wanted = (declared.get("deploy") or {}).get("replicas")
    return 1 if wanted is None else int(wanted)


def _is_done(found: SeenContainer, declared: Mapping[str, Any]) -> bool:
    """A job that runs once, and has: nobody starts it again when it ends, and it ended well."""
    is_one_of_ours = service_of(found.container) is not None
    policy = (declared.get("deploy") or {}).get("restart_policy") or {}
    again = str(policy.get("condition") or declared.get("restart") or "no").partition(":")[0]
    return not is_one_of_ours and found.exit_code == 0 and again in ("no", "none", "on-failure")


def _why(found: SeenContainer) -> str:
    if found.container.state == "created":
        return "it was made and never started"
    if found.out_of_memory:
        return "it was killed because it reached its memory limit"
    meaning = {
        0: "it was stopped",
        126: "its command cannot be run",
        127: "its command is not in the image",
        137: "it was killed",
        139: "it crashed (segmentation fault)",
        143: "it was stopped",
    }.get(found.exit_code or 0)
    return f"{meaning or 'it ended with an error'} (exit code {found.exit_code})"


CHECK = Check(
    id="stack.running",
    well="every service runs",
    reads=("containers", "compose_model"),
    judge=judge,
    sick=(
        Sick(
            what="a container that has no more memory",
            facts=lambda facts: with_container(
                facts,
                "grafana",
                lambda one: changed(one, container={"state": "exited"}, exit_code=137, out_of_memory=True),
            ),
            severity=Severity.ERROR,
            says="memory limit",
        ),
        Sick(
            what="a service that was never started",
            facts=lambda facts: without_container(facts, "alertmanager"),
            severity=Severity.ERROR,
            says="no container",
        ),
    ),
)
