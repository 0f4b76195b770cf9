"""What kind of file a text is: by its content, not by its name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import yaml

from monops.domain.finding import Severity
from monops.domain.lint.dashboard_file import Dashboard, dashboard_file
from monops.domain.lint.problem import Problem
from monops.domain.lint.rules_file import NotYaml, RuleFile, composed, rules_file, section

#: What a YAML file with one of these words in it is meant to be, though it cannot be read.
_OURS = ("groups:", "scrape_configs:", "receivers:")
#: What makes it one of Helm or Kubernetes instead: a template around lines, or a manifest among several.
_FOREIGN = re.compile(r"^(?:\s*\{\{|apiVersion:)", re.MULTILINE)
#: What Promtail has at the top beside scrape_configs, and Prometheus has not.
_OF_PROMTAIL = ("clients", "positions", "server")


@dataclass(slots=True, kw_only=True)
class Recognised:
    """Files by their kind."""

    rules: list[RuleFile] = field(default_factory=list)
    dashboards: list[Dashboard] = field(default_factory=list)
    #: Path -> text of a prometheus.yml, and of an alertmanager.yml.
    prometheus: dict[str, str] = field(default_factory=dict)
    alertmanager: dict[str, str] = field(default_factory=dict)
    #: Uids and names of provisioned data sources.
    data_sources: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    #: Named files that are none of these.
    others: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.rules) + len(self.dashboards) + len(self.prometheus) + len(self.alertmanager)


def recognised(files: Sequence[tuple[str, str, bool]]) -> Recognised:
    """`files`: path, text, and whether a person named it. A copy of a dashboard is looked at once."""
    found = Recognised()
    seen: set[str] = set()
    for path, text, is_named in files:
        try:
            is_ours = _dashboard(found, path, text, seen) if path.endswith(".json") else _yaml(found, path, text)
        except NotYaml as error:
            is_ours = is_named or _is_meant(path, text)
            if is_ours:
                found.problems.append(_unreadable(path, error))
        except RecursionError:
            is_ours = is_named or _is_meant(path, text)
            if is_ours:
                found.problems.append(_unreadable(path, NotYaml("it contains itself, or is nested too deeply", 1)))
        if not is_ours and is_named:
            found.others.append(path)
    return found


def _is_meant(path: str, text: str) -> bool:
    """Whether a file that cannot be read is meant to be one of ours."""
    if path.endswith(".json"):
        return '"panels"' in text
    return any(word in text for word in _OURS) and not _FOREIGN.search(text)


def _dashboard(found: Recognised, path: str, text: str, seen: set[str]) -> bool:
    dashboard = dashboard_file(path, text)
    if dashboard is not None and text not in seen:
        seen.add(text)
        found.dashboards.append(dashboard)
    return dashboard is not None


def _yaml(found: Recognised, path: str, text: str) -> bool:
    if "\ngroups:" in f"\n{text}" or "groups:" in text:
        rules = rules_file(path, text)
        if rules is not None:
            found.rules.append(rules)
            return True
    if not any(word in text for word in ("scrape_configs", "global", "receivers", "datasources")):
        return False
    top = composed(text)
    if any(section(top, name) is not None for name in _OF_PROMTAIL):
        return False
    if section(top, "scrape_configs") is not None or section(top, "rule_files") is not None:
        found.prometheus[path] = text
    elif section(top, "receivers") is not None and section(top, "route") is not None:
        found.alertmanager[path] = text
    elif section(top, "datasources") is not None:
        found.data_sources |= set(_data_sources(top))
    else:
        return False
    return True


def _data_sources(top: yaml.Node | None) -> Iterator[str]:
    items = section(top, "datasources")
    for item in items.value if isinstance(items, yaml.SequenceNode) else ():
        for key in ("uid", "name"):
            value = section(item, key)
            if isinstance(value, yaml.ScalarNode):
                yield str(value.value)


def _unreadable(path: str, error: NotYaml) -> Problem:
    return Problem(
        id="file/syntax",
        severity=Severity.ERROR,
        file=path,
        line=error.line,
        subject=path.rpartition("/")[2],
        message=f"It is not {'JSON' if path.endswith('.json') else 'YAML'}: {error.message}.",
        fix="Mend the file; nothing else in it was looked at.",
    )
