"""Why targets are down, and which are up although their samples vanish."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from monops.domain.cause import Cause
from monops.domain.errors import MonopsError
from monops.domain.facts import Facts, SeenContainer, Target, Unknown
from monops.domain.finding import Fix
from monops.domain.ports import Clock, Inspectors, ScrapeTarget, Series
from monops.domain.scrape_cause import root_cause
from monops.domain.scrape_scene import prometheus_of
from monops.ops.gather import gather

#: What a cause needs beyond the targets and the containers.
_OF_CAUSES = ("neighbours", "compose_model")
_SCRAPED = "scrape_samples_scraped == 0 and on (job, instance) up == 1"
_KEPT = (
    "scrape_samples_post_metric_relabeling == 0 and on (job, instance) (scrape_samples_scraped > 0) "
    "and on (job, instance) up == 1"
)
_WINDOW = "10m"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loss:
    """A way in which samples vanish. The counters are of the whole server: its log names the target."""

    kind: str
    metric: str
    #: Words of the log's line.
    line: str
    #: After "it is up, but ".
    sentence: str
    say: str

    @property
    def query(self) -> str:
        return f"sum(increase({self.metric}[{_WINDOW}])) > 0"


#: Source: prometheus/prometheus, scrape/scrape.go and scrape/metrics.go.
_LOSSES = (
    _Loss(
        kind="samples.out_of_order",
        metric="prometheus_target_scrapes_sample_out_of_order_total",
        line="Error on ingesting out-of-order samples",
        sentence="samples are thrown away: they are older than ones that Prometheus has",
        say="Write honor_timestamps: false in the job, or let only one target have these labels, then reload.",
    ),
    _Loss(
        kind="samples.out_of_bounds",
        metric="prometheus_target_scrapes_sample_out_of_bounds_total",
        line="too old or are too far into the future",
        sentence="samples are thrown away: their times are too old or in the future, so a clock is wrong",
        say="Set the target's clock right, or write honor_timestamps: false in the job, then reload.",
    ),
    _Loss(
        kind="samples.duplicate",
        metric="prometheus_target_scrapes_sample_duplicate_timestamp_total",
        line="different value but same timestamp",
        sentence="samples are thrown away: a series is there twice in an answer, or two targets give the same one",
        say="Look for a series that is written twice, or for two targets with the same labels.",
    ),
    _Loss(
        kind="samples.limit",
        metric="prometheus_target_scrapes_exceeded_sample_limit_total",
        line="sample limit exceeded",
        sentence="whole scrapes were thrown away: there were more samples than sample_limit allows",
        say="Let it expose less, or raise sample_limit of the job, then reload.",
    ),
    _Loss(
        kind="samples.body_limit",
        metric="prometheus_target_scrapes_exceeded_body_size_limit_total",
        line="body size limit exceeded",
        sentence="whole scrapes were thrown away: an answer was larger than body_size_limit allows",
        say="Let it expose less, or raise body_size_limit of the job, then reload.",
    ),
    _Loss(
        kind="samples.label_limit",
        metric="prometheus_target_scrape_pool_exceeded_label_limits_total",
        line="label_limit exceeded",
        sentence="whole scrapes were thrown away: there were more or longer labels than the job allows",
        say="Let it expose fewer labels, or raise the label limits of the job, then reload.",
    ),
)
QUERIES = (_SCRAPED, _KEPT, *(loss.query for loss in _LOSSES))
#: logfmt of Prometheus: `target=http://x:9090/metrics`, in quotes where it has a sign such as =.
_TARGET = re.compile(r'\btarget="?([^\s"]+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class UpBut:
    """Something that is up, and of no use."""

    kind: str
    #: `node/docker-host`; "some target" where Prometheus does not say which.
    who: str
    sentence: str
    evidence: tuple[str, ...]
    fix: Fix


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedTargets:
    """Every target in the order given, with the cause of those that are down."""

    targets: tuple[Target, ...]
    #: (job, instance, URL) -> why it is down.
    causes: Mapping[tuple[str, str, str], Cause] = field(default_factory=dict)
    up_but: tuple[UpBut, ...] = ()
    #: Why it is not known whether samples vanish; "" where it is.
    unknown: str = ""
    facts: Facts

    def cause(self, target: Target) -> Cause | None:
        return self.causes.get((target.job, target.instance, target.url))


def explained(
    found: Sequence[ScrapeTarget],
    inspectors: Callable[[timedelta], tuple[Inspectors, str]],
    clock: Clock,
    *,
    within: timedelta,
) -> ExplainedTargets:
    """The facts that the causes need are read, and no others."""
    is_down = any(one.health == "down" for one in found)
    names = ["containers", "prometheus_targets", "prometheus_config", *(_OF_CAUSES if is_down else ())]
    began = clock.monotonic()
    try:
        looking, project = inspectors(within)
    except MonopsError as error:  # the list came from an address that is configured
        unknown = Unknown(error.message, error.remedy)
        return explained_by(found, Facts(now=clock.now(), project="", containers=unknown), unknown=error.message)
    left = within - timedelta(seconds=clock.monotonic() - began)
    facts = gather(looking, clock, project=project, names=names, queries=QUERIES, within=left)
    return explained_by(found, facts)


def explained_by(found: Sequence[ScrapeTarget], facts: Facts, *, unknown: str = "") -> ExplainedTargets:
    """The same of facts that were read. `unknown`: why nothing else could be."""
    read = () if isinstance(facts.prometheus_targets, Unknown) else facts.prometheus_targets
    known = {(one.job, one.instance, one.url): one for one in read}
    targets = tuple(_target(one, known) for one in found)
    causes = {(one.job, one.instance, one.url): root_cause(one, facts) for one in targets if one.health == "down"}
    lost, unasked = _up_but(targets, facts)
    return ExplainedTargets(targets=targets, causes=causes, up_but=lost, unknown=unknown or unasked, facts=facts)


def _target(one: ScrapeTarget, known: Mapping[tuple[str, str, str], Target]) -> Target:
    """As listed first, so that a table says one thing, with what was read of it since."""
    target = known.get((one.job, one.instance, one.url))
    if target is not None:
        return replace(target, health=one.health, last_error=one.last_error)
    return Target(
        job=one.job,
        instance=one.instance,
        url=one.url,
        health=one.health,
        last_error=one.last_error,
        labels={"job": one.job, "instance": one.instance},
        discovered={"job": one.job},
    )


# --- up, but -------------------------------------------------------------------------------------


def _up_but(targets: Sequence[Target], facts: Facts) -> tuple[tuple[UpBut, ...], str]:
    """What vanishes, and why that is not known."""
    unknown = next((str(answer.reason) for answer in facts.answers.values() if isinstance(answer, Unknown)), "")
    found = list(_empty(facts))
    log = _log(facts)
    for loss in _LOSSES:
        if series := _series(facts, loss.query):
            found += _of_loss(loss, float(series[0].points[-1][1]), targets, log)
    return tuple(found), unknown


def _empty(facts: Facts) -> Iterator[UpBut]:
    for query, kind, sentence, say in (
        (_SCRAPED, "samples.none", "it gives no samples at all", "See what it answers."),
        (_KEPT, "samples.dropped", "its job's rules drop every sample", "Correct metric_relabel_configs of the job."),
    ):
        for one in _series(facts, query):
            job, instance = one.labels.get("job", ""), one.labels.get("instance", "")
            yield UpBut(
                kind=kind,
                who=f"{job}/{instance}",
                sentence=sentence,
                evidence=(f"Prometheus: {query}",),
                fix=Fix(say=say, command=f"monops targets --probe {job}" if kind == "samples.none" else ""),
            )


def _of_loss(loss: _Loss, count: float, targets: Sequence[Target], log: Sequence[str]) -> Iterator[UpBut]:
    counted = f"Prometheus: {loss.metric} grew by {count:.0f} in {_WINDOW}"
    by_url = {target.url: target for target in targets if target.health == "up"}
    named: dict[str, str] = {}
    for line in log:
        match = _TARGET.search(line) if loss.line in line else None
        if match and match[1] in by_url:
            named[match[1]] = line
    fix = Fix(say=loss.say, command="monops doctor --only targets")
    # Of a target that is down the cause is told with it.
    if not named and loss.kind.endswith("limit") and any(target.health == "down" for target in targets):
        return
    for url, line in named.items():
        target = by_url[url]
        evidence = (counted, f"its log: {' '.join(line.split())[:300]}")
        yield UpBut(
            kind=loss.kind, who=f"{target.job}/{target.instance}", sentence=loss.sentence, evidence=evidence, fix=fix
        )
    if not named:
        yield UpBut(kind=loss.kind, who="some target", sentence=loss.sentence, evidence=(counted,), fix=fix)


def _series(facts: Facts, query: str) -> tuple[Series, ...]:
    answer = facts.answers.get(query, ())
    return () if isinstance(answer, Unknown) else tuple(one for one in answer if one.points)


def _log(facts: Facts) -> tuple[str, ...]:
    if isinstance(facts.containers, Unknown):
        return ()
    prometheus: SeenContainer | None = prometheus_of(facts.containers)
    return prometheus.log if prometheus else ()
