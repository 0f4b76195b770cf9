"""What lint finds, and the rules by which it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from monops.domain.finding import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The place in a line that is meant: the line, and from which to which character."""

    line: int
    text: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in a file that does not do what it says."""

    #: Of the lint rule: `rules/annotations`.
    id: str
    severity: Severity
    file: str
    #: From 1.
    line: int
    #: The object: `alert QuotaExceeded`.
    subject: str
    #: One sentence.
    message: str
    #: What to do, in one sentence.
    fix: str = ""
    shown: Shown | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LintRule:
    """One kind of problem."""

    id: str
    #: What is well where nothing is found.
    well: str
    #: Whether a running server must be asked.
    asks: bool = False


_RULES = (
    LintRule(id="file/syntax", well="every file is YAML or JSON"),
    LintRule(id="promql/syntax", well="every expression is PromQL"),
    LintRule(id="rules/duplicate", well="no rule is there twice"),
    LintRule(id="rules/value-in-label", well="no alert has its value in a label"),
    LintRule(id="rules/annotations", well="every alert says how bad it is, what is wrong and what to do"),
    LintRule(id="rules/range-window", well="every range holds at least two scrapes"),
    LintRule(id="rules/range-beyond-retention", well="no range is longer than what the server keeps", asks=True),
    LintRule(id="rules/always-fires", well="every alert has a condition"),
    LintRule(id="rules/never-fires", well="every alert can fire"),
    LintRule(id="rules/for-shorter-than-interval", well="every `for` is as long as an evaluation interval"),
    LintRule(id="rules/rejected", well="promtool accepts every rule file", asks=True),
    LintRule(id="series/dead", well="every selector of a rule matches series", asks=True),
    LintRule(id="dashboard/dead-panel", well="every panel has something to show", asks=True),
    LintRule(id="dashboard/datasource", well="every panel names a data source that is there"),
    LintRule(id="config/prometheus", well="promtool accepts Prometheus's configuration", asks=True),
    LintRule(id="config/alertmanager", well="amtool accepts Alertmanager's configuration", asks=True),
    LintRule(id="lint/comment", well="every comment to monops lint names what there is"),
)
RULES: Mapping[str, LintRule] = {rule.id: rule for rule in _RULES}


def matching(pattern: str) -> tuple[str, ...]:
    """The ids that a person means: an id, a family, or a pattern: `series/*`."""
    return tuple(name for name in RULES if fnmatchcase(name, pattern) or name.partition("/")[0] == pattern)
