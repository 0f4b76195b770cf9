"""The configuration in force is the one in the file.

Prometheus reads its configuration when it starts and when it is told to reload. An edit without a reload has no effect
until the next start, which then brings it at a moment that nobody chose.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from monops.checks._config_faults import faults, path_and_text
from monops.checks._healthy import CONFIG
from monops.checks._prometheus import after_edit
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Severity
from monops.domain.prometheus_config import parsed, scrape_jobs, static_targets, target_files
from monops.domain.units import parse_duration

_TIMES = ("scrape_interval", "scrape_timeout", "evaluation_interval")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding with what differs; none where the file would not load, because other checks tell that."""
    path, text = path_and_text(facts)
    in_force = known(facts.prometheus_config)
    if not known(facts.prometheus_runtime).reload_succeeded or any(faults(text)):
        return
    found = [*_differences(text, in_force)]
    if found:
        yield Finding(
            severity=Severity.WARNING,
            subject=f"file {path}",
            cause=f"it was edited and not loaded: {found[0]}" + (f", and {len(found) - 1} more" if found[1:] else ""),
            evidence=tuple(f"{path} and /api/v1/status/config: {each}" for each in found[:10]),
            fix=after_edit(facts, "Let Prometheus reload it."),
        )


def _differences(text: str, in_force: str) -> Iterator[str]:
    ours, theirs = parsed(text), parsed(in_force)
    yield from _settings("global", ours.get("global"), theirs.get("global"))
    yield from _labels(ours, theirs)
    yield from _sets("rule file", _names(ours.get("rule_files")), _names(theirs.get("rule_files")))
    yield from _sets("Alertmanager", _alertmanagers(ours), _alertmanagers(theirs))
    mine, loaded = scrape_jobs(text), scrape_jobs(in_force)
    yield from _sets("job", frozenset(mine), frozenset(loaded))
    for name in mine.keys() & loaded.keys():
        about = f"job {name}"
        yield from _settings(about, mine[name], loaded[name])
        yield from _sets(
            f"target of {about}", frozenset(static_targets(mine[name])), frozenset(static_targets(loaded[name]))
        )
        files = _names(target_files(mine[name])), _names(target_files(loaded[name]))
        yield from _sets(f"file of {about}", *files)


def _settings(about: str, ours: object, theirs: object) -> Iterator[str]:
    """Times, paths and schemes that the file sets. What it leaves to defaults is filled in where it is in force."""
    if not isinstance(ours, Mapping) or not isinstance(theirs, Mapping):
        return
    for name in (*_TIMES, "metrics_path", "scheme", "sample_limit"):
        if name in ours and name in theirs and _same(ours[name]) != _same(theirs[name]):
            yield f"{about}: {name} is {ours[name]} in the file and {theirs[name]} in force"


def _same(value: object) -> object:
    try:
        return parse_duration(str(value))
    except ValueError:
        return str(value)


def _labels(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    mine = (ours.get("global") or {}).get("external_labels") or {}
    loaded = (theirs.get("global") or {}).get("external_labels") or {}
    for name, value in mine.items():
        # A value with $ is filled in from the environment.
        if "$" not in str(value) and str(loaded.get(name)) != str(value):
            yield f"the external label {name} is {value} in the file and {loaded.get(name, 'absent')} in force"


def _names(patterns: object) -> frozenset[str]:
    """Without folders: those are made absolute when they are loaded."""
    return frozenset(posixpath.basename(str(each)) for each in patterns or ())  # type: ignore[attr-defined]


def _alertmanagers(config: Mapping[str, Any]) -> frozenset[str]:
    groups = (config.get("alerting") or {}).get("alertmanagers") or ()
    return frozenset(address for group in groups if isinstance(group, Mapping) for address in static_targets(group))


def _sets(what: str, ours: frozenset[str], theirs: frozenset[str]) -> Iterator[str]:
    for name in sorted(ours - theirs):
        yield f"the {what} {name} is in the file and not in force"
    for name in sorted(theirs - ours):
        yield f"the {what} {name} is in force and no longer in the file"


def _edited(what: str, before: str, after: str, says: str) -> Sick:
    return Sick(
        what=what,
        facts=lambda facts: replace(
            facts, container_files={"prometheus:/etc/prometheus/prometheus.yml": CONFIG.replace(before, after)}
        ),
        severity=Severity.WARNING,
        says=says,
    )


CHECK = Check(
    id="prometheus.config_applied",
    well="what is in its file is in force",
    reads=("container_files", "prometheus_config", "prometheus_flags", "prometheus_runtime"),
    looks_at=("containers",),
    judge=judge,
    needs=("prometheus",),
    sick=(
        _edited("a job added", "job_name: prometheus\n", "job_name: more\n", "the job more is in the file"),
        _edited("a target changed", "localhost:9090", "localhost:9091", "localhost:9091 is in the file"),
        _edited("an interval changed", "scrape_interval: 15s", "scrape_interval: 30s", "30s in the file and 15s"),
        _edited("a label changed", "monitor: monitoring", "monitor: other", "other in the file"),
        _edited("rules from elsewhere", "rules/*.yml", "rules/*.yaml", "rule file *.yaml"),
    ),
)
