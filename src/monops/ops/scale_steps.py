"""In which order services take over that there are several Prometheus, and what they must say then."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from contextlib import suppress

from monops.domain.change import Expected, FileEdit, Means, Step
from monops.domain.errors import ServiceError
from monops.domain.ports import Origin
from monops.domain.scale import LAYER_SERVICE, RULES_SERVICE, Scale, times
from monops.domain.scale_config import jobs_in_force
from monops.ops.scale_look import Layout, labels_of, prometheuses
from monops.ops.workshop import Workshop

#: So many targets of each job are looked for afterwards: relabelling that went wrong loses all, or those of a shard.
_OF_EACH_JOB = 5
_STARTS = "it for the seconds that it takes to start; what it alone scrapes then is missed"


def steps_of(shop: Workshop, at: Layout, edits: Sequence[FileEdit]) -> tuple[Step, ...]:
    """Whoever takes over comes before whoever goes; backwards as well."""
    compose = shop.bench.compose(at.site)
    texts = {edit.path: edit.after for edit in edits}
    own = {*at.site.files, *at.site.variables, f"{at.site.folder}/.env"}
    before = compose.model().get("services") or {}
    replaced = {path: text for path, text in texts.items() if path in own}
    after = (compose.model(replaced) if replaced else {"services": before}).get("services") or {}
    moved = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    gone = sorted(name for name in moved if name not in after)
    made = sorted(moved - set(gone) - {at.service})
    steps = [_made(name, before) for name in made if name != RULES_SERVICE]
    if at.service in moved:
        steps.append(Step(means=Means.RECREATE, service=at.service, interrupts=_STARTS))
    steps += [_gone(name) for name in gone if name not in (LAYER_SERVICE, RULES_SERVICE)]
    steps += [_made(name, before) for name in made if name == RULES_SERVICE]
    steps += _reloads(at, texts, moved)
    is_away = LAYER_SERVICE in gone
    grafana = [path for path in texts if "/datasources/" in path]
    if grafana:
        step = Step(
            means=Means.RESTART, service=shop.container("grafana").service, interrupts="Grafana for some seconds"
        )
        steps = [step, *steps] if is_away else [*steps, step]
    rules = [_gone(RULES_SERVICE)] if RULES_SERVICE in gone else []
    return (*rules, *steps, *([_gone(LAYER_SERVICE)] if is_away else []))


def _made(name: str, before: Mapping[str, object]) -> Step:
    if name not in before:
        return Step(means=Means.MAKE, service=name, interrupts="nothing")
    return Step(means=Means.RECREATE, service=name, interrupts=f"{name} for the seconds that it takes to start")


def _gone(name: str) -> Step:
    what = "nothing: what it holds is brought into prometheus first; its volume stays"
    if name in (LAYER_SERVICE, RULES_SERVICE):
        what = "nothing" if name == RULES_SERVICE else "nothing; its volume stays"
    return Step(means=Means.REMOVE, service=name, interrupts=what)


def _reloads(at: Layout, texts: Mapping[str, str | None], moved: set[str]) -> list[Step]:
    """Those that are not made anew, and have another configuration."""
    folder, name = posixpath.split(at.own)
    found = []
    for one in at.scale.instances:
        service = one.service(at.service)
        if texts.get(f"{folder}/{one.file(name)}") is not None and service not in moved:
            found.append(Step(means=Means.RELOAD, service=service, interrupts="nothing"))
    return found


def expected_of(shop: Workshop, at: Layout, wanted: Scale, own: str) -> tuple[Expected, ...]:
    """`own`: the text of the person's own configuration. Raises ServiceUnreachable."""
    found = []
    config = shop.outside.services.prometheus(at.container).status().config
    now = labels_of(config)
    for one in wanted.instances:
        labels = {"shard": str(one.shard), "replica": one.replica}
        if one.is_first:
            labels = {"shard": "", "replica": ""} if wanted.is_one else labels
            before = {**now, "scraped": times(at.scale.replicas)}
            labels["scraped"] = times(wanted.replicas)
            # Not of before: what is scraped may be another when this is undone.
            labels |= {str(one): "" for one in _kept(shop, at, jobs_in_force(config, own, file=at.own))}
        else:
            before = labels if one in at.scale.instances else {}
        found.append(Expected(reader="scale", service=one.service(at.service), wanted=labels, before=before))
    gone = [one for one in at.scale.instances if one not in wanted.instances]
    for one in gone:
        labels = {"shard": str(one.shard), "replica": one.replica}
        found.append(Expected(reader="scale", service=one.service(at.service), wanted={}, before=labels))
    return tuple(found)


def _kept(shop: Workshop, at: Layout, jobs: frozenset[str]) -> list[Origin]:
    """Targets of these jobs that are scraped now, and that not every Prometheus may drop afterwards."""
    by_job: dict[str, set[Origin]] = {}
    for container in prometheuses(shop, at.container):
        with suppress(ServiceError):
            for one in shop.outside.services.prometheus(container).discovered().scraped:
                by_job.setdefault(one.job, set()).add(one)
    return [one for job in sorted(jobs) for one in sorted(by_job.get(job, ()))[:_OF_EACH_JOB]]
