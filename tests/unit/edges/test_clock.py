"""Whether a process still lives, told apart from another that got its number."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from monops.edges.clock import LocalMachine, SystemClock

MACHINE = LocalMachine(environment={})


def test_this_process_lives() -> None:
    assert MACHINE.is_alive(MACHINE.identity()) is True


def test_another_process_lives_until_it_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19])
        identity = {**MACHINE.identity(), "pid": process.pid, "started": started}
        assert MACHINE.is_alive(identity) is True
        process.kill()
        # Dead and not yet waited for: a zombie.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert MACHINE.is_alive(identity) is False
    assert MACHINE.is_alive(identity) is False


def test_a_reused_number_is_another_process() -> None:
    identity = {**MACHINE.identity(), "started": 1}
    assert MACHINE.is_alive(identity) is False


def test_a_process_from_before_a_restart_is_gone() -> None:
    assert MACHINE.is_alive({**MACHINE.identity(), "boot": "another"}) is False


def test_of_another_machine_nothing_is_known() -> None:
    assert MACHINE.is_alive({**MACHINE.identity(), "host": "another"}) is None
    assert MACHINE.is_alive({}) is None


def test_of_another_container_with_the_same_name_nothing_is_known() -> None:
    assert MACHINE.is_alive({**MACHINE.identity(), "pids": "pid:[1]"}) is None


def test_an_identity_without_a_number_is_nobody() -> None:
    identity = dict(MACHINE.identity())
    assert MACHINE.is_alive({**identity, "pid": None, "started": None}) is False
    assert MACHINE.is_alive({**identity, "pid": "1"}) is False
    assert MACHINE.is_alive({**identity, "pid": 1 << 30, "started": None}) is False


def test_a_scratch_folder_is_private_and_goes_away() -> None:
    with MACHINE.scratch() as folder:
        assert Path(folder).stat().st_mode & 0o777 == 0o700
        (Path(folder) / "x").write_text("x")
    assert not Path(folder).exists()


def test_tokens_have_the_length_that_was_asked_for() -> None:
    for length in (1, 4, 7, 32):
        token = MACHINE.token(length)
        assert len(token) == length
        assert set(token) <= set("0123456789abcdef")
    assert MACHINE.token(32) != MACHINE.token(32)


def test_the_host_may_be_named() -> None:
    assert LocalMachine(environment={"MONOPS_HOST": "box"}).host == "box"
    assert LocalMachine(environment={}).host
    assert MACHINE.cpus >= 1


def test_the_time_is_utc() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    before = clock.monotonic()
    clock.sleep(timedelta(0))
    assert clock.monotonic() >= before


def test_scratch_of_a_killed_process_is_taken_away_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    program = (
        "import os, tempfile\n"
        "from monops.edges.clock import LocalMachine\n"
        f"tempfile.tempdir = {str(tmp_path)!r}\n"
        "with LocalMachine(environment={}).scratch() as folder:\n"
        "    os.mkdir(folder + '/grafana.db')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=False)
    assert len(list(tmp_path.glob("*/grafana.db"))) == 1
    with MACHINE.scratch() as folder:
        assert [str(path) for path in tmp_path.iterdir()] == [folder]


def test_scratch_of_the_living_and_of_others_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "monops-without-an-owner").mkdir()
    (tmp_path / "monops-elsewhere").mkdir()
    (tmp_path / "monops-elsewhere" / ".owner.json").write_text(json.dumps({**MACHINE.identity(), "host": "another"}))
    with MACHINE.scratch(), MACHINE.scratch():
        assert len(list(tmp_path.iterdir())) == 4
    assert len(list(tmp_path.iterdir())) == 2
