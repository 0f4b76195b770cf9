"""What is wrong with a Prometheus configuration file, as far as its text alone tells. `promtool` sees more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from monops.checks._prometheus import config_path, name_of
from monops.domain.facts import Facts, IsUnknown, Unknown, known
from monops.domain.nearest import did_you_mean
from monops.domain.units import parse_duration
from monops.domain.yaml_text import read_yaml

#: Source: prometheus.io, configuration page, up to 3.14.
_SECTIONS = (
    "global", "runtime", "scrape_config_files", "scrape_configs", "rule_files", "alerting", "remote_write",
    "remote_read", "tracing", "storage", "otlp",
)  # fmt: skip


def path_and_text(facts: Facts) -> tuple[str, str]:
    """Where Prometheus's configuration is in its container, and what is in it. Raises IsUnknown."""
    known(facts.prometheus_flags)
    path = config_path(facts)
    text = file_in_container(facts, path)
    if text is None:
        raise IsUnknown(Unknown(f"{path} in the container was not read", f"docker exec {name_of(facts)} cat {path}"))
    return path, text


def file_in_container(facts: Facts, path: str) -> str | None:
    """The text of the configuration as Prometheus's container has it; None where it was not read."""
    files = facts.container_files
    if isinstance(files, Unknown):
        return None
    # A path may be relative to the container's working folder.
    return next((text for key, text in files.items() if _is(key, path)), None)


def _is(key: str, path: str) -> bool:
    return key == f"prometheus:{path}" or (path[:1] not in ("", "/") and key.endswith(f"/{path}"))


def faults(text: str) -> Iterator[str]:
    """One sentence for each fault that keeps Prometheus from loading it."""
    try:
        found = read_yaml(text)
    except yaml.YAMLError as error:
        yield f"it is no YAML: {_where(error)}"
        return
    if not isinstance(found, Mapping):
        yield "it is no mapping of sections" if found else "it is empty"
        return
    for name in found:
        if name not in _SECTIONS:
            yield f"it has a section {name!r}, which there is none of.{did_you_mean(str(name), _SECTIONS)}".rstrip(".")
    yield from _job_faults(found)


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "not readable"
    return f"line {mark.line + 1}: {problem}" if mark is not None else str(problem)


def _job_faults(config: Mapping[str, Any]) -> Iterator[str]:
    common = config.get("global")
    common = common if isinstance(common, Mapping) else {}
    seen = set()
    for section in config.get("scrape_configs") or ():
        if not isinstance(section, Mapping):
            yield "a scrape job is no mapping"
            continue
        name = section.get("job_name")
        if not name:
            yield "a scrape job has no job_name"
            continue
        if name in seen:
            yield f"two scrape jobs are called {name!r}"
        seen.add(name)
        interval = _seconds(section.get("scrape_interval") or common.get("scrape_interval") or "1m")
        timeout = _seconds(section.get("scrape_timeout"))
        if timeout and interval and timeout > interval:
            yield f"job {name} has a scrape_timeout that is longer than its scrape_interval"


def _seconds(text: object) -> float | None:
    try:
        return parse_duration(str(text)).total_seconds() if text else None
    except ValueError:
        return None
