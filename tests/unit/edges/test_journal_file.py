"""Notes of what is disturbed: there before the disturbance, found by the next run, never by one that lives beside."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from tests.fakes.backup_world import CountingMachine

from monops.domain.errors import Refused
from monops.edges.journal_file import JournalFolder, state_folder

NOTE = {"kind": "stopped", "container": "abc", "name": "p-grafana-1"}


@pytest.fixture
def machine() -> CountingMachine:
    return CountingMachine()


def journal(machine: CountingMachine, folder: Path) -> JournalFolder:
    return JournalFolder(machine, {"MONOPS_STATE_DIR": str(folder)})


def test_a_note_is_kept_until_it_is_closed(machine: CountingMachine, tmp_path: Path) -> None:
    notes = journal(machine, tmp_path / "state")
    note_id = notes.open(NOTE)
    (path,) = (tmp_path / "state/journal").iterdir()
    assert json.loads(path.read_text()) == {"by": {"pid": 1}, "note": NOTE}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    notes.close(note_id)
    notes.close(note_id)
    assert list((tmp_path / "state/journal").iterdir()) == []


def test_a_note_is_abandoned_when_its_process_is_gone(machine: CountingMachine, tmp_path: Path) -> None:
    notes = journal(machine, tmp_path)
    note_id = notes.open(NOTE)
    assert notes.abandoned() == ()
    machine.alive = {2}
    assert notes.abandoned() == ((note_id, NOTE),)
    notes.close(note_id)
    assert notes.abandoned() == ()


def test_a_note_of_another_machine_is_that_machines(machine: CountingMachine, tmp_path: Path) -> None:
    notes = journal(machine, tmp_path)
    machine.pid = "elsewhere"  # type: ignore[assignment]  # what the fake calls another machine
    notes.open(NOTE)
    assert notes.abandoned() == ()


class _Recreated(CountingMachine):
    """A container that was made anew: another host name, the same kernel. Whether others live cannot be told."""

    def identity(self) -> dict[str, object]:
        return {"boot": "b1", "pid": self.pid}

    def is_alive(self, identity: object) -> bool | None:
        return None


def test_a_note_of_a_container_that_was_made_anew_is_abandoned_once_its_lock_is_free(tmp_path: Path) -> None:
    writer = JournalFolder(_Recreated(), {"MONOPS_STATE_DIR": str(tmp_path)})
    reader = JournalFolder(_Recreated(), {"MONOPS_STATE_DIR": str(tmp_path)})
    note_id = writer.open(NOTE)
    assert reader.abandoned() == ()
    writer._let_go(note_id)  # what the kernel does when the writer dies
    assert reader.abandoned() == ((note_id, NOTE),)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"by": {}}', '{"by": "x", "note": {}}', "\ufeff"])
def test_a_note_that_cannot_be_read_is_passed_over(machine: CountingMachine, tmp_path: Path, content: str) -> None:
    notes = journal(machine, tmp_path)
    note_id = notes.open(NOTE)
    (tmp_path / "journal/odd.json").write_text(content)
    (tmp_path / "journal/half.tmp").write_text("{")
    machine.alive = set()
    assert [found for found, _ in notes.abandoned()] == [note_id]


def test_without_a_place_for_notes_nothing_may_be_disturbed(machine: CountingMachine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Refused, match="cannot keep a note") as caught:
        journal(machine, tmp_path / "file").open(NOTE)
    assert "MONOPS_STATE_DIR" in caught.value.remedy
    assert journal(machine, tmp_path / "file").abandoned() == ()


def test_the_place_for_notes() -> None:
    assert state_folder({"MONOPS_STATE_DIR": "/x", "XDG_STATE_HOME": "/y"}) == Path("/x")
    usual = state_folder({"XDG_STATE_HOME": "/y"})
    assert usual == (Path("/var/lib/monops") if os.geteuid() == 0 else Path("/y/monops"))
