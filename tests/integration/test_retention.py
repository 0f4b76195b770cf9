"""`monops retention` on a real Prometheus: what it reports itself, what is written, and the way back."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.stack_bed import Bed, bed, changed_lines, typing
from tests.integration.support import TESTBED, Monops, Ran, command, docker, eventually, tsdb_data, wait_until
from tests.integration.web import answers, fetch

from monops.domain.yaml_edit import set_value

pytestmark = [pytest.mark.engine, pytest.mark.slow]

COMPOSE = "docker-compose.monitoring.yml"
TIME, SIZE = "--storage.tsdb.retention.time", "--storage.tsdb.retention.size"
BLOCKS = 6


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A Prometheus with six blocks of two hours."""
    if problem := engine_problem():
        pytest.skip(problem)
    with bed(tmp_path_factory.mktemp("retention")) as made:
        made.init(only=("prometheus",))
        volume = f"{made.name}_prometheus-data"
        labels = (f"com.docker.compose.project={made.name}", "com.docker.compose.volume=prometheus-data")
        docker("volume", "create", "--label", labels[0], "--label", labels[1], volume)
        command(TESTBED, "load", tsdb_data("--blocks", str(BLOCKS), "--series", "200"), volume)
        made.up()
        yield made


@pytest.fixture(autouse=True)
def as_it_was(stack: Bed) -> Iterator[None]:
    """Each test leaves a stack that is well on the files of before."""
    names = (COMPOSE, ".env")
    before = {name: (stack.folder / name).read_bytes() for name in names}
    yield
    for name, data in before.items():
        (stack.folder / name).write_bytes(data)
    stack.up()


def effective(stack: Bed) -> str:
    return str(fetch(f"{stack.url('prometheus')}/api/v1/status/runtimeinfo")["data"]["storageRetention"])


def run(stack: Bed, *words: str, as_json: bool = True, **environment: str) -> Ran:
    return stack.monops.run(*words, as_json=as_json, environment=environment)


def text(stack: Bed, name: str = COMPOSE) -> str:
    return (stack.folder / name).read_bytes().decode()


@contextmanager
def edited(stack: Bed, change: str, to: str) -> Iterator[None]:
    """A person's edit of the Compose file that the stack runs with."""
    before = text(stack)
    assert change in before
    (stack.folder / COMPOSE).write_text(before.replace(change, to))
    stack.up()
    yield


def blocks_of(stack: Bed) -> list[Path]:
    """The folders of its blocks."""
    folder = Path(docker("volume", "inspect", "--format", "{{.Mountpoint}}", f"{stack.name}_prometheus-data"))
    return [path.parent for path in folder.glob("*/meta.json")]


def test_what_is_in_force_is_shown_from_the_server(stack: Bed) -> None:
    def is_shown() -> None:
        ran = run(stack, "retention", "show")
        assert ran.code == 0, ran
        assert (ran.result["effective"], ran.result["time_seconds"]) == (effective(stack), 30 * 86400)
        assert ran.result["size_bytes"] == 50 * 2**30
        assert ran.result["set_in"] == {"time": f"{TIME} of its command", "size": f"{SIZE} of its command"}
        blocks = blocks_of(stack)
        on_disk = sum(file.stat().st_size for block in blocks for file in block.rglob("*") if file.is_file())
        samples = sum(json.loads((block / "meta.json").read_text())["stats"]["numSamples"] for block in blocks)
        assert ran.result["blocks_bytes"] == on_disk
        assert ran.result["bytes_per_sample"] == pytest.approx(on_disk / samples)
        assert (ran.result["samples_per_second"] or 0) > 0
        assert ran.result["bytes_per_day"] == pytest.approx(
            ran.result["samples_per_second"] * 86400 * ran.result["bytes_per_sample"]
        )
        disk = os.statvfs(blocks[0])
        assert ran.result["volume_bytes"] == disk.f_blocks * disk.f_frsize
        shown = run(stack, "retention", "show", as_json=False).stdout
        assert "time   30d" in shown
        assert "the disk will be full: not, as far as can be told" in shown

    # Prometheus merges blocks a minute after its start, maybe just now.
    eventually(is_shown)


def test_it_is_set_read_back_and_undone_and_the_diff_is_only_that(stack: Bed) -> None:
    before, inode = text(stack), (stack.folder / COMPOSE).stat()
    ran = run(stack, "retention", "set", "--time", "60d", "--size", "10GB", "--yes")
    assert ran.code == 0, ran
    assert effective(stack) == "60d or 10GiB"
    assert changed_lines(before, text(stack)) == [
        f"-       - {TIME}=30d", f"+       - {TIME}=60d", f"-       - {SIZE}=50GB", f"+       - {SIZE}=10GB",
    ]  # fmt: skip
    after = (stack.folder / COMPOSE).stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (inode.st_mode, inode.st_uid, inode.st_gid)
    values = [{"name": "time", "before": "30d", "after": "60d"}, {"name": "size", "before": "50GB", "after": "10GB"}]
    assert ran.result["plan"]["values"] == values
    assert ran.result["plan"]["steps"][0]["means"] == "recreate"
    (entry,) = [one for one in run(stack, "history").result["changes"] if one["id"] == ran.result["id"]]
    assert (entry["state"], entry["who"], entry["values"]) == ("done", "root", values)
    assert entry["command"] == "monops retention set --time 60d --size 10GB"

    undone = run(stack, "undo", "--yes")
    assert undone.code == 0, undone
    assert text(stack) == before
    assert effective(stack) == "30d or 50GiB"
    assert run(stack, "history", str(ran.result["id"])).result["changes"][0]["state"] == "undone"


def test_a_size_that_is_no_whole_unit_is_read_back(stack: Bed) -> None:
    before = text(stack)
    ran = run(stack, "retention", "set", "--size", "1500MB", "--yes")
    assert ran.code == 0, ran
    assert effective(stack) == "30d or 1GiB476MiB"
    assert run(stack, "retention", "show").result["size_bytes"] == 1500 * 2**20
    again = run(stack, "retention", "set", "--size", "1500MB", "--yes")
    assert again.result["changed"] is False
    assert run(stack, "undo", "--yes").code == 0
    assert text(stack) == before


def test_history_is_for_its_owner_alone(stack: Bed) -> None:
    assert run(stack, "retention", "set", "--time", "31d", "--yes").code == 0
    folder = stack.folder / ".monops" / "changes"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_dry_run_and_nobody_at_a_terminal_change_nothing(stack: Bed) -> None:
    before, started = text(stack), stack.started()
    ran = run(stack, "retention", "set", "--time", "7d", "--dry-run")
    assert (ran.code, ran.result["changed"]) == (0, False)
    assert f"-      - {TIME}=30d" in ran.result["plan"]["edits"][0]["diff"]
    ran = run(stack, "retention", "set", "--time", "7d", as_json=False)
    ran.is_one_error(2, "nobody is at a terminal")
    assert ran.remedies == ["monops retention set --time 7d --yes"]
    assert (text(stack), stack.started()) == (before, started)
    assert run(stack, "retention", "set", "--time", "30d", "--yes").result["changed"] is False
    assert stack.started() == started


@pytest.mark.parametrize(("typed", "code", "time"), [("y", 0, "29d"), ("n", 2, "30d"), ("", 2, "30d")])
def test_a_person_is_asked(stack: Bed, typed: str, code: int, time: str) -> None:
    found, shown = typing(stack, f"{typed}\n", "retention", "set", "--time", "29d")
    assert found == code, shown
    assert "Do it? [y/N]" in shown
    assert f"+      - {TIME}=29d" in shown
    assert effective(stack).startswith(time)


def test_blocks_that_would_go_are_named_and_those_that_go_are_among_them(stack: Bed, tmp_path: Path) -> None:
    # It merges blocks a minute after its start, and not before.
    docker("restart", stack.container("prometheus"))
    wait_until(lambda: answers(f"{stack.url('prometheus')}/-/ready"), "Prometheus")
    there = len(blocks_of(stack))
    ran = run(stack, "retention", "set", "--time", "5h", "--dry-run")
    warning = next(one for one in ran.result["plan"]["warnings"] if "for good" in one)
    named = int(warning.partition(" deletes ")[2].split(" ", 1)[0])
    assert 0 < named <= there
    assert any("monops backup prometheus" in one for one in ran.result["plan"]["warnings"])
    # The backup is made first, whole, and before anything is deleted.
    store = tmp_path / "store"
    ran = run(stack, "retention", "set", "--time", "5h", "--yes", "--backup", "--to", str(store))
    assert ran.code == 0, ran
    (manifest,) = (store / "snapshots").glob("*.json")
    kept = next(s for s in json.loads(manifest.read_text())["sources"] if s["name"] == "prometheus")
    assert len(kept["blocks"]) >= there
    assert there - len(blocks_of(stack)) <= named


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--time", "5x"], "'5x' is not a duration"),
        (["--time", "300y"], "292y"),
        (["--time", "1m"], "smallest block"),
        (["--size", "12Q"], "no size that Prometheus knows"),
        (["--size", "50"], "no size that Prometheus knows"),
        (["--size", "50gb"], "knows 50GB"),
        (["--time", "30d30d"], "each unit once"),
        (["--size", "9EB"], "more than the volume has"),
        ([], "say what to keep"),
    ],
)
def test_what_cannot_be_is_refused_before_anything(stack: Bed, words: list[str], says: str) -> None:
    started = stack.started()
    run(stack, "retention", "set", *words, "--yes", as_json=False).is_one_error(2, says)
    assert stack.started() == started


# --- however it is written -------------------------------------------------------------------------

_ITEMS = (f"      - {TIME}=30d\n", f"      - {SIZE}=50GB\n")


@pytest.mark.parametrize(
    ("old", "new", "diff"),
    [
        (f"- {TIME}=30d", f"- '{TIME}=30d'   # a month", [f"'{TIME}=30d'   # a month", f"'{TIME}=61d'   # a month"]),
        (f"- {TIME}=30d", f"- {TIME}\n      - 30d", ["30d", "61d"]),
    ],
    ids=["quoted", "two words"],
)
def test_in_the_style_of_the_file(stack: Bed, old: str, new: str, diff: list[str]) -> None:
    with edited(stack, old, new):
        before = text(stack)
        ran = run(stack, "retention", "set", "--time", "61d", "--yes")
        assert ran.code == 0, ran
        assert changed_lines(before, text(stack)) == [f"-       - {diff[0]}", f"+       - {diff[1]}"]
        assert effective(stack) == "61d or 50GiB"


def test_a_flag_that_is_not_there_is_put_beside_its_relative(stack: Bed) -> None:
    with edited(stack, _ITEMS[1], ""):
        before = text(stack)
        assert run(stack, "retention", "set", "--size", "20GB", "--yes").code == 0
        assert changed_lines(before, text(stack)) == [f"+       - {SIZE}=20GB"]
        assert effective(stack) == "30d or 20GiB"


def test_a_command_that_is_one_text(stack: Bed) -> None:
    whole = text(stack)
    words = [line.strip()[2:] for line in whole[whole.index("    command:") :].splitlines()[1:] if "- --" in line][:8]
    folded = set_value(whole, ("services", "prometheus", "command"), "X", file=COMPOSE)
    folded = folded.replace("command: X", "command: >-\n      " + "\n      ".join(words))
    (stack.folder / COMPOSE).write_text(folded)
    stack.up()
    assert run(stack, "retention", "set", "--time", "62d", "--yes").code == 0
    assert changed_lines(folded, text(stack)) == [f"-       {TIME}=30d", f"+       {TIME}=62d"]
    assert effective(stack) == "62d or 50GiB"


def test_a_variable_is_set_in_the_env_file(stack: Bed) -> None:
    with edited(stack, f"{TIME}=30d", TIME + "=${KEEP_FOR:-30d}"):
        compose, variables = text(stack), text(stack, ".env")
        ran = run(stack, "retention", "set", "--time", "63d", "--yes", as_json=False, KEEP_FOR="30d")
        ran.is_one_error(1, "the variable KEEP_FOR of this shell")
        assert run(stack, "retention", "set", "--time", "63d", "--yes").code == 0
        assert (text(stack), text(stack, ".env")) == (compose, f"{variables}KEEP_FOR=63d\n")
        assert effective(stack) == "9w or 50GiB"
        assert run(stack, "undo", "--yes").code == 0
        assert text(stack, ".env") == variables


def test_an_override_file_that_says_it_is_the_one_that_is_edited(stack: Bed) -> None:
    compose = text(stack)
    words = compose[compose.index("    command:") : compose.index("    ports:")]
    override = stack.folder / "override.yml"
    override.write_text("services:\n  prometheus:\n" + words.replace("=30d", "=40d"))
    (stack.folder / ".env").write_text(text(stack, ".env") + f"COMPOSE_FILE={COMPOSE}:override.yml\n")
    try:
        stack.up()
        assert effective(stack).startswith("40d")
        before = override.read_text()
        assert run(stack, "retention", "set", "--time", "64d", "--yes").code == 0
        assert changed_lines(before, override.read_text()) == [f"-       - {TIME}=40d", f"+       - {TIME}=64d"]
        assert text(stack) == compose
        assert effective(stack).startswith("64d")
    finally:
        override.unlink()


# --- what goes wrong -------------------------------------------------------------------------------

_SCRIPT = (
    'case "$$*" in *time=13d*) echo "level=error err=\\"thirteen days are unlucky\\""; exit 1;; esac; '
    'exec /bin/prometheus "$$@"'
)
_PICKY = ["/bin/sh", "-c", _SCRIPT, "--"]


def test_a_value_that_the_server_refuses_is_rolled_back_by_itself_and_says_why(stack: Bed) -> None:
    whole = set_value(text(stack), ("services", "prometheus", "entrypoint"), _PICKY, file=COMPOSE)
    (stack.folder / COMPOSE).write_text(whole)
    stack.up()
    ran = run(stack, "retention", "set", "--time", "13d", "--yes", as_json=False)
    ran.is_one_error(1, "prometheus does not come up", "thirteen days are unlucky", "the change was taken back")
    assert text(stack) == whole
    assert effective(stack) == "30d or 50GiB"
    last = run(stack, "history").result["changes"][-1]
    assert (last["state"], "thirteen days are unlucky" in last["reason"]) == ("rolled back", True)
    assert run(stack, "retention", "set", "--time", "14d", "--yes").code == 0


def test_a_file_that_was_edited_since_is_merged_or_refused(stack: Bed) -> None:
    assert run(stack, "retention", "set", "--time", "33d", "--yes").code == 0
    far = text(stack).replace("services:\n", "# mine\nservices:\n", 1)
    (stack.folder / COMPOSE).write_text(far)
    ran = run(stack, "undo", "--yes")
    assert ran.code == 0, ran
    assert text(stack) == far.replace("=33d", "=30d")

    assert run(stack, "retention", "set", "--time", "34d", "--yes").code == 0
    near = text(stack).replace("=34d", "=35d")
    (stack.folder / COMPOSE).write_text(near)
    run(stack, "undo", "--yes", as_json=False).is_one_error(1, "was edited since in the same place")
    assert text(stack) == near


def test_a_read_only_file_is_said_before_anything(stack: Bed) -> None:
    path = stack.folder / COMPOSE
    path.chmod(0o444)
    try:
        ran = run(stack, "retention", "set", "--time", "36d", "--yes", as_json=False)
        ran.is_one_error(1, "read-only")
    finally:
        path.chmod(0o644)
    assert effective(stack) == "30d or 50GiB"


def test_what_is_no_yaml_is_said_with_its_line(stack: Bed) -> None:
    with stack.spoilt(COMPOSE, text(stack) + "\n\tbad: [\n"):
        ran = run(stack, "retention", "set", "--time", "36d", "--yes", as_json=False)
        assert (ran.code, len(ran.errors)) == (12, 1)
        assert "line" in ran.errors[0]


def test_a_stopped_prometheus_and_a_stopped_engine_are_said(stack: Bed) -> None:
    docker("stop", "--timeout", "10", stack.container("prometheus"))
    ran = run(stack, "retention", "set", "--time", "36d", "--yes", as_json=False)
    ran.is_one_error(10, "is exited")
    ran = run(stack, "retention", "show", as_json=False, DOCKER_HOST="unix:///nonexistent")
    ran.is_one_error(1, "no Docker engine answers")


def test_two_at_once_do_not_mix(stack: Bed) -> None:
    lock = stack.folder / ".monops" / "changes"
    before = len(list(lock.glob("*.json")))
    first = stack.monops.start("retention", "set", "--time", "37d", "--yes")
    wait_until(lambda: len(list(lock.glob("*.json"))) > before, "the first change begins", within=30)
    second = run(stack, "retention", "set", "--time", "38d", "--yes", as_json=False)
    ran = Monops(stack.root).ended(first)
    assert ran.code == 0, ran
    # On a busy machine the second may begin when the first has ended: then it is done too, and is the last.
    assert second.code in (11, 1, 0), second
    assert effective(stack) == f"{38 if second.code == 0 else 37}d or 50GiB"


def test_from_another_folder_s_stack_it_is_refused(stack: Bed, tmp_path: Path) -> None:
    other = tmp_path / "monitoring"
    other.mkdir()
    (other / COMPOSE).write_text("services: {}\n")
    ran = Monops(tmp_path).run(
        "retention", "set", "--time", "7d", "--yes", as_json=False, environment={"MONOPS_PROJECT": stack.name}
    )
    # Named by hand it is that project, wherever it is run.
    assert ran.code == 0, ran
    (tmp_path / "monops.toml").write_text(
        f'[stack]\ncompose = "monitoring/{COMPOSE}"\n[prometheus]\ncontainer = "{stack.container("prometheus")}"\n'
    )
    ran = Monops(tmp_path).run("retention", "set", "--time", "8d", "--yes", as_json=False)
    ran.is_one_error(1, "was started from", "and the Compose file here is")
