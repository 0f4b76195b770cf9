"""One page an alert: what it means at three in the morning, and what to do. `docs/runbooks` is this folder."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources


def pages() -> Mapping[str, str]:
    """Alert -> its page in Markdown, sorted by name."""
    found = [entry for entry in resources.files(__name__).iterdir() if entry.name.endswith(".md")]
    return {
        entry.name.removesuffix(".md"): entry.read_text(encoding="utf-8")
        for entry in sorted(found, key=lambda entry: entry.name)
    }
