"""The nearest right name for a wrong one, for messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(wrong: str, right: Iterable[str]) -> str | None:
    """The name in `right` that is most like `wrong`, or None if nothing is close."""
    found = difflib.get_close_matches(wrong, list(right), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(wrong: str, right: Iterable[str]) -> str:
    """` Did you mean 'x'?`, or nothing."""
    name = nearest(wrong, right)
    return f" Did you mean {name!r}?" if name else ""


def listed(names: Iterable[str], *, none: str = "none") -> str:
    """`a, b and c`; `none` for nothing."""
    items = list(names)
    if not items:
        return none
    if len(items) == 1:
        return items[0]
    return ", ".join(items[:-1]) + " and " + items[-1]
