"""The command line by itself, and on stand-ins of Prometheus and Alertmanager."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.command_line import CommandLine
from tests.fakes.web_services import WebServices, web_services


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No engine, no configuration of this machine, and the signals' handlers as they were."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    for name in ("MONOPS_CONFIG", "MONOPS_S3_URL", "MONOPS_PROJECT", "MONOPS_REACH", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")
    monkeypatch.setenv("MONOPS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def web() -> Iterator[WebServices]:
    with web_services() as found:
        yield found


@pytest.fixture
def monops(alone: None, web: WebServices, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """With the stand-ins' address in its configuration."""
    found = CommandLine(tmp_path, capsys)
    found.configure(f'[prometheus]\nurl = "{web.url}"\n[alertmanager]\nurl = "{web.url}"\n')
    return found
