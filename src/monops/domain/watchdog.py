"""Alerts that fire always, so that their absence is noticed."""

from __future__ import annotations

import re

_NAMES = re.compile(r"watch_?dog|dead_?man|heart_?beat|always_?firing", re.IGNORECASE)


def names_a_watchdog(alert: str) -> bool:
    """Whether an alert of this name is meant to fire always."""
    return _NAMES.search(alert) is not None
