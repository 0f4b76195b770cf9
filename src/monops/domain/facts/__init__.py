"""What monops read of a stack: gathered once, frozen, handed to every check.

A fact is a value or `Unknown(reason)`. A check takes a fact out with `known`: where it is unknown, the check's result
is unknown too, never healthy.
"""

from __future__ import annotations

from monops.domain.facts.alerting import AlertmanagerStatus, Silence
from monops.domain.facts.docker import Disk, EngineInfo, ListeningSocket, OpenChange, SeenContainer
from monops.domain.facts.grafana import Dashboard, DataSource, GrafanaHealth
from monops.domain.facts.prometheus import Build, Part, Rule, RuleGroup, Runtime, Target, TargetFile
from monops.domain.facts.snapshot import Facts
from monops.domain.facts.unknown import IsUnknown, Unknown, known

__all__ = [
    "AlertmanagerStatus",
    "Build",
    "Dashboard",
    "DataSource",
    "Disk",
    "EngineInfo",
    "Facts",
    "GrafanaHealth",
    "IsUnknown",
    "ListeningSocket",
    "OpenChange",
    "Part",
    "Rule",
    "RuleGroup",
    "Runtime",
    "SeenContainer",
    "Silence",
    "Target",
    "TargetFile",
    "Unknown",
    "known",
]
