"""kill -9 of a change between any two of its steps: the next run finishes it or takes it back, and Prometheus runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.shipped import free_ports
from tests.integration.stack_bed import Bed, bed
from tests.integration.support import ROOT, docker, wait_until
from tests.integration.web import answers, fetch

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(1200)]

COMPOSE = "docker-compose.monitoring.yml"
#: Moment -> how the change ends: the saves are prepared, written, applied, done.
MOMENTS = {
    "save:1:before": "never begun",
    "save:1:after": "rolled back",
    "replace:1:after": "rolled back",
    "save:2:before": "rolled back",
    "save:2:after": "done",
    "make:1:before": "done",
    "compose:1:after": "done",
    "make:1:after": "done",
    "save:3:before": "done",
    "save:3:after": "done",
    "save:4:before": "done",
    "save:4:after": "done",
}
NEXT = (("history",), ("stack", "up"), ("retention", "set", "--time", "30d", "--yes"))
#: A value that the server refuses: the saves are prepared, written, applied, reverting, rolled back.
TAKEN_BACK = (
    "save:3:after",
    "save:4:before",
    "save:4:after",
    "replace:2:after",
    "make:2:before",
    "compose:2:after",
    "make:2:after",
    "save:5:before",
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    if problem := engine_problem():
        pytest.skip(problem)
    with bed(tmp_path_factory.mktemp("killed")) as made:
        made.init(only=("prometheus",))
        made.up()
        yield made


def killed(stack: Bed, moment: str, *words: str) -> None:
    """A monops that was killed at that moment."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.killed_at", moment, *words],
        cwd=stack.root,
        env={**stack.monops.whole_environment({}), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done


def effective(stack: Bed) -> str:
    return str(fetch(f"{stack.url('prometheus')}/api/v1/status/runtimeinfo")["data"]["storageRetention"])


def entries(stack: Bed) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((stack.folder / ".monops/changes").glob("*.json"))]


def is_whole(stack: Bed, time: str) -> None:
    """One Prometheus, which runs as its file says; no change is open, nothing is left over."""
    text = (stack.folder / COMPOSE).read_text()
    assert f"--storage.tsdb.retention.time={time}\n" in text
    wait_until(lambda: answers(f"{stack.url('prometheus')}/-/ready"), "a Prometheus that is ready")
    assert effective(stack).startswith(f"{time} or")
    assert all(entry["state"] in ("done", "rolled back") for entry in entries(stack))
    names = docker("ps", "-a", "--format", "{{.Names}}", "--filter", f"label=com.docker.compose.project={stack.name}")
    assert names.split() == [stack.container("prometheus")]
    assert [path.name for path in stack.folder.iterdir() if path.name.endswith(".partial")] == []


@pytest.mark.parametrize("number", range(len(MOMENTS)), ids=list(MOMENTS))
def test_the_next_run_finishes_or_takes_back(stack: Bed, number: int) -> None:
    moment, ends = list(MOMENTS.items())[number]
    assert stack.monops.run("retention", "set", "--time", "30d", "--yes").code == 0
    before = len(entries(stack))
    killed(stack, moment, "retention", "set", "--time", "41d", "--yes")

    words = NEXT[number % len(NEXT)]
    ran = stack.monops.run(*words, as_json=False)

    assert ran.code == 0, ran
    found = entries(stack)[before:]
    was_open = ends != "never begun" and moment != "save:4:after"
    assert ("was interrupted" in ran.stderr) == was_open, ran
    if ends == "never begun":
        assert found == []
    else:
        assert found[0]["state"] == ends
    is_whole(stack, "41d" if ends == "done" and "set" not in words else "30d")


def test_doctor_names_an_interrupted_change_until_it_has_ended(stack: Bed) -> None:
    assert stack.monops.run("retention", "set", "--time", "30d", "--yes").code == 0
    killed(stack, "save:2:after", "retention", "set", "--time", "45d", "--yes")

    ran = stack.monops.run("doctor", "--only", "stack.unfinished_change")

    assert ran.code == 4, ran
    (finding,) = ran.result["findings"]
    assert "30d" in finding["cause"]
    assert "45d" in finding["cause"]
    assert finding["fix"]["command"] == "monops history"
    assert stack.monops.run(*finding["fix"]["command"].split()[1:]).code == 0
    assert stack.monops.run("doctor", "--only", "stack.unfinished_change").result["findings"] == []
    is_whole(stack, "45d")


@pytest.mark.parametrize("moment", TAKEN_BACK)
def test_a_kill_while_it_is_taken_back(stack: Bed, moment: str) -> None:
    """Prometheus refuses a retention of 13 days here."""
    assert stack.monops.run("retention", "set", "--time", "30d", "--yes").code == 0
    before = (stack.folder / COMPOSE).read_text()
    picky = (
        '    entrypoint: [/bin/sh, -c, \'case "$$*" in *time=13d*) echo "level=error err=unlucky"; exit 1;; esac; '
        'exec /bin/prometheus "$$@"\', --]\n    command:\n'
    )
    try:
        (stack.folder / COMPOSE).write_text(before.replace("    command:\n", picky, 1))
        stack.up()
        killed(stack, moment, "retention", "set", "--time", "13d", "--yes")
        ran = stack.monops.run("history", as_json=False)
        assert ran.code == 0, ran
        assert "was interrupted" in ran.stderr
        assert "was taken back" in ran.stderr
        assert entries(stack)[-1]["state"] == "rolled back"
        is_whole(stack, "30d")
    finally:
        (stack.folder / COMPOSE).write_text(before)
        stack.up()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_takes_the_change_back_at_once(stack: Bed, number: signal.Signals, code: int) -> None:
    assert stack.monops.run("retention", "set", "--time", "30d", "--yes").code == 0
    count = len(entries(stack))
    # A shell's background job ignores ^C, and so would everything that it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = stack.monops.start("retention", "set", "--time", "42d", "--yes", as_json=False)
    signal.signal(signal.SIGINT, before)
    wait_until(
        lambda: len(entries(stack)) > count and entries(stack)[-1]["state"] == "written", "the change is written"
    )
    process.send_signal(number)

    ran = stack.monops.ended(process)

    assert ran.code == code, ran
    assert entries(stack)[-1]["state"] == "rolled back"
    is_whole(stack, "30d")


def test_what_a_killed_monops_began_is_waited_for(stack: Bed) -> None:
    """Compose, which goes on, keeps the lock."""
    assert stack.monops.run("retention", "set", "--time", "30d", "--yes").code == 0
    killed(stack, "compose:1:after", "retention", "set", "--time", "43d", "--yes")
    lock = stack.folder / ".monops/changes/lock"
    holders = [pid for pid in os.listdir("/proc") if pid.isdigit() and _holds(pid, str(lock))]
    ran = stack.monops.run("history")
    assert (ran.code, ran.result["changes"][-1]["state"]) == (0, "done")
    assert all(not os.path.exists(f"/proc/{pid}") or not _holds(pid, str(lock)) for pid in holders)
    is_whole(stack, "43d")


def _holds(pid: str, path: str) -> bool:
    try:
        return any(os.readlink(f"/proc/{pid}/fd/{number}") == path for number in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return False


# --- several Prometheus ----------------------------------------------------------------------------

#: Of `scale set`: the files are the copies, `.env` and the Compose file; the services come one by one.
SCALED = {
    "replace:2:after": "rolled back",
    "save:2:after": "done",
    "make:1:after": "done",
    "make:2:after": "done",
    "make:3:before": "done",
    "save:4:before": "done",
}


@pytest.mark.parametrize("moment", SCALED)
def test_a_second_prometheus_is_there_as_a_whole_or_not_at_all(stack: Bed, moment: str) -> None:
    words = ("--first-port", str(free_ports(6)[0]), "--yes")
    before = _texts(stack)
    killed(stack, moment, "scale", "set", "--shards", "1", "--replicas", "2", *words)

    ran = stack.monops.run("history", as_json=False)

    assert ran.code == 0, ran
    assert "was interrupted" in ran.stderr
    assert entries(stack)[-1]["state"] == SCALED[moment]
    if SCALED[moment] == "rolled back":
        assert _texts(stack) == before
    else:
        shown = stack.monops.run("scale", "show").result
        assert [one["service"] for one in shown["instances"]] == ["prometheus", "prometheus-1-b"]
        wait_until(lambda: stack.monops.run("scale", "show").code == 0, "every target scraped twice")
        assert stack.monops.run("scale", "set", "--shards", "1", "--replicas", "1", "--yes").code == 0
    assert _only_prometheus(stack)


@pytest.mark.parametrize("moment", ["save:2:after", "make:1:after", "save:3:after"])
def test_back_to_one_goes_on_where_it_was_killed(stack: Bed, moment: str) -> None:
    before = _texts(stack)
    port = str(free_ports(6)[0])
    scaled = stack.monops.run("scale", "set", "--shards", "1", "--replicas", "2", "--first-port", port, "--yes")
    assert scaled.code == 0, scaled
    killed(stack, moment, "scale", "set", "--shards", "1", "--replicas", "1", "--yes")

    ran = stack.monops.run("history", as_json=False)

    assert ran.code == 0, ran
    assert entries(stack)[-1]["state"] == "done"
    assert _texts(stack) == before
    assert _only_prometheus(stack)


def _texts(stack: Bed) -> dict[str, str]:
    """What monops writes, but for the names of images, which stay."""
    return {path.name: path.read_text() for path in stack.folder.glob("*.yml")}


def _only_prometheus(stack: Bed) -> bool:
    wait_until(lambda: answers(f"{stack.url('prometheus')}/-/ready"), "a Prometheus that is ready")
    names = docker("ps", "-a", "--format", "{{.Names}}", "--filter", f"label=com.docker.compose.project={stack.name}")
    return names.split() == [stack.container("prometheus")]
