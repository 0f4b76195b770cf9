"""No container starts again and again.

A container that ends soon after its start is started anew by Docker, each time after a longer pause: between two starts
it looks as if it ran. Its restarts are counted since it was made; what counts here is that it restarts now, or did so
within the last quarter of an hour. Source: RestartCount and StartedAt of `docker inspect`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from monops.checks._containers import exit_code, last_words, members, seconds_up
from monops.checks._exits import STOPPED, evidence, why
from monops.checks._healthy import NOW, changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Unknown
from monops.domain.finding import Finding, Fix, Severity

#: So many restarts are no accident.
MANY = 3
_SOON = 900.0


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container that does not stay up."""
    kills = {} if isinstance(facts.oom_events, Unknown) else facts.oom_events
    for one in members(facts):
        up = seconds_up(one, facts.now)
        seen = f"docker inspect: {one.container.state}, {one.restarts} restarts, last start {one.started_at}"
        if one.container.state == "restarting":
            end = why(one, kills.get(one.service, 0))
            is_told = exit_code(one) in STOPPED
            yield Finding(
                severity=Severity.ERROR,
                subject=f"container {one.name}",
                cause="it starts again and again: "
                + (f"its command ends by itself (exit code {exit_code(one)})" if is_told else end.cause),
                evidence=(seen, *evidence(one, end, 5)),
                fix=_look(one.name) if is_told else end.fix,
            )
        elif one.is_running and one.restarts >= MANY and up is not None and up < _SOON:
            yield Finding(
                severity=Severity.WARNING,
                subject=f"container {one.name}",
                cause=f"it has restarted {one.restarts} times, and runs for {max(up, 0) / 60:.0f} minutes only",
                evidence=(seen, *last_words(one, 5)),
                fix=_look(one.name),
            )


def _look(name: str) -> Fix:
    return Fix(say="See in its log why it ended.", command=f"docker logs --tail 100 {name}")


CHECK = Check(
    id="stack.restarts",
    well="no container starts again and again",
    reads=("containers",),
    looks_at=("oom_events",),
    judge=judge,
    sick=(
        Sick(
            what="a crash loop",
            facts=lambda facts: with_container(
                facts,
                "prometheus",
                lambda one: changed(
                    one,
                    container={"state": "restarting"},
                    restarts=8,
                    exit_code=2,
                    log=('msg="Error loading config" err="parsing YAML file: line 3"',),
                ),
            ),
            severity=Severity.ERROR,
            says="its configuration is wrong",
        ),
        Sick(
            what="a command that ends by itself",
            facts=lambda facts: with_container(
                facts,
                "grafana",
                lambda one: changed(one, container={"state": "restarting"}, restarts=8, exit_code=0),
            ),
            severity=Severity.ERROR,
            says="ends by itself",
        ),
        Sick(
            what="many restarts, the last a minute ago",
            facts=lambda facts: with_container(
                facts,
                "grafana",
                lambda one: changed(one, restarts=5, started_at=(NOW - timedelta(minutes=1)).isoformat()),
            ),
            severity=Severity.WARNING,
            says="restarted 5 times",
        ),
    ),
)
