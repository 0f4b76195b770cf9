"""Words out: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from monops.cli.settings import Settings
from monops.domain.errors import MonopsError
from monops.domain.exits import Exit

SCHEMA = 1


def show_json(command: str, *, ok: bool, result: Any) -> None:
    """The one document of `--output json`."""
    json.dump({"schema": SCHEMA, "command": command, "ok": ok, "result": result}, sys.stdout, indent=2)
    sys.stdout.write("\n")


def show_lines(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(line + "\n" for line in lines))


def show_error(settings: Settings, message: str, remedy: str, code: Exit) -> None:
    """The sentence and the remedy; in JSON mode a document on stdout as well, so that a program sees it."""
    colour = wants_colour(settings)
    head = "\x1b[1;31merror:\x1b[0m" if colour else "error:"
    hint = "\x1b[1mtry:\x1b[0m" if colour else "try:"
    sys.stderr.write(f"{head} {message}\n")
    if remedy:
        sys.stderr.write(f"  {hint} {remedy}\n")
    if settings.as_json:
        show_json("error", ok=False, result=error_result(message, remedy, code))


def error_result(message: str, remedy: str, code: Exit) -> dict[str, Any]:
    return {"error": message, "remedy": remedy, "exit": int(code)}


def error_text(error: MonopsError | None) -> str | None:
    return None if error is None else error.message


def wants_colour(settings: Settings) -> bool:
    """Source: no-color.org."""
    return not settings.no_color and not os.environ.get("NO_COLOR") and sys.stderr.isatty()


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Aligned columns, two spaces between; columns in `right` are flushed right. Pastes into a message as it is."""
    everything = [list(header), *[list(row) for row in rows]]
    widths = [max(len(row[column]) for row in everything) for column in range(len(header))]
    lines = []
    for row in everything:
        cells = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines


def counted(count: int, noun: str) -> str:
    """`1 snapshot`, `3 snapshots`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def ago(then: datetime, now: datetime) -> str:
    """`3h ago`: the largest unit."""
    seconds = max(0, int((now - then.astimezone(UTC)).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit} ago"
    return f"{seconds}s ago"
