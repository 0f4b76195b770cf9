"""Every scrape job has targets.

A job without targets looks like no job at all: nothing is down, and nothing is measured. Relabelling may have dropped
every target, the files that should list them may be empty or not there, or discovery finds nothing. A list that is
empty on purpose, as those of the application are before it exists, is only mentioned.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from monops.checks._healthy import CONFIG
from monops.checks._prometheus import TARGETS_WITHIN, YOUNG_SECONDS, after_edit, age_of_config
from monops.checks._targets import pool
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, TargetFile, Unknown, known
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.nearest import listed
from monops.domain.prometheus_config import scrape_jobs, static_targets, target_files


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each job without targets."""
    jobs = scrape_jobs(known(facts.prometheus_config))
    there = {pool(target) for target in known(facts.prometheus_targets)}
    dropped = known(facts.prometheus_dropped)
    seconds = age_of_config(facts)
    for name, section in jobs.items():
        if name not in there and seconds >= _found_within(section):
            yield _missing(name, section, dropped.get(name, 0), facts)


def _found_within(section: Mapping[str, Any]) -> float:
    """Other ways of discovery than files ask somebody, and some only every minute."""
    ways = {key for key in section if key.endswith("_sd_configs")} - {"file_sd_configs"}
    return YOUNG_SECONDS if ways else TARGETS_WITHIN


def _missing(name: str, section: Mapping[str, Any], dropped: int, facts: Facts) -> Finding:
    subject, seen = f"job {name}", f"/api/v1/targets: no active target of job {name}"
    if dropped:
        return Finding(
            severity=Severity.WARNING,
            subject=subject,
            cause=f"its relabel_configs drop every target that is found ({dropped})",
            evidence=(seen, f"droppedTargetCounts: {dropped}"),
            fix=after_edit(facts, f"Correct the keep or drop rules of job {name} in prometheus.yml, then reload."),
        )
    patterns = [*target_files(section)]
    ways = [key.removesuffix("_sd_configs") for key in section if key.endswith("_sd_configs")]
    if patterns and ways == ["file"] and not [*static_targets(section)]:
        return _by_files(name, patterns, (seen,), facts)
    if ways:
        return Finding(
            severity=Severity.WARNING,
            subject=subject,
            cause=f"its discovery ({listed(ways)}) finds no target",
            evidence=(seen,),
            fix=Fix(
                say="Read what Prometheus says of its discovery.",
                command="monops stack logs prometheus | grep -i discovery",
            ),
        )
    return Finding(
        severity=Severity.WARNING,
        subject=subject,
        cause="it names no target",
        evidence=(seen, "/api/v1/status/config: no target in static_configs, and no discovery"),
        fix=after_edit(facts, f"Add its targets to job {name} in prometheus.yml, or remove the job, then reload."),
    )


def _by_files(name: str, patterns: list[str], evidence: tuple[str, ...], facts: Facts) -> Finding:
    files = facts.target_files
    matching = not isinstance(files, Unknown) and any(_meets(path, one) for path in files for one in patterns)
    absent = not matching and not isinstance(files, Unknown)
    where = listed(posixpath.basename(pattern) for pattern in patterns)
    add = Fix(
        say="Add what it shall scrape, or leave the job empty until there is something.",
        command=f"monops targets add {name} HOST:PORT",
        risk=Risk.SAFE,
    )
    if absent:
        return Finding(
            severity=Severity.WARNING,
            subject=f"job {name}",
            cause=f"no file is called {where}, from which it takes its targets",
            evidence=(*evidence, f"file_sd_configs: {', '.join(patterns)}"),
            fix=add,
        )
    return Finding(
        severity=Severity.INFO,
        subject=f"job {name}",
        cause=f"it has no targets yet: {where} lists none" + ("" if matching else ", or is not there"),
        evidence=(*evidence, f"file_sd_configs: {', '.join(patterns)}"),
        fix=add,
    )


def _meets(path: str, pattern: str) -> bool:
    return fnmatchcase(path, pattern) or fnmatchcase(posixpath.basename(path), posixpath.basename(pattern))


_FILES = "- job_name: more\n  file_sd_configs:\n  - files: [/etc/prometheus/targets/more.yml]\n"


def _sick(
    what: str, text: str, severity: Severity, says: str, *, dropped: int = 0, files: tuple[str, ...] = ()
) -> Sick:
    def facts_of(facts: Facts) -> Facts:
        return replace(
            facts,
            prometheus_config=CONFIG + text,
            prometheus_dropped={"more": dropped},
            target_files=dict.fromkeys(files, TargetFile(text="[]\n")),
        )

    return Sick(what=what, facts=facts_of, severity=severity, says=says)


CHECK = Check(
    id="targets.missing_job",
    well="every job has targets",
    reads=("prometheus_config", "prometheus_dropped", "prometheus_runtime", "prometheus_targets"),
    looks_at=("containers", "target_files"),
    judge=judge,
    needs=("prometheus",),
    sick=(
        _sick("rules that drop everything", _FILES, Severity.WARNING, "drop every target", dropped=3),
        _sick("an empty file", _FILES, Severity.INFO, "lists none", files=("/etc/prometheus/targets/more.yml",)),
        _sick("no file", _FILES, Severity.WARNING, "no file is called", files=("/etc/prometheus/targets/a.yml",)),
        _sick("no target at all", "- job_name: more\n", Severity.WARNING, "it names no target"),
        _sick(
            "a discovery that finds nothing",
            "- job_name: more\n  dns_sd_configs:\n  - names: [nobody]\n",
            Severity.WARNING,
            "its discovery (dns)",
        ),
    ),
)
