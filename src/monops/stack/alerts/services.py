"""Services: something that should answer does not.

The setup document names no duration for these. One minute is four scrapes: a container that is replaced pages nobody.
"""

from __future__ import annotations

from monops.stack.alerts.model import Alert, RuleGroup

GROUP = RuleGroup(
    name="services",
    about="Services that do not answer. Alertmanager mutes ServiceDown where a more exact alert fires for the"
    " same instance.",
    rules=(
        Alert(
            name="ServiceDown",
            expr="up == 0",
            holds_for="1m",
            severity="critical",
            team="platform",
            summary="{{ $labels.job }} on {{ $labels.instance }} is down",
            description="Prometheus could not scrape {{ $labels.instance }} of job {{ $labels.job }} for 1 minute"
            " (up is {{ $value }}). The cause: monops targets",
        ),
        Alert(
            name="BrowserWorkerDown",
            expr='up{job="browser-workers"} == 0',
            holds_for="1m",
            severity="critical",
            team="orchestrator",
            summary="Browser worker {{ $labels.instance }} is down",
            description="The browser worker {{ $labels.instance }} has not answered for 1 minute (up is {{ $value }}).",
        ),
        Alert(
            name="RedisDown",
            expr="redis_up == 0",
            holds_for="1m",
            severity="critical",
            team="orchestrator",
            summary="Redis {{ $labels.instance }} is down",
            description="The Redis exporter has not reached {{ $labels.instance }} for 1 minute (redis_up is {{"
            " $value }})."
            " The queue stands still.",
        ),
    ),
)
