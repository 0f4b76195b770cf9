"""A fact that could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why a fact could not be read, and what to do about that."""

    reason: str
    remedy: str = ""


class IsUnknown(Exception):
    """A check asked for a fact that is unknown. Caught where checks are run, and nowhere else."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(unknown.reason)
        self.unknown = unknown


def known(fact: _T | Unknown) -> _T:
    """The value. Raises IsUnknown where there is none: a check cannot take it for healthy by mistake."""
    if isinstance(fact, Unknown):
        raise IsUnknown(fact)
    return fact
