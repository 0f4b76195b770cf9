"""The remedy where only a person can put a file right."""

from __future__ import annotations

import shlex


def opened(file: str, line: int = 0) -> str:
    """The command that opens a file at a line."""
    return f"${{EDITOR:-vi}} {f'+{line} ' if line else ''}{shlex.quote(file)}"
