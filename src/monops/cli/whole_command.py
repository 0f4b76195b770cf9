"""Remedies as whole commands: what checks an option says how it would be right, and only here the command is known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from monops.domain.errors import UsageFault


@contextmanager
def whole(command: str) -> Iterator[None]:
    """The remedy of a fault within, where it is but an option, becomes a command to paste."""
    try:
        yield
    except UsageFault as fault:
        if not fault.remedy.startswith("--"):
            raise
        raise UsageFault(fault.message, remedy=f"{command} {fault.remedy}") from fault
