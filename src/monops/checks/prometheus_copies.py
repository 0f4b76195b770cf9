"""The configurations of several Prometheus are made of the `prometheus.yml` that is there.

Each runs on a copy that `monops scale set` made. An edit of `prometheus.yml` does nothing until it is asked again.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.scale import scale_of
from monops.domain.scale_config import digest, made_of

_COPY = re.compile(r"(?P<stem>.+)-shard-(?P<shard>\d+)-replica-(?P<replica>[a-z])(?P<suffix>\.\w+)")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding where a copy was made of another text."""
    parts = known(facts.prometheus_parts)
    if not parts:
        return
    files, scale = known(facts.host_files), scale_of(part.words for part in parts)
    stale: dict[str, list[str]] = {}
    for path, text in files.items():
        found = _COPY.fullmatch(path)
        own = f"{found['stem']}{found['suffix']}" if found else ""
        if own in files and made_of(text) and made_of(text) != digest(files[own]):
            stale.setdefault(own, []).append(posixpath.basename(path))
    for own, copies in stale.items():
        yield Finding(
            severity=Severity.WARNING,
            subject=own,
            cause="it was edited since the configurations of the several Prometheus were made of it: none has the edit",
            evidence=tuple(f"{name} is made of another text" for name in sorted(copies)),
            fix=Fix(
                say="Make them anew; those that run reload.",
                command=f"monops scale set --shards {scale.shards} --replicas {scale.replicas}",
            ),
        )


def _edited(facts: Facts) -> Facts:
    from monops.domain.facts import Part

    parts = tuple(Part(words=f"shard={n} replica=a", container=f"p-{n}", targets=()) for n in (1, 2))
    copy = f"# Shard 1 of 2\n# monops: made of {digest('a: 1')}\n"
    files = {"/srv/prometheus.yml": "a: 2", "/srv/prometheus-shard-1-replica-a.yml": copy}
    return replace(facts, prometheus_parts=parts, host_files={**known(facts.host_files), **files})


CHECK = Check(
    id="prometheus.copies",
    well="every Prometheus of several runs on what prometheus.yml says now",
    reads=("prometheus_parts", "host_files"),
    judge=judge,
    sick=(
        Sick(
            what="prometheus.yml was edited, and the copies were not made anew",
            facts=_edited,
            severity=Severity.WARNING,
            says="edited since",
        ),
    ),
)
