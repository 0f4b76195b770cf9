"""Several Prometheus together scrape every target as often as there are replicas.

A target that only one replica scrapes has gaps when that one stops; one that two shards scrape counts twice in what is
not deduplicated. Where one of them does not answer, that is the finding, and not each of its targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from monops.checks._healthy import target as healthy_target
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Part, Target, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.nearest import listed
from monops.domain.scale import Scale, coverage, instance_of, scale_of, times


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each that does not answer or is missing; else one for each set that scrapes the wrong targets."""
    parts = known(facts.prometheus_parts)
    if not parts:
        return
    scale = scale_of(part.words for part in parts)
    silent = [part for part in parts if part.targets is None]
    for part in silent:
        yield _silent(part, scale)
    there = {instance_of(part.words) for part in parts}
    missing = [one for one in scale.instances if one not in there]
    for one in missing:
        yield Finding(
            severity=Severity.ERROR,
            subject=f"Prometheus {one.name}",
            cause=f"there is no container of it, so the targets of shard {one.shard} are scraped less than they should",
            evidence=(f"of {scale}, the containers have no label {one.words}",),
            fix=Fix(say="Make its container from the Compose file.", command="monops stack up"),
        )
    if silent or missing:
        return
    found = coverage({part.container: part.targets or () for part in parts}, scale.replicas)
    by: dict[tuple[str, ...], list[str]] = {}
    for job, instance, names in found.wrong:
        by.setdefault(names, []).append(f"{job}/{instance}")
    for names, targets in by.items():
        yield Finding(
            severity=Severity.ERROR,
            subject=f"target {targets[0]}" if len(targets) == 1 else f"{len(targets)} targets",
            cause=f"scraped {times(len(names))}, by {listed(names)}, and not {times(scale.replicas)}",
            evidence=tuple(targets[:10]),
            fix=Fix(
                say="Make the configuration of each anew from prometheus.yml.",
                command=f"monops scale set --shards {scale.shards} --replicas {scale.replicas}",
            ),
        )


def _silent(part: Part, scale: Scale) -> Finding:
    one = instance_of(part.words)
    shard = one.shard if one is not None else 1
    left = (
        "its targets are scraped by nobody" if scale.replicas == 1 else f"the targets of shard {shard} lack a replica"
    )
    return Finding(
        severity=Severity.ERROR,
        subject=f"Prometheus {part.container}",
        cause=f"it does not answer, so {left}",
        evidence=(part.reason,),
        fix=Fix(say="Start it; if it ends again, its log says why.", command=_remedy(part)),
    )


def _remedy(part: Part) -> str:
    is_away = part.reason.endswith((" is exited", " is created"))
    return f"docker start {part.container}" if is_away else f"docker logs --tail 20 {part.container}"


# --- examples --------------------------------------------------------------------------------------


def _parts(*targets: Sequence[Target] | None) -> tuple[Part, ...]:
    """Two shards of one replica each, which have these targets."""
    names = ("prometheus", "prometheus-2-a")
    return tuple(
        Part(
            words=f"shard={n + 1} replica=a", container=names[n], targets=None if t is None else tuple(t), reason="gone"
        )
        for n, t in enumerate(targets)
    )


_ONE, _OTHER = healthy_target("a", "a:1", "a:1"), healthy_target("b", "b:1", "b:1")

CHECK = Check(
    id="targets.shards",
    well="several Prometheus together scrape every target as often as there are replicas",
    reads=("prometheus_parts",),
    judge=judge,
    sick=(
        Sick(
            what="a target that both shards scrape",
            facts=lambda facts: replace(facts, prometheus_parts=_parts([_ONE, _OTHER], [_OTHER])),
            severity=Severity.ERROR,
            says="scraped twice",
        ),
        Sick(
            what="a shard that does not answer",
            facts=lambda facts: replace(facts, prometheus_parts=_parts([_ONE], None)),
            severity=Severity.ERROR,
            says="scraped by nobody",
        ),
    ),
)
