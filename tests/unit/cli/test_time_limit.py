"""`doctor` ends in the time that it is given, whatever hangs."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from monops.cli.main import run
from monops.domain.exits import Exit

pytestmark = pytest.mark.usefixtures("alone")


def test_an_engine_that_takes_connections_and_says_nothing_is_left_behind_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        deaf.listen(64)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/deaf")
        before = time.monotonic()
        code = run(["doctor", "--only", "stack.healthy", "--timeout", "600ms"])
        took = time.monotonic() - before
    assert code == Exit.FAILED
    assert "not read in time" in capsys.readouterr().out
    assert took < 4
