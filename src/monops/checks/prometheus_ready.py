"""Prometheus answers, and is ready for queries.

Without it there is nothing: no metrics, no alerts, no dashboards. Where its container has ended, the last lines of its
log say why: a configuration that it cannot read, a folder that is not its own, a full disk, a flag that it does not
know. While it still reads its log after a start, prometheus.replay says how far it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import changed, with_container, without_container
from monops.checks._prometheus import SUBJECT, container_of
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer, Unknown, known
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.scrape_scene import ending, last_words

_START = Fix(say="Start it.", command="monops stack up prometheus", risk=Risk.SAFE)

_CONFIG = "Error loading config"
#: Where in its configuration the fault is, as its YAML reader tells.
_LINE = re.compile(r"\bline \d+: [^\"\\\n]+")

#: Words of its log -> (cause, what to do, command). The first that fits.
_ENDINGS = (
    (
        "lock DB directory",
        "another Prometheus uses the same data folder",
        "Stop the other one, or give this one a volume of its own.",
        "monops doctor --only storage.lock",
    ),
    (
        "permission denied",
        "it may not write to its data folder, or not read its files: they belong to another user",
        "Give the folder that its log names to the user of its image (65534).",
        "docker logs --tail 20 {name}",
    ),
    (
        "no space left on device",
        "the disk is full",
        "Make room on the disk, or lower the retention.",
        "docker system df",
    ),
    (
        _CONFIG,
        "it cannot read its configuration",
        "Correct the line that its log names, then start it.",
        "docker logs --tail 20 {name}",
    ),
    (
        "Error parsing command line",
        "it does not know a flag of its command",
        "Correct the command in the Compose file, then start it.",
        "docker logs --tail 20 {name}",
    ),
)


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding where it does not answer with 200."""
    status, text = known(facts.prometheus_ready)
    if status == 200:
        return
    said = " ".join(text.split())[:200]
    answer = f"/-/ready: HTTP {status} {said}" if status else f"/-/ready: {said}"
    one = container_of(facts)
    if one is None:
        yield _without_container(facts, answer)
    elif not one.is_running:
        yield _ended(one, answer)
    elif status == 503:
        if not _replays(facts):
            yield _found(
                "it answers that it is not ready: it starts, or stops",
                (answer, *last_words(one)),
                Fix(say="Read its log.", command=f"docker logs --tail 50 {one.name}"),
            )
    elif status:
        yield _found(
            f"it answers HTTP {status} where it should say whether it is ready: a proxy, a password or another path is "
            "in between",
            (answer,),
            Fix(say="Look at its web flags.", command=f"docker inspect --format '{{{{json .Args}}}}' {one.name}"),
        )
    else:
        yield _found(
            f"its container runs, and nobody answers: {said}",
            (answer, f"docker inspect {one.name}: running", *last_words(one)),
            Fix(say="Read its log.", command=f"docker logs --tail 50 {one.name}"),
        )


def _replays(facts: Facts) -> bool:
    return not isinstance(facts.prometheus_replay, Unknown) and facts.prometheus_replay < 1


def _found(cause: str, evidence: tuple[str, ...], fix: Fix) -> Finding:
    return Finding(severity=Severity.ERROR, subject=SUBJECT, cause=cause, evidence=evidence, fix=fix)


def _without_container(facts: Facts, answer: str) -> Finding:
    if isinstance(facts.containers, Unknown):
        seen = f"the containers are unknown: {facts.containers.reason}"
        return _found(f"it does not answer: {answer.partition(': ')[2]}", (answer, seen), _START)
    return _found("it has no container", (answer, "docker compose ps --all: no such container"), _START)


def _ended(one: SeenContainer, answer: str) -> Finding:
    evidence = (
        answer,
        f"docker inspect {one.name}: {ending(one)}",
        *last_words(one),
    )
    if one.out_of_memory:
        fix = Fix(
            say="Raise its memory limit in the Compose file, or scrape less; it needs most when it starts.",
            command="monops stack up prometheus",
            risk=Risk.SAFE,
        )
        return _found("it was killed because it reached its memory limit", evidence, fix)
    # The newest words first: older ones may be of an ending long ago.
    for line in reversed(one.log):
        for words, cause, say, command in _ENDINGS:
            if words in line:
                where = _LINE.search(line) if words == _CONFIG else None
                cause += f": {where[0].strip()}" if where else ""
                return _found(f"it ended: {cause}", evidence, Fix(say=say, command=command.format(name=one.name)))
    return _found(f"its container does not run ({ending(one)})", evidence, _START)


def _down(facts: Facts) -> Facts:
    return replace(facts, prometheus_ready=(0, "connection refused"))


def _dead(*log: str, out_of_memory: bool = False, exit_code: int = 2) -> Sick:
    def change(one: SeenContainer) -> SeenContainer:
        return changed(one, container={"state": "exited"}, log=log, exit_code=exit_code, out_of_memory=out_of_memory)

    says = "memory limit" if out_of_memory else next((c for w, c, _, _ in _ENDINGS if w in "\n".join(log)), "exit code")
    return Sick(
        what=f"it ended: {says}",
        facts=lambda facts: with_container(_down(facts), "prometheus", change),
        severity=Severity.ERROR,
        says=says,
    )


CHECK = Check(
    id="prometheus.ready",
    well="it is ready for queries",
    reads=("prometheus_ready",),
    looks_at=("containers", "prometheus_replay"),
    judge=judge,
    needs=("prometheus",),
    sick=(
        _dead(out_of_memory=True, exit_code=137),
        _dead('level=ERROR msg="Fatal error" err="opening storage failed: lock DB directory: resource unavailable"'),
        _dead("panic: open /prometheus/queries.active: permission denied"),
        _dead("err: write /prometheus/wal/00000001: no space left on device", exit_code=1),
        _dead('msg="Error loading config" err="line 88: field scrape_config not found in type config.plain"'),
        _dead("Error parsing command line arguments: unknown long flag '--storage.tsdb.retention'", exit_code=1),
        _dead(exit_code=143),
        Sick(
            what="no container",
            facts=lambda facts: without_container(_down(facts), "prometheus"),
            severity=Severity.ERROR,
            says="no container",
        ),
        Sick(
            what="it hangs",
            facts=lambda facts: replace(facts, prometheus_ready=(0, "no answer within 3 s")),
            severity=Severity.ERROR,
            says="nobody answers: no answer within 3 s",
        ),
        Sick(
            what="it says that it is not ready",
            facts=lambda facts: replace(facts, prometheus_ready=(503, "Service Unavailable")),
            severity=Severity.ERROR,
            says="not ready",
        ),
        Sick(
            what="a password is asked for",
            facts=lambda facts: replace(facts, prometheus_ready=(401, "Unauthorized")),
            severity=Severity.ERROR,
            says="HTTP 401",
        ),
    ),
)
