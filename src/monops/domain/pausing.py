"""When a container may be paused.

A health check that begins in the very moment of a pause is frozen while Docker waits for it, with the container locked:
`docker inspect` and `docker unpause` then hang, and only a thaw by root or a restart of the engine helps (seen with
Docker 28.5 and containerd 1.6). So a pause begins between two probes, away from both.
"""

from __future__ import annotations

from datetime import timedelta

from monops.domain.errors import CaptureError
from monops.domain.ports import Probe

#: What a probe may need to be gone after its end was noted.
_AFTER = timedelta(seconds=0.2)
#: How long before the next probe a pause may still begin: its own length and the engine's answer times.
_BEFORE = timedelta(seconds=1.5)
#: How often to ask again.
_AGAIN = timedelta(seconds=0.2)


def wait_before_pausing(probe: Probe) -> timedelta:
    """How long to wait before asking again; zero: now. Raises CaptureError where there is never a safe moment."""
    if probe.interval is None:
        return timedelta(0)
    if probe.interval <= _AFTER + _BEFORE:
        raise CaptureError(
            f"its health check runs every {probe.interval.total_seconds():g} s: there is no safe moment for a pause",
            remedy="use --capture stop, or a longer interval for the health check",
        )
    if probe.since is None:
        return _AGAIN
    if probe.since < _AFTER:
        return _AFTER - probe.since
    return timedelta(0) if probe.since <= probe.interval - _BEFORE else _AGAIN


def patience(probe: Probe) -> timedelta:
    """How long a safe moment may be waited for: the next probe, which may take its time."""
    return (probe.interval or timedelta(0)) + timedelta(seconds=45)
