"""A stack's folder on this machine: links, whole files, owners."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from monops.domain.errors import MonopsError
from monops.edges.stack_folder import LocalStackFolder

SOMEBODY = 54321
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


def test_a_link_stays_one_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "shared.yml").write_text("old")
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack" / "prometheus.yml").symlink_to("../shared.yml")
    LocalStackFolder(str(tmp_path / "stack")).write("prometheus.yml", b"new")
    assert (tmp_path / "stack" / "prometheus.yml").is_symlink()
    assert (tmp_path / "shared.yml").read_text() == "new"


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = LocalStackFolder(str(tmp_path))
    folder.write("f", b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MonopsError, match=r"cannot write .*/f: No space left on device"):
        folder.write("f", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert folder.read("f") == b"old"


@ROOT_ONLY
def test_what_root_writes_in_somebodys_folder_is_theirs(tmp_path: Path) -> None:
    os.chown(tmp_path, SOMEBODY, SOMEBODY)
    folder = LocalStackFolder(str(tmp_path / "monitoring"))
    folder.write(".monops/before/1/f", b"")
    folder.make_folder("secrets", mode=0o711)
    places = (".", ".monops", ".monops/before/1", ".monops/before/1/f", "secrets")
    assert {(tmp_path / "monitoring" / place).stat().st_uid for place in places} == {SOMEBODY}


@ROOT_ONLY
def test_for_somebody_who_is_not_root_a_secret_of_another_can_be_judged_but_not_changed(tmp_path: Path) -> None:
    folder = LocalStackFolder(str(tmp_path))
    for name, mode in (("private", 0o600), ("open", 0o644)):
        folder.write(name, b"", mode=mode)
        os.chown(tmp_path / name, 472, -1)
    tmp_path.chmod(0o711)
    # The folders above, made for this test run alone.
    above = [path for path in tmp_path.parents if path.stat().st_mode & 0o011 != 0o011]
    modes = [path.stat().st_mode for path in above]
    try:
        for path in above:
            path.chmod(0o711)
        os.seteuid(SOMEBODY)
        try:
            found = [folder.give_to(name, uid) for name, uid in (("private", 472), ("private", 1), ("open", 472))]
            with pytest.raises(MonopsError, match=r"cannot look at .*Permission denied"):
                folder.names(".")
        finally:
            os.seteuid(0)
    finally:
        for path, mode in zip(above, modes, strict=True):
            path.chmod(mode)
    assert found == [True, False, False]
