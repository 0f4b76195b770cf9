"""No target comes and goes.

A target that is up now and was down several times in the last hour has gaps in its data, and alerts with a waiting
time start anew with every gap, so they may never fire. Either it is restarted again and again, or its scrapes take
about as long as they may.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from monops.checks._healthy import changed, series, with_answers, with_container
from monops.checks._healthy import target as healthy_target
from monops.checks._prometheus import answers, values
from monops.checks._targets import named, with_targets
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Target, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.scrape_scene import scene

CHANGES = "changes(up[1h])"
LONGEST = "max_over_time(scrape_duration_seconds[1h])"
#: Down and up again is a restart, or a backup that pauses it for a moment; three times in an hour is a habit.
_CHANGES = 6


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each that is up now. Those that are down are found by targets.up."""
    longest = _by_target(facts, LONGEST)
    changes = _by_target(facts, CHANGES)
    for target in known(facts.prometheus_targets):
        key = (target.labels.get("job", ""), target.instance)
        if target.health != "up" or changes.get(key, 0.0) < _CHANGES:
            continue
        yield _finding(target, int(changes[key]) // 2, longest.get(key, 0.0), facts)


def _by_target(facts: Facts, query: str) -> dict[tuple[str, str], float]:
    return {(labels.get("job", ""), labels.get("instance", "")): v for labels, v in values(facts.answer(query))}


def _finding(target: Target, times: int, longest: float, facts: Facts) -> Finding:
    around = scene(target, facts)
    found = [one for one in around.called(around.host) if one.restarts]
    cause = f"it was down {times} times in the last hour"
    evidence = [f"{CHANGES}: {times} times down and up"]
    fix = Fix(
        say="See when, and what its log says of then.", command=f"monops query 'up{{instance=\"{target.instance}\"}}'"
    )
    if found:
        cause += f": its container was started anew {found[0].restarts} times"
        evidence.append(f"docker inspect {found[0].name}: {found[0].restarts} restarts")
        fix = Fix(say="Find in its log why it ends.", command=f"docker logs --tail 100 {found[0].name}")
    elif longest >= 0.9 * target.timeout:
        cause += f": its scrapes take up to {longest:.1f} s, and may take {target.timeout:g} s"
        evidence.append(f"{LONGEST}: {longest:.1f} s")
        url = shlex.quote(around.shown_url)
        fix = Fix(
            say=f"Make it answer faster, or raise scrape_timeout of job {around.job} in prometheus.yml.",
            command=f"time docker exec {around.prometheus_name} wget -qO /dev/null -T 60 {url}",
        )
    return Finding(severity=Severity.WARNING, subject=named(target), cause=cause, evidence=tuple(evidence), fix=fix)


_LABELS = {"job": "cadvisor", "instance": "cadvisor"}


def _flapping(facts: Facts) -> Facts:
    facts = with_targets(facts, healthy_target("cadvisor", "cadvisor", "cadvisor:8080"))
    return with_answers(facts, {CHANGES: (series(6, **_LABELS),), LONGEST: (series(0.1, **_LABELS),)})


CHECK = Check(
    id="targets.flapping",
    well="no target comes and goes",
    reads=("prometheus_targets",),
    looks_at=("containers", "neighbours", "compose_model", "prometheus_config"),
    queries=(CHANGES, LONGEST),
    judge=judge,
    needs=("prometheus",),
    healthy=lambda facts: answers({CHANGES: 1, LONGEST: 0.1}, facts),
    sick=(
        Sick(what="a target that comes and goes", facts=_flapping, severity=Severity.WARNING, says="down 3 times"),
        Sick(
            what="a container that is started again and again",
            facts=lambda facts: with_container(_flapping(facts), "cadvisor", lambda one: changed(one, restarts=5)),
            severity=Severity.WARNING,
            says="started anew 5 times",
        ),
        Sick(
            what="scrapes that take too long now and then",
            facts=lambda facts: with_answers(_flapping(facts), {LONGEST: (series(9.9, **_LABELS),)}),
            severity=Severity.WARNING,
            says="may take 10 s",
        ),
    ),
)
