"""The number of series is in bounds, and they stay the same ones.

Every different set of labels is a series, and every series of the last hours is in memory. Names of users, sessions or
requests as labels make millions of them. Series that come and go all the time (a label with a time or an id) cost as
much as many that stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from monops.checks._prometheus import SUBJECT, age, answers, highest
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Severity

SERIES = "prometheus_tsdb_head_series"
CREATED = "increase(prometheus_tsdb_head_series_created_total[1h])"
#: Fewer series are no burden whatever they do.
_MANY = 100_000
#: Of all series, in one hour.
_CHURN = 0.5
#: Of all series, with one name.
_ONE_NAME = 0.4
_SETTLED = timedelta(hours=2)


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for a metric that has most series, one for series that come and go."""
    metrics = known(facts.prometheus_cardinality)
    found = highest(facts, (SERIES, CREATED))
    total = found[SERIES]
    if total < _MANY:
        return
    name, count = max(metrics.items(), key=lambda item: item[1], default=("", 0))
    if count > _ONE_NAME * total:
        yield Finding(
            severity=Severity.WARNING,
            subject=f"metric {name}",
            cause=f"it has {count} of {total:.0f} series: a label of it takes too many values",
            evidence=(f"/api/v1/status/tsdb: {name} {count}", f"{SERIES}: {total:.0f}"),
            fix=Fix(
                say="Find the label that takes many values and remove it, in the program or by metric_relabel_configs.",
                command=f"monops query 'topk(5, count by (job, instance) ({name}))'",
            ),
        )
    if age(facts) > _SETTLED.total_seconds() and found[CREATED] > _CHURN * total:
        yield Finding(
            severity=Severity.WARNING,
            subject=SUBJECT,
            cause=f"{found[CREATED]:.0f} series were new in one hour, of {total:.0f}: a label has ids or times in it",
            evidence=(f"{CREATED}: {found[CREATED]:.0f}", f"{SERIES}: {total:.0f}"),
            fix=Fix(
                say="Find the job with the most new series, and drop the label that changes.",
                command="monops query 'topk(5, sum by (job) (sum_over_time(scrape_series_added[1h])))'",
            ),
        )


CHECK = Check(
    id="storage.cardinality",
    well="the number of series is in bounds",
    reads=("prometheus_cardinality", "prometheus_runtime"),
    queries=(SERIES, CREATED),
    judge=judge,
    needs=("prometheus",),
    healthy=lambda facts: answers({SERIES: 12_000, CREATED: 300}, facts),
    sick=(
        Sick(
            what="a label with ids",
            facts=lambda facts: replace(
                answers({SERIES: 500_000}, facts), prometheus_cardinality={"requests_total": 400_000, "up": 10}
            ),
            severity=Severity.WARNING,
            says="400000 of 500000 series",
        ),
        Sick(
            what="series that come and go",
            facts=lambda facts: answers({SERIES: 200_000, CREATED: 900_000}, facts),
            severity=Severity.WARNING,
            says="were new in one hour",
        ),
    ),
)
