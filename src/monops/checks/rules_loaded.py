"""Every entry of `rule_files` brings rules, and there are alerts among them.

Prometheus says nothing where a pattern of `rule_files` matches no file: it starts, is healthy, and never fires an
alert. That happens when the folder is not mounted into its container, is mounted elsewhere, or the files are called
`.yaml` where the pattern says `.yml`. A file that is there and holds no groups brings nothing either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from monops.checks._alerting import alert_rules, container_name, few, prometheus_settings
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, RuleGroup, Unknown, known
from monops.domain.finding import Finding, Fix, Risk, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """No pattern, a pattern that brings nothing, or rules without an alert among them."""
    patterns = tuple(str(pattern) for pattern in prometheus_settings(facts).get("rule_files") or ())
    groups = known(facts.prometheus_rules)
    if not patterns:
        yield Finding(
            severity=Severity.WARNING,
            subject="rule_files of Prometheus",
            cause="its configuration names no rule files, so no alert can ever fire",
            evidence=("/api/v1/status/config: no rule_files",),
            fix=Fix(say="Name the rule files under rule_files in prometheus.yml and reload Prometheus."),
        )
        return
    for pattern in patterns:
        if not any(is_meant(pattern, group.file) for group in groups):
            yield _without_rules(facts, pattern, groups)
    if groups and not any(alert_rules(facts)):
        yield Finding(
            severity=Severity.WARNING,
            subject="rules of Prometheus",
            cause="all of its rules record and none of them alerts, so no alert can ever fire",
            evidence=(f"/api/v1/rules: {few(group.file for group in groups)}",),
            fix=Fix(say="Add alerting rules to the rule files and reload Prometheus."),
        )


def _without_rules(facts: Facts, pattern: str, groups: tuple[RuleGroup, ...]) -> Finding:
    is_pattern = any(letter in pattern for letter in "*?[")
    folder = pattern.rpartition("/")[0] or "/etc/prometheus"
    return Finding(
        # A file that is named must be there; a pattern may be kept for files to come.
        severity=Severity.WARNING if is_pattern and groups else Severity.ERROR,
        subject=f"rule_files entry {pattern}",
        cause=_why(facts, pattern),
        evidence=(
            f"/api/v1/status/config: rule_files has {pattern}",
            f"/api/v1/rules: groups from {few(group.file for group in groups) or 'no file'}",
        ),
        fix=Fix(
            say="Put the rule files where the entry looks, or mount their folder there, and reload Prometheus.",
            command=f"docker exec {container_name(facts, 'prometheus')} ls -l {folder}",
            risk=Risk.READS,
        ),
    )


def _why(facts: Facts, pattern: str) -> str:
    if isinstance(facts.container_files, Unknown):
        return "it brings no rules: no file matches it, or what matches holds no groups"
    prefix = "prometheus:"
    paths = [key.removeprefix(prefix) for key in facts.container_files if key.startswith(prefix)]
    if any(is_meant(pattern, path) for path in paths):
        return "it brings no rules: what it matches holds no groups, or was put there after the last reload"
    # The files in `rules` beside the configuration are known, those elsewhere are not.
    if pattern.rpartition("/")[0] in [f"{path.rpartition('/')[0]}/rules" for path in paths]:
        return "it brings no rules: no file in Prometheus's container matches it, and Prometheus does not tell"
    return "it brings no rules: no file matches it, or what matches holds no groups"


def is_meant(pattern: str, file: str) -> bool:
    """Whether a pattern of `rule_files` means a file: as in Go, a star goes over no slash."""
    if file.count("/") > pattern.count("/") and not pattern.startswith("/"):
        file = file.split("/", file.count("/") - pattern.count("/"))[-1]
    return file.count("/") == pattern.count("/") and fnmatchcase(file, pattern)


def _with_config(facts: Facts, old: str, new: str) -> Facts:
    return replace(facts, prometheus_config=known(facts.prometheus_config).replace(old, new))


CHECK = Check(
    id="rules.loaded",
    well="every entry of rule_files brings rules",
    reads=("prometheus_config", "prometheus_rules"),
    looks_at=("container_files",),
    needs=("prometheus",),
    judge=judge,
    sick=(
        Sick(
            what="rule files that nobody mounted",
            facts=lambda facts: replace(facts, prometheus_rules=()),
            severity=Severity.ERROR,
            says="no file in Prometheus's container matches",
        ),
        Sick(
            what="files with another ending beside those that are loaded",
            facts=lambda facts: _with_config(facts, "rules/*.yml\n", "rules/*.yml\n- /etc/prometheus/more/*.yaml\n"),
            severity=Severity.WARNING,
            says="brings no rules",
        ),
        Sick(
            what="a rule file without groups",
            facts=lambda facts: replace(
                _with_config(facts, "rules/*.yml\n", "rules/*.yml\n- /etc/prometheus/own.yml\n"),
                container_files={"prometheus:/etc/prometheus/own.yml": "groups: []\n"},
            ),
            severity=Severity.ERROR,
            says="holds no groups",
        ),
        Sick(
            what="a configuration without rule files",
            facts=lambda facts: _with_config(facts, "rule_files:\n- /etc/prometheus/rules/*.yml\n", ""),
            severity=Severity.WARNING,
            says="names no rule files",
        ),
        Sick(
            what="recording rules only",
            facts=lambda facts: replace(
                facts,
                prometheus_rules=tuple(
                    replace(group, rules=tuple(replace(rule, kind="recording") for rule in group.rules))
                    for group in known(facts.prometheus_rules)
                ),
            ),
            severity=Severity.WARNING,
            says="none of them alerts",
        ),
    ),
)
