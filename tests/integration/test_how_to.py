"""The commands in README.md and docs/how-to are run, page by page, on a running stack."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.integration.support import MONOPS, Stack, s3_environment

ROOT = Path(__file__).resolve().parents[2]
#: These need the stack that ships, and are run in test_how_to_live.py.
ON_THE_SHIPPED_STACK = (
    "bring-up-the-stack", "diagnose", "lint", "queries", "see-alerts", "change-retention", "change-limits",
    "set-receivers", "remote-write", "scale",
)  # fmt: skip
_HOW_TO = [page for page in sorted((ROOT / "docs" / "how-to").glob("*.md")) if page.stem not in ON_THE_SHIPPED_STACK]
PAGES = [ROOT / "README.md", *_HOW_TO]
_FENCE = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)

pytestmark = [pytest.mark.engine, pytest.mark.s3]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_the_page_works_in_the_order_of_the_page(
    page: Path, small_stack: Stack, tmp_path: Path
) -> None:
    commands = "\n".join(_FENCE.findall(page.read_text(encoding="utf-8")))
    assert commands, f"{page.name} shows no command"
    environment = {
        **os.environ,
        **s3_environment(f"how-to-{tmp_path.name}"),
        "PATH": f"{MONOPS.parent}:{os.environ['PATH']}",
        "MONOPS_PROJECT": small_stack.project,
        "MONOPS_STATE_DIR": str(tmp_path / "state"),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-xc", commands],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{page.name}\n{done.stdout}\n{done.stderr}"
