"""What a check finds: the object, the evidence, the cause, and the one thing to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How bad."""

    INFO = "info"
    #: Works now, and will not for long, or is not as it should be.
    WARNING = "warning"
    #: Does not work.
    ERROR = "error"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class Risk(Enum):
    """What applying a fix can do."""

    #: Changes nothing: it shows or explains.
    READS = "reads"
    #: Undone by the same command; no service stops.
    SAFE = "safe"
    #: A service stops for moments.
    INTERRUPTS = "interrupts"
    #: Data or configuration can be lost.
    DESTROYS = "destroys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """The one thing to do."""

    #: One imperative sentence.
    say: str
    #: To paste; "" where only a person can do it.
    command: str = ""
    risk: Risk = Risk.READS


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that needs a person."""

    severity: Severity
    #: The object: `target browser-workers/browser-worker-1:9090`.
    subject: str
    #: The root cause in one sentence.
    cause: str
    #: What was read, and from where.
    evidence: tuple[str, ...] = ()
    fix: Fix | None = None
