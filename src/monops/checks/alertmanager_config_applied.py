"""Alertmanager runs the configuration that is in its file.

It reads the file at its start and when it is told to reload. Routes, receivers and inhibit rules of the file are
compared with those in force, without what is secret in them. Where they differ, an edit waits for a reload, or the
reload failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._alerting import container_name, container_of, reload_command, routing_of
from monops.checks._reading import flag
from monops.checks.alertmanager_config_reload import CONFIG_FILE
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.routing import Route, Routing, as_duration, read_routing


def judge(facts: Facts) -> Iterator[Finding]:
    """The file cannot be read, or says something else than what is in force."""
    found = container_of(facts, "alertmanager")
    path = (flag(found, "config.file") if found is not None else None) or CONFIG_FILE
    text = known(facts.container_files).get(f"alertmanager:{path}")
    if text is None:
        return
    in_force = routing_of(facts)
    try:
        written = read_routing(text)
    except ValueError as error:
        yield Finding(
            severity=Severity.WARNING,
            subject=f"configuration file {path}",
            cause="it cannot be read, so a reload fails and the next start does too",
            evidence=(f"{path} in the container: {error}",),
            fix=Fix(
                say="Let amtool name the line, and mend it.",
                command=f"docker exec {container_name(facts, 'alertmanager')} amtool check-config {path}",
            ),
        )
        return
    parts = _differing(written, in_force)
    if parts:
        yield Finding(
            severity=Severity.WARNING,
            subject=f"configuration file {path}",
            cause=f"its {' and '.join(parts)} were changed and not loaded since, so the old ones are in force",
            evidence=(f"{path} in the container differs from /api/v2/status: {', '.join(parts)}",),
            fix=Fix(say="Reload Alertmanager.", command=reload_command(facts, "alertmanager"), risk=Risk.SAFE),
        )


def _differing(one: Routing, other: Routing) -> list[str]:
    pairs = (
        ("routes", _plain(one.root), _plain(other.root)),
        ("receivers", _kinds(one), _kinds(other)),
        ("inhibit rules", one.inhibit_rules, other.inhibit_rules),
    )
    return [name for name, mine, theirs in pairs if mine != theirs]


def _plain(route: Route) -> Route:
    """With durations in one form: 60s are 1m."""
    return replace(
        route,
        group_wait=_same(route.group_wait),
        group_interval=_same(route.group_interval),
        repeat_interval=_same(route.repeat_interval),
        routes=tuple(_plain(child) for child in route.routes),
    )


def _same(duration: str) -> str:
    found = as_duration(duration)
    return duration if found is None else str(found)


def _kinds(routing: Routing) -> list[tuple[str, tuple[str, ...]]]:
    # Alertmanager shows the kinds in an order of its own.
    return sorted((name, tuple(sorted(receiver.kinds))) for name, receiver in routing.receivers.items())


_KEY = f"alertmanager:{CONFIG_FILE}"


def _with_file(facts: Facts, text: str) -> Facts:
    return replace(facts, container_files={**known(facts.container_files), _KEY: text})


CHECK = Check(
    id="alertmanager.config_applied",
    well="it runs the configuration that is in its file",
    reads=("alertmanager_status", "container_files"),
    needs=("alertmanager",),
    judge=judge,
    healthy=lambda facts: _with_file(facts, known(facts.alertmanager_status).config + "# a comment\n"),
    sick=(
        Sick(
            what="a route that was not loaded",
            facts=lambda facts: _with_file(
                facts, known(facts.container_files)[_KEY].replace('severity="critical"', 'severity="page"')
            ),
            severity=Severity.WARNING,
            says="its routes were changed and not loaded",
        ),
        Sick(
            what="a receiver that was not loaded",
            facts=lambda facts: _with_file(facts, known(facts.container_files)[_KEY] + "- name: new\n"),
            severity=Severity.WARNING,
            says="its receivers were changed",
        ),
        Sick(
            what="a file with a mistake in it",
            facts=lambda facts: _with_file(facts, "route: [\n"),
            severity=Severity.WARNING,
            says="cannot be read",
        ),
    ),
)
