"""Prometheus's configuration as far as checks read it. Source: prometheus.io, configuration page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from monops.domain.yaml_text import read_yaml


def parsed(text: str) -> Mapping[str, Any]:
    """The configuration as a mapping; empty for what is none."""
    try:
        found = read_yaml(text)
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, Mapping) else {}


def scrape_jobs(text: str) -> dict[str, Mapping[str, Any]]:
    """Job name -> its section."""
    jobs = parsed(text).get("scrape_configs") or ()
    return {str(job.get("job_name", "")): job for job in jobs if isinstance(job, Mapping)}


def static_targets(section: Mapping[str, Any]) -> Iterator[str]:
    """The addresses that are written in the section itself."""
    for group in section.get("static_configs") or ():
        if isinstance(group, Mapping):
            yield from (str(address) for address in group.get("targets") or ())


def target_files(section: Mapping[str, Any]) -> Iterator[str]:
    """The patterns of the files in which a section looks for targets."""
    for group in section.get("file_sd_configs") or ():
        if isinstance(group, Mapping):
            yield from (str(name) for name in group.get("files") or ())
