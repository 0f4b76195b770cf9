"""The edges of changes: files that people edit too, the history and its lock, Compose on a site."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fakes.fake_outside import FakeMachine

from monops.domain.change import KEPT_ENTRIES, Entry, FileEdit, Plan, Site, State
from monops.domain.errors import ConfigurationError, EngineError, Locked, Refused
from monops.edges.changes_folder import ChangesFolder
from monops.edges.compose_project import ComposeProject
from monops.edges.edited_files import LocalEditedFiles

FILES = LocalEditedFiles()


def entry(number: int, state: State = State.DONE) -> Entry:
    plan = Plan(
        site=Site(project="p", folder="/s", files=("/s/c.yml",)),
        title="t",
        values=(),
        edits=(FileEdit(path="x", before="ä\r\n", after=None),),
        steps=(),
    )
    return Entry(id=number, plan=plan, state=state, who="w", host="h", command="c", started="")


# --- files -----------------------------------------------------------------------------------------


def test_a_file_is_replaced_with_its_mode_and_through_its_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yml", tmp_path / "link.yml"
    real.write_bytes(b"a\r\n")
    real.chmod(0o640)
    link.symlink_to(real)
    FILES.replace(str(link), "b\r\n", expected=("a\r\n",))
    assert (link.is_symlink(), real.read_bytes(), stat.S_IMODE(real.stat().st_mode)) == (True, b"b\r\n", 0o640)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.yml", "real.yml"]


def test_a_file_that_is_not_as_it_was_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("mine")
    with pytest.raises(Refused, match="was edited meanwhile"):
        FILES.replace(str(path), "new", expected=("old", "new"))
    assert path.read_text() == "mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_file_that_went_comes_back_with_its_mode_and_owner(tmp_path: Path) -> None:
    path = tmp_path / "f"
    os.chown(tmp_path, 1234, -1)
    for owner in (65534, 0):
        FILES.replace(str(path), "s", expected=(None,), mode=0o640, owner=owner)
        assert FILES.mode_and_owner(str(path)) == (0o640, owner)
        FILES.replace(str(path), None, expected=("s",))
    assert FILES.mode_and_owner(str(path)) is None


def test_a_new_file_has_the_mode_that_was_asked_and_goes_again(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "f"
    FILES.check_writable(str(path))
    FILES.replace(str(path), "s", expected=(None,), mode=0o600)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("s", 0o600)
    FILES.replace(str(path), None, expected=("s",))
    assert not path.exists()


def test_in_place_the_inode_stays_and_a_torn_write_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("before!")
    inode = path.stat().st_ino
    FILES.replace(str(path), "after", expected=("before!",), in_place=True)
    assert (path.read_text(), path.stat().st_ino) == ("after", inode)
    path.write_text("aftere!")
    FILES.replace(str(path), "before!", expected=("after", "before!"), in_place=True)
    assert path.read_text() == "before!"
    path.write_text("mine")
    with pytest.raises(Refused):
        FILES.replace(str(path), "before!", expected=("after", "before!"), in_place=True)


def test_what_cannot_be_written_is_known_before(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("x")
    FILES.check_writable(str(path))
    path.chmod(0o444)
    with pytest.raises(Refused, match="read-only") as error:
        FILES.check_writable(str(path))
    assert str(path) in error.value.remedy


def test_what_is_not_utf_8_is_said(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"ok \xff")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        FILES.read(str(path))
    assert FILES.read(str(tmp_path / "nothing")) is None


# --- history ---------------------------------------------------------------------------------------


def test_entries_are_kept_for_their_owner_alone(tmp_path: Path) -> None:
    changes = ChangesFolder(str(tmp_path), FakeMachine())
    assert changes.entries() == ()
    changes.save(entry(2))
    changes.save(entry(1, State.PREPARED))
    changes.save(entry(1))
    assert changes.entries() == (entry(1), entry(2))
    folder = Path(changes.folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_only_so_many_are_kept_and_what_is_damaged_is_passed_over(tmp_path: Path) -> None:
    changes = ChangesFolder(str(tmp_path), FakeMachine())
    for number in range(1, KEPT_ENTRIES + 6):
        changes.save(entry(number))
    Path(changes.folder, "9999.json").write_text("{")
    assert [one.id for one in changes.entries()] == list(range(6, KEPT_ENTRIES + 6))


def test_the_lock_keeps_others_out_and_ends_with_its_holder(tmp_path: Path) -> None:
    machine = FakeMachine()
    machine.alive = {machine.pid}
    one, other = ChangesFolder(str(tmp_path), machine), ChangesFolder(str(tmp_path), machine)
    with one.lock(), pytest.raises(Locked, match=f"process {machine.pid}"):
        other.lock().__enter__()
    with other.lock():
        assert (one.descriptor, other.descriptor is not None) == (None, True)


def test_what_a_dead_monops_left_running_is_waited_for(tmp_path: Path) -> None:
    machine = FakeMachine()
    machine.alive = set()
    one, other = ChangesFolder(str(tmp_path), machine), ChangesFolder(str(tmp_path), machine)
    with one.lock():
        assert one.descriptor is not None
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, pass_fds=(one.descriptor,)
        )
    assert child.poll() is None
    with pytest.MonkeyPatch.context() as patch:
        # The first look finds it held; then it ends.
        patch.setattr("time.sleep", lambda _: child.communicate())
        with other.lock():
            assert child.poll() == 0


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".monops").write_text("a file")
    with pytest.raises(Refused, match="cannot keep"):
        ChangesFolder(str(tmp_path), FakeMachine()).save(entry(1))


# --- Compose ---------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A docker that writes down its words and what it was given."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\ncase "$*" in *version*) echo 2.40.3; exit;; esac\n'
        f'printf "%s\\n" "$*" >> {tmp_path}/words\n'
        'for word; do case "$word" in *monops-change-*) cat "$word" >&2;; esac; done\n'
        'case "$*" in *" up "*) echo "Error response from daemon: it burns" >&2; exit 1;; esac\n'
        'case "$*" in *sick*) echo "yaml: line 3: $4 $6 is bad" >&2; exit 1;; esac\n'
        "echo '{\"services\": {}}'\n"
    )
    program.chmod(0o755)
    for name in ("c.yml", "o.yml", ".env"):
        (tmp_path / name).write_text(name)
    files = (f"{tmp_path}/c.yml", f"{tmp_path}/o.yml")
    return Site(project="p", folder=str(tmp_path), files=files)


def compose(site: Site) -> ComposeProject:
    path = f"{site.folder}/bin:{os.environ['PATH']}"
    return ComposeProject(site, {"PATH": path}, lambda: None)


def words(site: Site) -> str:
    return Path(site.folder, "words").read_text()


def test_every_file_of_the_site_is_given(site: Site) -> None:
    assert compose(site).model() == {"services": {}}
    folder, files = site.folder, " ".join(f"--file {path}" for path in site.files)
    assert (
        words(site)
        == f"compose --project-directory {folder} {files} --project-name p --profile * config --format json\n"
    )


def test_another_text_is_read_from_a_file_of_its_own_that_goes_again(site: Site) -> None:
    compose(site).model({site.files[1]: "other", f"{site.folder}/.env": "A=1"})
    given = words(site)
    assert f"--file {site.files[0]} --file " in given
    assert site.files[1] not in given
    assert "--env-file" in given
    named = [word for word in given.split() if "monops-change-" in word]
    assert len(named) == 2
    assert not any(Path(word).exists() for word in named)
    assert Path(site.files[1]).read_text() == "o.yml"


def test_a_fault_names_the_real_file(site: Site, tmp_path: Path) -> None:
    sick = Site(project="sick", folder=site.folder, files=site.files)
    with pytest.raises(ConfigurationError) as error:
        compose(sick).model({site.files[0]: "x"})
    assert "monops-change-" not in error.value.message


def test_what_changes_something_says_why_it_failed(site: Site) -> None:
    with pytest.raises(EngineError, match="it burns"):
        compose(site).make(["a"])
    assert words(site).endswith("up --detach --no-deps --pull never --quiet-pull a\n")
