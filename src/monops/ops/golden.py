"""Golden answers: what the services answered when the backup was taken, for a drill to ask again."""

from __future__ import annotations

import math
from collections.abc import Sequence

from monops.domain.errors import ServiceError
from monops.domain.manifest import GoldenAnswer
from monops.domain.ports import Prometheus
from monops.domain.tsdb import Block

#: Cheap on any TSDB, and different for different data.
_CHEAP = ("count by (job) (up)", "sum(scrape_samples_scraped)")
#: Reads a point of every series: only where that is quick.
_EVERY_SERIES = 'count({__name__=~".+"})'
_SERIES_LIMIT = 200_000

#: Tables whose rows say whether a Grafana is whole.
GRAFANA_TABLES = ("dashboard", "folder", "data_source", "alert_rule", "user", "org", "annotation", "migration_log")


def prometheus_answers(prometheus: Prometheus, blocks: Sequence[Block]) -> tuple[GoldenAnswer, ...]:
    """Instant queries at the end of the oldest, the middle and the newest block: persisted, so they stay the same.

    A server that does not answer gives none: a backup is not worse for it, a drill has less to compare.
    """
    ordered = sorted((b for b in blocks if b.samples), key=lambda b: b.max_time)
    if not ordered:
        return ()
    chosen = list(dict.fromkeys((ordered[0], ordered[len(ordered) // 2], ordered[-1])))
    found: list[GoldenAnswer] = []
    for block in chosen:
        # max_time is exclusive; the newest samples are up to a scrape interval older.
        at = (block.max_time - 1) / 1000
        questions = (*_CHEAP, _EVERY_SERIES) if block.series <= _SERIES_LIMIT else _CHEAP
        for question in questions:
            try:
                rows = prometheus.query(question, at)
            except ServiceError:
                return tuple(found)
            # JSON has no NaN and no infinity.
            answer = [[dict(labels), value if math.isfinite(value) else str(value)] for labels, value in rows]
            found.append(GoldenAnswer(kind="promql", question=question, answer=answer, at=at))
    return tuple(found)
