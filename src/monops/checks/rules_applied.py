"""The rules that are evaluated are those of the rule files.

Prometheus reads rule files at its start and when it is told to reload. An edit since then does nothing; an edit with a
mistake in it makes the reload fail, and the rules from before stay. The files in the container are compared with what
Prometheus has loaded: groups, names, durations, labels and annotations. Expressions are not, for Prometheus writes
them in its own way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import yaml

from monops.checks._alerting import container_name, few, prometheus_settings, reload_command
from monops.checks.rules_loaded import is_meant
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Rule, Unknown, known
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.units import parse_duration
from monops.domain.yaml_text import FastLoader

_PREFIX = "prometheus:"
#: (kind, name, `for` in seconds, labels, annotations)
_Shape = tuple[str, str, float, tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]


class _Words(FastLoader):  # type: ignore[misc]
    """As Prometheus reads labels: `yes`, `1.10` and `2026-11-23` are words."""

    yaml_implicit_resolvers = {"<": [("tag:yaml.org,2002:merge", re.compile("^<<$"))]}


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each rule file that is not as it was loaded."""
    patterns = tuple(str(pattern) for pattern in prometheus_settings(facts).get("rule_files") or ())
    for key, text in sorted(known(facts.container_files).items()):
        path = key.removeprefix(_PREFIX)
        if key.startswith(_PREFIX) and any(is_meant(pattern, path) for pattern in patterns):
            yield from _compare(facts, path, text)


def _compare(facts: Facts, path: str, text: str) -> Iterator[Finding]:
    try:
        written = _written(text)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError):
        yield Finding(
            severity=Severity.WARNING,
            subject=f"rule file {path}",
            cause="it cannot be read, so a reload fails and the next start does too",
            evidence=(f"{path} in the container: no rule file",),
            fix=_let_promtool_look(facts, path),
        )
        return
    loaded = {
        group.name: [_shape(rule) for rule in group.rules]
        for group in known(facts.prometheus_rules)
        if group.file == path
    }
    if written == loaded:
        return
    differing = [
        shape[1]
        for name in sorted({*written, *loaded})
        for shape in _unlike(written.get(name, []), loaded.get(name, []))
    ]
    runtime = facts.prometheus_runtime
    is_refused = not isinstance(runtime, Unknown) and not runtime.reload_succeeded
    yield Finding(
        severity=Severity.WARNING,
        subject=f"rule file {path}",
        cause="it was changed, and the last reload failed, so the old rules are evaluated"
        if is_refused
        else "it was changed and not loaded since, so the old rules are evaluated",
        evidence=(
            f"differs from /api/v1/rules: {few(differing) or 'the order of its groups or rules'}",
            f"groups in the file: {few(written) or 'none'}; loaded: {few(loaded) or 'none'}",
        ),
        fix=_let_promtool_look(facts, path)
        if is_refused
        else Fix(say="Reload Prometheus.", command=reload_command(facts, "prometheus"), risk=Risk.SAFE),
    )


def _let_promtool_look(facts: Facts, path: str) -> Fix:
    name = container_name(facts, "prometheus")
    return Fix(
        say="Let promtool name the line, mend it, and reload Prometheus.",
        command=f"docker exec {name} promtool check rules {path}",
    )


def _unlike(one: list[_Shape], other: list[_Shape]) -> Iterator[_Shape]:
    yield from (shape for shape in one if shape not in other)
    yield from (shape for shape in other if shape not in one)


@lru_cache(maxsize=64)
def _written(text: str) -> dict[str, list[_Shape]]:
    content = yaml.load(text, Loader=_Words) or {}  # noqa: S506 - a safe loader that makes fewer types
    return {
        str(group["name"]): [_from_file(rule, group.get("labels") or {}) for rule in group.get("rules") or ()]
        for group in content.get("groups") or ()
    }


def _from_file(rule: Mapping[str, Any], of_group: Mapping[str, Any]) -> _Shape:
    kind = "alerting" if "alert" in rule else "recording"
    labels = {**of_group, **(rule.get("labels") or {})}
    name = rule["alert"] if kind == "alerting" else rule["record"]
    seconds = parse_duration(str(rule.get("for") or "0")).total_seconds()
    return (kind, str(name), seconds, _pairs(labels), _pairs(rule.get("annotations") or {}))


def _shape(rule: Rule) -> _Shape:
    return (rule.kind, rule.name, rule.holds_for, _pairs(rule.labels), _pairs(rule.annotations))


def _pairs(items: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(name), str(value)) for name, value in items.items()))


_FILE = f"{_PREFIX}/etc/prometheus/rules/monitoring.yml"


def _with_file(facts: Facts, text: str) -> Facts:
    return replace(facts, container_files={**known(facts.container_files), _FILE: text})


def _as_written(facts: Facts) -> Facts:
    (group,) = known(facts.prometheus_rules)
    rules = [
        {
            "alert": rule.name,
            "expr": rule.expr,
            "for": f"{rule.holds_for:.0f}s",
            "labels": dict(rule.labels),
            "annotations": dict(rule.annotations),
        }
        for rule in group.rules
    ]
    return _with_file(facts, yaml.safe_dump({"groups": [{"name": group.name, "rules": rules}]}))


CHECK = Check(
    id="rules.applied",
    well="the rules that are evaluated are those of the files",
    reads=("prometheus_config", "prometheus_rules", "container_files"),
    looks_at=("prometheus_runtime",),
    needs=("prometheus",),
    judge=judge,
    healthy=_as_written,
    sick=(
        Sick(
            what="a rule file that was edited and not loaded",
            facts=lambda facts: _with_file(facts, known(facts.container_files)[_FILE].replace("60s", "5m")),
            severity=Severity.WARNING,
            says="not loaded since",
        ),
        Sick(
            what="a rule file that Prometheus refused",
            facts=lambda facts: replace(
                _with_file(facts, known(facts.container_files)[_FILE].replace("60s", "5m")),
                prometheus_runtime=replace(known(facts.prometheus_runtime), reload_succeeded=False),
            ),
            severity=Severity.WARNING,
            says="the last reload failed",
        ),
        Sick(
            what="a rule file with a mistake in it",
            facts=lambda facts: _with_file(facts, "groups: [\n"),
            severity=Severity.WARNING,
            says="cannot be read",
        ),
    ),
)
