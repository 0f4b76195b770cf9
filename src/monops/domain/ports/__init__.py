"""What the operations need from the outside, as protocols.

`edges` implement them, `cli/wiring.py` joins them, `tests/contract` proves them.
"""

from __future__ import annotations

from monops.domain.ports.alert_path import AlertPath, Heard, Listener
from monops.domain.ports.compose import Compose
from monops.domain.ports.engine import (
    Capacity,
    Container,
    Engine,
    Helper,
    Listed,
    Memory,
    Mount,
    Network,
    Probe,
    Volume,
)
from monops.domain.ports.inspection import Asker, Inspector, Inspectors
from monops.domain.ports.machine import Clock, Journal, LocalFiles, Machine, Progress
from monops.domain.ports.packing import Codec, Packing, Sqlite
from monops.domain.ports.services import (
    Alertmanager,
    Answer,
    Discovered,
    Grafana,
    LiveServices,
    Origin,
    Prometheus,
    PrometheusQueries,
    PrometheusStatus,
    RoutedAlert,
    RuleAlert,
    ScrapeTarget,
    Series,
    Services,
)
from monops.domain.ports.stack_files import StackFolder
from monops.domain.ports.stores import Store, Stored
from monops.domain.ports.streams import Reader, Writer
from monops.domain.ports.volumes import Folders, Tree, Volumes, VolumeWriter

__all__ = [
    "AlertPath",
    "Alertmanager",
    "Answer",
    "Asker",
    "Capacity",
    "Clock",
    "Codec",
    "Compose",
    "Container",
    "Discovered",
    "Engine",
    "Folders",
    "Grafana",
    "Heard",
    "Helper",
    "Inspector",
    "Inspectors",
    "Journal",
    "Listed",
    "Listener",
    "LiveServices",
    "LocalFiles",
    "Machine",
    "Memory",
    "Mount",
    "Network",
    "Origin",
    "Packing",
    "Probe",
    "Progress",
    "Prometheus",
    "PrometheusQueries",
    "PrometheusStatus",
    "Reader",
    "RoutedAlert",
    "RuleAlert",
    "ScrapeTarget",
    "Series",
    "Services",
    "Sqlite",
    "StackFolder",
    "Store",
    "Stored",
    "Tree",
    "Volume",
    "VolumeWriter",
    "Volumes",
    "Writer",
]
