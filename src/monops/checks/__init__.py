"""Health checks: one question per file, `<group>_<name>.py`, found by folder. Pure: facts in, findings out."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from monops.domain.check import GROUPS, Check


@cache
def all_checks() -> tuple[Check, ...]:
    """Every check, by group and id. Raises ValueError where two have one id, or a file's name is not its check's."""
    found: dict[str, Check] = {}
    for module in iter_modules(__path__):
        if module.name.startswith("_"):
            continue
        check = import_module(f"{__name__}.{module.name}").CHECK
        if check.id in found:
            raise ValueError(f"two checks are called {check.id!r}")
        if module.name != check.id.replace(".", "_", 1) or check.group not in GROUPS:
            raise ValueError(f"checks/{module.name}.py holds the check {check.id!r}")
        found[check.id] = check
    return tuple(sorted(found.values(), key=lambda check: (GROUPS.index(check.group), check.id)))
