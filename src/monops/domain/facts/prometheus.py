"""Facts of Prometheus. Source: prometheus.io/docs/prometheus/latest/querying/api."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """`/api/v1/status/buildinfo`."""

    version: str

    @property
    def number(self) -> tuple[int, ...]:
        """(3, 5, 3); empty where the version is no number."""
        parts = self.version.lstrip("v").split("-")[0].split("+")[0].split(".")
        return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """`/api/v1/status/runtimeinfo`."""

    #: Unix time in seconds.
    started_at: float
    reload_succeeded: bool
    #: Unix time in seconds of the configuration in force.
    config_at: float
    #: As shown: "15d or 10GiB".
    retention: str
    corruptions: int = 0
    #: Unix time in seconds, where the server tells it (3.x); None else.
    server_time: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFile:
    """A file from which a job takes its targets, as Prometheus's container has it."""

    text: str
    #: Whether the user that Prometheus runs as may read it.
    is_readable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One active target."""

    job: str
    instance: str
    url: str
    #: "up", "down" or "unknown".
    health: str
    last_error: str = ""
    #: Unix time in seconds; 0 before the first scrape.
    last_scrape: float = 0.0
    #: Seconds.
    last_duration: float = 0.0
    #: Seconds.
    interval: float = 15.0
    #: Seconds.
    timeout: float = 10.0
    labels: Mapping[str, str]
    discovered: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of several Prometheus."""

    #: `shard=2 replica=a`.
    words: str
    container: str
    #: None where it does not answer.
    targets: tuple[Target, ...] | None
    #: Why not.
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An alerting or recording rule as the server has loaded it."""

    #: "alerting" or "recording".
    kind: str
    name: str
    expr: str
    #: "ok", "err" or "unknown".
    health: str = "ok"
    last_error: str = ""
    #: Seconds.
    holds_for: float = 0.0
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    #: "inactive", "pending", "firing"; "" of a recording rule.
    state: str = ""
    #: Seconds.
    evaluation: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleGroup:
    """A group of rules."""

    name: str
    file: str
    #: Seconds.
    interval: float
    rules: tuple[Rule, ...]
    #: Seconds.
    evaluation: float = 0.0
