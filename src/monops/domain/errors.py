"""Every error that monops expects.

    MonopsError                  message, remedy, exit code
    ├── UsageFault               2   the command line asks for something impossible
    ├── ConfigurationError      12   monops.toml or an environment variable is wrong
    ├── NotFound                10   a snapshot, a destination, an object
    ├── Locked                  11   another monops writes there
    ├── Damaged                  1   stored bytes are not what was stored
    ├── StoreError               1   a destination refuses or fails
    │   ├── StoreUnreachable         safe to try again
    │   ├── StoreDenied              wrong key, no permission
    │   └── StoreFull                no space left
    ├── EngineError              1   Docker refuses or fails
    │   ├── EngineUnreachable
    │   └── VolumeMissing
    ├── ServiceError             1   Prometheus or Grafana refuses or fails
    │   └── ServiceUnreachable
    ├── CaptureError             1   a source cannot be read consistently
    │   └── SourceChanged            safe to try again
    ├── RestoreFailed            1   restored data cannot be written, or the service does not run on them
    └── Refused                  1   monops declines: it would lose something
    Terminated                 143   SIGTERM or SIGHUP: like KeyboardInterrupt, nobody catches it by catching errors

Every one says what happened with the value, and the remedy as a command to paste.
"""

from __future__ import annotations

from monops.domain.exits import Exit


class MonopsError(Exception):
    """An expected failure: one sentence for a person, a remedy, an exit code."""

    exit: Exit = Exit.FAILED

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class UsageFault(MonopsError):
    """The command line asks for something that cannot be."""

    exit = Exit.USAGE


class ConfigurationError(MonopsError):
    """The configuration is wrong; the message holds every fault with its line."""

    exit = Exit.CONFIGURATION


class NotFound(MonopsError):
    """A snapshot, a destination or an object is not there."""

    exit = Exit.MISSING


class Locked(MonopsError):
    """Another monops is writing to the same destination or volume."""

    exit = Exit.LOCKED


class Damaged(MonopsError):
    """Stored bytes are not the bytes that were stored."""


class StoreError(MonopsError):
    """A destination refused or failed."""


class StoreUnreachable(StoreError):
    """A destination does not answer. Safe to try again."""


class StoreDenied(StoreError):
    """A destination answers and refuses: wrong key, no permission, no such bucket."""


class StoreFull(StoreError):
    """A destination has no space left."""


class EngineError(MonopsError):
    """Docker refused or failed."""


class EngineUnreachable(EngineError):
    """No Docker engine answers."""


class VolumeMissing(EngineError):
    """A volume, container or path that should hold data is not there."""


class ServiceError(MonopsError):
    """Prometheus, Grafana or Alertmanager refused or failed."""


class ServiceUnreachable(ServiceError):
    """A service does not answer over HTTP."""


class CaptureError(MonopsError):
    """A source cannot be read in a way that would restore."""


class SourceChanged(CaptureError):
    """What was being read went away meanwhile, as on a compaction. Reading again helps."""


class RestoreFailed(MonopsError):
    """Restored data cannot be written, or the service does not run on them."""


class Refused(MonopsError):
    """monops declines, because something would be lost."""


class EditedMeanwhile(Refused):
    """A file is neither what monops read nor what it wrote: somebody else's edit, which is not to be lost."""


class Terminated(BaseException):
    """SIGTERM or SIGHUP arrived, which its text names; what was stopped is started again while this travels up.

    No MonopsError: whoever notes one destination's failure and goes on with the next must not do so now.
    """
