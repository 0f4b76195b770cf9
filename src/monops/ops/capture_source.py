"""Chooses the capture for a source."""

from __future__ import annotations

from contextlib import AbstractContextManager

from monops.ops.capture import Capture, Naming, Target
from monops.ops.capture_alertmanager import capture_alertmanager
from monops.ops.capture_config import capture_config
from monops.ops.capture_grafana import capture_grafana
from monops.ops.capture_prometheus import capture_prometheus
from monops.ops.outside import Outside
from monops.ops.sources import Found


def open_capture(outside: Outside, found: Found, target: Target, naming: Naming) -> AbstractContextManager[Capture]:
    """Hold `target` still until the context is left."""
    match target.name:
        case "prometheus":
            return capture_prometheus(outside, target, naming)
        case "grafana":
            return capture_grafana(outside, target, naming)
        case "alertmanager":
            return capture_alertmanager(outside, target, naming)
        case _:
            return capture_config(outside, found.stack, target, naming)
