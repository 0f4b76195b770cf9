"""The page that maps the setup document names only tests and pages that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "setup-map.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| section", "| ---"))
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_section_has_its_counterpart_and_a_test_that_is_there(row: list[str]) -> None:
    _, what, tests = row
    assert what
    named = re.findall(r"`(tests/[^`]+)`", tests)
    assert named or "not shipped" in what
    for path in named:
        assert (ROOT / path).is_file(), path
    for link in re.findall(r"\]\(([^)]+)\)", what):
        assert (PAGE.parent / link).resolve().is_file(), link
