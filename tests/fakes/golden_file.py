"""Compares with a file in `tests/golden`; MONOPS_UPDATE_GOLDEN=1 writes it instead."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "golden"


def same_as_golden(name: str, found: str) -> None:
    """Fails with the difference unless `found` is what `tests/golden/<name>` holds."""
    path = FOLDER / name
    if os.environ.get("MONOPS_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert path.exists(), f"{path} is not there: MONOPS_UPDATE_GOLDEN=1 writes it"
    assert found == path.read_text(encoding="utf-8")
