"""Every rule asks for metrics that there are.

A rule whose metric does not exist is healthy in all that Prometheus says of it, and never fires. The name is mistyped,
the exporter was renamed, or nothing exposes it. Source: cloudflare.github.io/pint/checks/promql/series.html; `monops
lint` asks more: for the labels, and since when.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from monops.checks._alerting import few, with_rules
from monops.checks._healthy import rule
from monops.checks._prometheus import age, age_of_config, settled_after
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, IsUnknown, Rule, Unknown, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.lint.promql import NotPromql, parsed
from monops.domain.lint.series import worth_asking
from monops.domain.nearest import did_you_mean
from monops.stack.metrics import CONTRACT

#: `targets.app_contract` tells of these, once for each job.
_APPLICATION = frozenset(name for one in CONTRACT for name in (one.name, *one.series))

#: Of cAdvisor, which a stack may leave out: where there is nothing of it at all, that is no fault of a rule.
_LEFT_OUT = "container_"
#: Of backups: which of them there are depends on how the last ones ended, and other checks tell of that.
_BACKUPS = "monops_"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each metric. Raises IsUnknown where it may be that of a target that is down."""
    groups, names = known(facts.prometheus_rules), known(facts.prometheus_metrics)
    if min(age(facts), age_of_config(facts)) < settled_after(facts):
        return
    recorded = frozenset(one.name for group in groups for one in group.rules if one.kind == "recording")
    asking: dict[str, list[Rule]] = {}
    for one in (one for group in groups for one in group.rules):
        for name in _asked(one.expr, recorded) - names - _APPLICATION:
            if not _is_of_nobody(name, names):
                asking.setdefault(name, []).append(one)
    down = sorted({target.job for target in known(facts.prometheus_targets) if target.health != "up"})
    if asking and down:
        raise IsUnknown(
            Unknown(f"{few(sorted(asking))} may be of a target that is down, in {few(down)}", "monops targets")
        )
    for name, rules in sorted(asking.items()):
        kinds = {one.kind for one in rules}
        what = "it never fires" if kinds == {"alerting"} else "it tells nothing"
        yield Finding(
            severity=Severity.WARNING,
            subject=f"rule {few([one.name for one in rules])}",
            cause=f"there is no metric {name}, so {what}.{did_you_mean(name, _alike(name, names))}".removesuffix("."),
            evidence=(f"/api/v1/label/__name__/values: no {name} in the last hour", f"expr: {_short(rules[0].expr)}"),
            fix=Fix(
                say="Correct the name, or start what exposes it; if it comes only with its first event, add "
                "`or vector(0)`.",
                command="monops lint --only series",
            ),
        )


def _is_of_nobody(name: str, names: frozenset[str]) -> bool:
    is_left_out = name.startswith(_LEFT_OUT) and not any(one.startswith(_LEFT_OUT) for one in names)
    return is_left_out or name.startswith(_BACKUPS)


def _alike(name: str, names: frozenset[str]) -> list[str]:
    """Those of the same exporter: others are not meant."""
    return sorted(one for one in names if one.partition("_")[0] == name.partition("_")[0])


@lru_cache(maxsize=4096)
def _asked(expr: str, recorded: frozenset[str]) -> frozenset[str]:
    """The names that an expression needs; none of what cannot be read: `rules.health` tells of that."""
    try:
        selectors = parsed(expr).selectors
    except NotPromql:
        return frozenset()
    return frozenset(one.name for one in selectors if one.name and worth_asking(one, recorded))


def _short(expr: str) -> str:
    return " ".join(expr.split())[:200]


def _asks(facts: Facts, expr: str) -> Facts:
    return with_rules(facts, rule("Own", expr))


CHECK = Check(
    id="rules.dead_metric",
    well="every rule asks for metrics that there are",
    reads=("prometheus_rules", "prometheus_metrics", "prometheus_runtime", "prometheus_targets"),
    judge=judge,
    needs=("prometheus",),
    sick=(
        Sick(
            what="a metric that there is not",
            facts=lambda facts: _asks(facts, "rate(http_request_total[5m]) > 1"),
            severity=Severity.WARNING,
            says="there is no metric http_request_total, so it never fires",
        ),
        Sick(
            what="a metric that is mistyped",
            facts=lambda facts: replace(
                _asks(facts, "http_request_total > 1"), prometheus_metrics=frozenset({"http_requests_total"})
            ),
            severity=Severity.WARNING,
            says="http_requests_total",
        ),
    ),
)
