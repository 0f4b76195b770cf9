"""monops as a process: signals, pipes, and what it imports when nothing heavy is needed."""

from __future__ import annotations

import os
import random
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import monops
from monops.cli import commands

_HEAVY = ("docker", "boto3", "botocore", "requests", "rich", "pyrage", "msgspec", "backports.zstd", "sqlite3")
MONOPS = [sys.executable, "-m", "monops"]


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MONOPS_", "DOCKER_", "XDG_"))}
    return kept | {
        "HOME": str(home),
        "MONOPS_STATE_DIR": str(home / "state"),
        "DOCKER_HOST": f"unix://{home}/none",
        "PYTHONPATH": str(Path(monops.__file__).parents[1]),
    }


def imported(home: Path, *words: str) -> tuple[str, set[str]]:
    """What was printed, and every module that was imported."""
    command = [sys.executable, "-X", "importtime", "-m", "monops", *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=home, env=environment(home))
    return ran.stdout, {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines() if "|" in line}


def test_help_lists_every_command_and_imports_nothing_heavy(tmp_path: Path) -> None:
    text, modules = imported(tmp_path, "--help")
    for path in Path(commands.__file__).parent.glob("[a-z]*.py"):
        name = path.stem.replace("_", "-")
        short = path.read_text().split("\n", 1)[0].strip('"')
        assert re.search(rf"^  {name} +{re.escape(short.split()[0])}", text, re.MULTILINE), name
    assert modules.isdisjoint(_HEAVY)
    assert not any(module.startswith(("monops.edges", "monops.ops")) for module in modules)


def test_the_version_is_told_without_importing_even_the_command_line(tmp_path: Path) -> None:
    text, modules = imported(tmp_path, "--version")
    assert text == f"monops {monops.__version__}\n"
    assert modules.isdisjoint({*_HEAVY, "click", "monops.cli"})


def test_the_version_takes_less_than_a_tenth_of_a_second(tmp_path: Path) -> None:
    """Of the processor's time, so that a busy machine does not matter."""
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*MONOPS, "--version"], check=True, stdout=subprocess.DEVNULL, env=environment(tmp_path))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    assert min(taken) < 0.1


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (signal.SIGTERM, 143, "stopped by SIGTERM"),
        (signal.SIGHUP, 143, "stopped by SIGHUP"),
        (signal.SIGINT, 130, "interrupted"),
    ],
)
def test_a_signal_ends_a_backup_with_its_exit_code(
    tmp_path: Path, number: signal.Signals, code: int, message: str
) -> None:
    (tmp_path / "data/wal").mkdir(parents=True)
    (tmp_path / "data/wal/00000001").write_bytes(random.Random(1).randbytes(4_000_000))
    (tmp_path / "monops.toml").write_text('[sources.prometheus]\npath = "data"\n')
    command = [*MONOPS, "backup", "prometheus", "--to", "-"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=environment(tmp_path)
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)  # it is in the middle of it now, and waits for us to read on
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert message in err.decode()
    assert "Traceback" not in err.decode()


def test_a_hangup_that_nohup_ignores_stays_ignored(tmp_path: Path) -> None:
    asked = (
        "import signal\n"
        "from monops.cli import main\n"
        "main._done = lambda: print(signal.getsignal(signal.SIGHUP).name)\n"
        "main.run(['config', 'schema'])"
    )
    command = ["nohup", sys.executable, "-c", asked]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=environment(tmp_path))
    assert ran.stdout.splitlines()[-1] == "SIG_IGN"


def test_a_reader_that_goes_away_is_no_bug(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [*MONOPS, "config", "schema"]
    with os.fdopen(writing, "wb") as closed:
        ran = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, cwd=tmp_path, env=environment(tmp_path))
    assert ran.returncode == 1
    assert b"bug" not in ran.stderr
    assert b"Exception ignored" not in ran.stderr


def test_a_folder_that_was_removed_is_one_sentence(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    words = f"cd {gone}; rmdir {gone}; exec {sys.executable} -m monops snapshots --from {tmp_path}"
    done = subprocess.run(["sh", "-c", words], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "error: the current folder is not there any more"
