"""No container ended with an error.

What the exit code of a container that has ended means, together with its last words: 137 with the mark of the kernel is
too little memory, without it a kill; 139 is a crash; 126 and 127 a command that cannot be run or is not there.
Prometheus ends with 2 where its configuration is wrong or its data may not be written, with 1 where a flag is wrong;
Alertmanager with 1 in all these cases. `stack.running` says that it does not run; this says why, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._containers import members, shown
from monops.checks._exits import STOPPED, evidence, why
from monops.checks._healthy import changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Unknown
from monops.domain.finding import Finding, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container that has ended with an error; `stack.restarts` has those that begin again."""
    kills = {} if isinstance(facts.oom_events, Unknown) else facts.oom_events
    for one in members(facts):
        code, state = one.exit_code, one.container.state
        # One that was made and never started has a code where its command could not be run.
        if not (state in ("exited", "dead") and code not in (None, *STOPPED)) and not (
            state == "created" and code in (126, 127)
        ):
            continue
        end = why(one, kills.get(one.service, 0))
        marked = ", OOMKilled" if one.out_of_memory else ""
        said = shown(str((one.container.raw.get("State") or {}).get("Error") or ""))
        yield Finding(
            severity=Severity.ERROR,
            subject=f"container {one.name}",
            cause=end.cause,
            evidence=(
                f"docker inspect: {state}, exit code {code}{marked}",
                *((f"docker inspect: {said}",) if said else ()),
                *evidence(one, end),
            ),
            fix=end.fix,
        )


def _ended(what: str, code: int, says: str, *, service: str = "grafana", log: str = "", oom: bool = False) -> Sick:
    def facts(healthy: Facts) -> Facts:
        return with_container(
            healthy,
            service,
            lambda one: changed(
                one, container={"state": "exited"}, exit_code=code, out_of_memory=oom, log=(log,) if log else ()
            ),
        )

    return Sick(what=what, facts=facts, severity=Severity.ERROR, says=says)


CHECK = Check(
    id="stack.exit_code",
    well="no container ended with an error",
    reads=("containers",),
    looks_at=("oom_events",),
    judge=judge,
    sick=(
        _ended("no more memory", 137, "memory limit", oom=True),
        replace(
            _ended("no more memory, and the mark is gone", 137, "memory limit"),
            facts=lambda facts: replace(
                with_container(
                    facts, "grafana", lambda one: changed(one, container={"state": "exited"}, exit_code=137)
                ),
                oom_events={"grafana": 1},
            ),
        ),
        _ended("a kill", 137, "it was killed"),
        _ended("a crash", 139, "segmentation fault"),
        _ended("a command that cannot be run", 126, "cannot be run"),
        _ended("a command that is not there", 127, "not in the image"),
        _ended("a bad configuration of Prometheus", 2, "its configuration is wrong", service="prometheus"),
        _ended(
            "data that Prometheus may not write",
            2,
            "may not write",
            service="prometheus",
            log='msg="Error opening query log file" file=/prometheus/queries.active err="open: permission denied"',
        ),
        _ended("something else with Prometheus", 1, "a flag in its command", service="prometheus"),
        _ended(
            "two Prometheus on one volume",
            1,
            "another process has its data folder",
            service="prometheus",
            log="opening storage failed: lock DB directory: resource temporarily unavailable",
        ),
        _ended(
            "a flag that is not there",
            1,
            "not one that this version knows",
            service="alertmanager",
            log="alertmanager: error: unknown long flag '--nonsense', try --help",
        ),
        _ended("a bad configuration of Alertmanager", 1, "its configuration is wrong", service="alertmanager"),
        _ended("an error of its own", 3, "an error of its own"),
    ),
)
