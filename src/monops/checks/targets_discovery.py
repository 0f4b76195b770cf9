"""Prometheus can read where its targets are.

Where a file of targets cannot be read, or a discovery is refused, Prometheus goes on with the targets that it knew
before, or with none: what is new is not scraped, and nothing is down.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._prometheus import SUBJECT, answers, grown, highest, increase, values
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

#: A little more than the 5 minutes after which files are read again, so that what was mended is soon forgotten.
FILES = increase("prometheus_sd_file_read_errors_total", "6m")
FAILURES = increase("prometheus_sd_refresh_failures_total", "6m")
CONFIGS = "prometheus_sd_failed_configs"
SYNCS = increase("prometheus_target_sync_failed_total", "15m")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each way in which it fails."""
    found = highest(facts, (FILES, FAILURES, CONFIGS, SYNCS))
    if found[FILES] > 0:
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


def _finding(cause: str, evidence: str, say: str, words: str) -> Finding:
    return Finding(
        severity=Severity.ERROR,
        subject=SUBJECT,
        cause=cause,
        evidence=(evidence,),
        fix=Fix(say=say, command=f"monops stack logs prometheus --tail 500 | grep -E '{words}'"),
    )


CHECK = Check(
    id="targets.discovery",
    well="it can read where its targets are",
    reads=("prometheus_runtime",),
    queries=(FILES, FAILURES, CONFIGS, SYNCS),
    judge=judge,
    needs=("prometheus",),
    healthy=lambda facts: answers({FILES: 0, CONFIGS: 0}, facts),
    sick=(
        Sick(
            what="a file of targets that is none",
            facts=lambda facts: answers({FILES: 3}, facts),
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
