"""Prometheus can read where its targets are.

Where a file of targets cannot be read, or a discovery is refused, Prometheus goes on with the targets that it knew
before, or with none: what is new is not scraped, and nothing is down.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import series, with_answers
from monops.checks._prometheus import SUBJECT, answers, container_of, grown, highest, increase, name_of, values
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, TargetFile, Unknown
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.scrape_scene import on_host
from monops.domain.target_file import fault

#: A little more than the 5 minutes after which files are read again, so that what was mended is soon forgotten.
FILES = increase("prometheus_sd_file_read_errors_total", "6m")
FAILURES = increase("prometheus_sd_refresh_failures_total", "6m")
CONFIGS = "prometheus_sd_failed_configs"
SYNCS = increase("prometheus_target_sync_failed_total", "15m")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each way in which it fails."""
    yield from _broken_files(facts)
    found = highest(facts, (FILES, FAILURES, CONFIGS, SYNCS))
    # Where the files could be looked at, what was wrong with them before is of no interest.
    if found[FILES] > 0 and isinstance(facts.target_files, Unknown):
        yield _finding(
            "a file of targets cannot be read: it is no list of targets, or Prometheus may not read it",
            grown(FILES, found[FILES]),
            "Correct the file that its log names; Prometheus reads it again by itself.",
            "file_sd|Error reading file",
        )
    failing = sorted({labels.get("mechanism", "") for labels, value in values(facts.answer(FAILURES)) if value > 0})
    if failing:
        by = " and ".join(filter(None, failing)) or "a service"
        yield _finding(
            f"its discovery by {by} fails, so it knows old targets only",
            grown(FAILURES, found[FAILURES]),
            "Let Prometheus reach what it asks for targets; its log says what that answers.",
            "discovery",
        )
    if found[CONFIGS] > 0:
        yield _finding(
            f"{found[CONFIGS]:.0f} of its discoveries could not be set up",
            f"{CONFIGS}: {found[CONFIGS]:.0f}",
            "Correct the discovery that its log names in prometheus.yml, then reload.",
            "discovery",
        )
    for labels, value in values(facts.answer(SYNCS)):
        if value > 0:
            job = labels.get("scrape_job", "")
            yield _finding(
                f"relabel_configs of job {job} make targets that cannot be, which are left out",
                f'{grown(SYNCS, value)}, scrape_job="{job}"',
                f"Correct relabel_configs of job {job} in prometheus.yml, then reload.",
                "sync|target",
            )


def _broken_files(facts: Facts) -> Iterator[Finding]:
    for path, file in {} if isinstance(facts.target_files, Unknown) else sorted(facts.target_files.items()):
        place = on_host(container_of(facts), path)
        where, inside = shlex.quote(place or path), "" if place else f"docker exec --user 0 {name_of(facts)} "
        if not file.is_readable:
            cause = f"Prometheus may not read {path}, so its job knows old targets only, or none"
            fix = Fix(
                say="Let the user that Prometheus runs as read it; Prometheus reads it again within 5 minutes.",
                command=f"{inside}chmod a+r {where}",
                risk=Risk.SAFE,
            )
        else:
            wrong = fault(file.text, posixpath.basename(path))
            if not wrong:
                continue
            cause = f"{wrong}, so its job knows old targets only, or none"
            fix = Fix(say="Correct it; Prometheus reads it again by itself.", command=f"{inside}cat {where}")
        yield Finding(
            severity=Severity.ERROR,
            subject=f"file {path}",
            cause=cause,
            evidence=(f"read as {place or path}",),
            fix=fix,
        )


def _finding(cause: str, evidence: str, say: str, words: str) -> Finding:
    return Finding(
        severity=Severity.ERROR,
        subject=SUBJECT,
        cause=cause,
        evidence=(evidence,),
        fix=Fix(say=say, command=f"monops stack logs prometheus --tail 500 | grep -E '{words}'"),
    )


def _with_file(file: TargetFile, facts: Facts) -> Facts:
    return replace(facts, target_files={"/etc/prometheus/targets/more.yml": file})


CHECK = Check(
    id="targets.discovery",
    well="it can read where its targets are",
    reads=("prometheus_runtime",),
    looks_at=("containers", "target_files"),
    queries=(FILES, FAILURES, CONFIGS, SYNCS),
    judge=judge,
    needs=("prometheus",),
    healthy=lambda facts: answers({FILES: 0, CONFIGS: 0}, facts),
    sick=(
        Sick(
            what="a file of targets that Prometheus may not read",
            facts=lambda facts: _with_file(TargetFile(text="[]\n", is_readable=False), facts),
            severity=Severity.ERROR,
            says="may not read",
        ),
        Sick(
            what="a file of targets that is no YAML",
            facts=lambda facts: _with_file(TargetFile(text="- targets: [\n"), facts),
            severity=Severity.ERROR,
            says="more.yml is not YAML, line 2",
        ),
        Sick(
            what="a file of targets that is none, and cannot be looked at",
            facts=lambda facts: replace(answers({FILES: 3}, facts), target_files=Unknown("no engine")),
            severity=Severity.ERROR,
            says="cannot be read",
        ),
        Sick(
            what="a discovery that fails",
            facts=lambda facts: with_answers(facts, {FAILURES: (series(4, mechanism="dns"),)}),
            severity=Severity.ERROR,
            says="discovery by dns fails",
        ),
        Sick(
            what="a discovery that cannot be set up",
            facts=lambda facts: answers({CONFIGS: 1}, facts),
            severity=Severity.ERROR,
            says="could not be set up",
        ),
        Sick(
            what="rules that make impossible targets",
            facts=lambda facts: with_answers(facts, {SYNCS: (series(2, scrape_job="node"),)}),
            severity=Severity.ERROR,
            says="relabel_configs of job node",
        ),
    ),
)
