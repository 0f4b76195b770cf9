"""What every StackFolder does: a folder on this machine, and the fake in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes.memory_stack_folder import MemoryStackFolder

from monops.domain.errors import MonopsError
from monops.domain.ports import StackFolder
from monops.edges.stack_folder import LocalStackFolder

IS_ROOT = os.geteuid() == 0
SOMEBODY = 54321


@dataclass
class Kind:
    """A folder, and how to look at what it did."""

    folder: StackFolder
    mode: Callable[[str], int]
    is_folder: Callable[[str], bool]


def _local(root: Path) -> Kind:
    return Kind(
        LocalStackFolder(str(root)),
        mode=lambda path: (root / path).stat().st_mode & 0o777,
        is_folder=lambda path: (root / path).is_dir(),
    )


def _memory() -> Kind:
    fake = MemoryStackFolder(uid=os.geteuid())
    return Kind(
        fake,
        mode=lambda path: fake.folders[path] if path in fake.folders else fake.files[path].mode,
        is_folder=lambda path: path in fake.folders,
    )


@pytest.fixture(params=["local", "memory"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kind]:
    # As strict as any: what the services read must be readable all the same.
    before = os.umask(0o077)
    try:
        yield _local(tmp_path / "here" / "monitoring") if request.param == "local" else _memory()
    finally:
        os.umask(before)


def test_what_was_written_is_read(kind: Kind) -> None:
    kind.folder.write("rules/system.yml", b"one")
    kind.folder.write("rules/system.yml", b"two\xff")
    assert kind.folder.read("rules/system.yml") == b"two\xff"
    assert kind.folder.names("rules") == ("system.yml",)


@pytest.mark.parametrize("path", ["none", "no/such/folder/none", "file/below"])
def test_what_is_not_there_is_nothing(kind: Kind, path: str) -> None:
    kind.folder.write("file", b"")
    assert kind.folder.read(path) is None
    assert kind.folder.owner(path) is None
    assert kind.folder.names(path) == ()
    kind.folder.remove("none")


def test_everybody_can_read_files_and_folders_whatever_the_umask(kind: Kind) -> None:
    kind.folder.write("a/b/c", b"")
    kind.folder.make_folder("d/e")
    assert kind.mode("a/b/c") == 0o644
    assert {kind.mode(path) for path in ("a", "a/b", "d", "d/e")} == {0o755}


def test_a_secret_is_for_its_owner_alone(kind: Kind) -> None:
    kind.folder.write("secrets/s", b"x", mode=0o600)
    assert kind.mode("secrets/s") == 0o600


def test_a_mode_that_a_person_set_stays(kind: Kind) -> None:
    kind.folder.write("f", b"1", mode=0o640)
    kind.folder.write("f", b"2")
    kind.folder.make_folder("d", mode=0o711)
    kind.folder.make_folder("d")
    assert (kind.mode("f"), kind.mode("d")) == (0o640, 0o711)


def test_a_folder_gets_the_mode_asked_for_also_if_it_is_there(kind: Kind) -> None:
    kind.folder.write("secrets/s", b"")
    kind.folder.make_folder("secrets", mode=0o711)
    assert kind.mode("secrets") == 0o711
    assert kind.folder.read("secrets/s") == b""


def test_removing_takes_away_the_folders_that_are_empty_then_and_no_others(kind: Kind) -> None:
    kind.folder.write("a/b/c/one", b"")
    kind.folder.write("a/two", b"")
    kind.folder.remove("a/b/c/one")
    assert kind.folder.read("a/b/c/one") is None
    assert not kind.is_folder("a/b")
    assert kind.is_folder("a")
    assert kind.folder.names("a") == ("two",)


def test_names_are_those_of_files_and_sorted(kind: Kind) -> None:
    for path in ("d/b", "d/a", "d/inner/c"):
        kind.folder.write(path, b"")
    assert kind.folder.names("d") == ("a", "b")


def test_a_file_belongs_to_who_wrote_it(kind: Kind) -> None:
    kind.folder.write("f", b"")
    assert kind.folder.owner("f") == os.geteuid()


def test_a_file_that_is_ones_own_can_be_made_private(kind: Kind) -> None:
    kind.folder.write("f", b"")
    assert kind.folder.give_to("f", os.geteuid())
    assert kind.mode("f") == 0o600


@pytest.mark.skipif(not IS_ROOT, reason="only root gives files away")
def test_root_gives_a_file_away_and_then_it_is_private_and_stays_theirs(kind: Kind) -> None:
    kind.folder.write("f", b"")
    assert kind.folder.give_to("f", SOMEBODY)
    assert (kind.folder.owner("f"), kind.mode("f")) == (SOMEBODY, 0o600)
    kind.folder.write("f", b"new")
    assert (kind.folder.owner("f"), kind.mode("f")) == (SOMEBODY, 0o600)


@pytest.mark.parametrize(("path", "taken"), [("d", "d/f"), ("f/below", "f")])
def test_what_cannot_be_written_is_said_in_a_sentence_with_the_place(kind: Kind, path: str, taken: str) -> None:
    kind.folder.write(taken, b"")
    with pytest.raises(MonopsError, match=rf"cannot write .*/{path}: (Is|Not) a directory") as refused:
        kind.folder.write(path, b"")
    assert f"/{path}" in refused.value.remedy
    assert kind.folder.read(taken) == b""


def test_giving_away_what_is_not_there_is_an_error(kind: Kind) -> None:
    with pytest.raises(MonopsError, match=r"cannot give away .*none"):
        kind.folder.give_to("none", os.geteuid())
