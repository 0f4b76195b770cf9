"""What every Tree does: a local folder, and a volume behind the engine's archive API, with a shell and without."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from monops.domain.errors import MonopsError, VolumeMissing
from monops.domain.ports import Tree
from monops.domain.tree import Entry, Kind
from monops.edges.archive_tree import ArchiveTree
from monops.edges.clock import LocalMachine
from monops.edges.docker_engine import VOLUME_PATH, DockerEngine
from monops.edges.local_tree import LocalTree

_IS_ROOT = os.geteuid() == 0
_UID, _GID = (472, 65533) if _IS_ROOT else (os.geteuid(), os.getegid())
_IMAGE = "prom/prometheus:v3.5.3"
ODD = (
    "with space",
    "it's",
    'say "hi"',
    "ends with quote'",
    "'quoted'",
    "Übersicht – 日本",
    "-rf",
    "what?",
    "back\\slash",
    "new\nline",
    "a -> b",
    "tab\there",
    "line\u2028separator",
    "$(reboot) `x` *",
    "not-utf8-\udcff",
)


@dataclass
class Source:
    """A tree and a way to change what it is of."""

    tree: Tree
    fill: Callable[[bytes], None]
    shell: Callable[[str], None]
    can_hold: bool


@dataclass
class Engine:
    edge: DockerEngine
    client: Any
    with_shell: str
    bare: str


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """The engine, an image with a shell, and one that holds a single empty file."""
    edge = DockerEngine(dict(os.environ), LocalMachine(environment={}))
    try:
        edge.volumes()  # not the containers: one that is stuck would hold us up
    except MonopsError as error:
        pytest.skip(f"no Docker engine: {error.message}")
    import docker

    client = docker.from_env()
    try:
        with_shell = str(client.images.get(_IMAGE).id)
    except docker.errors.ImageNotFound:
        client.close()
        pytest.skip(f"the engine has no {_IMAGE} (scripts/testbed up)")
    client.api.import_image_from_data(tar_of(file("empty", b"")), repository="monops-test-bare", tag=str(os.getpid()))
    bare = client.images.get(f"monops-test-bare:{os.getpid()}")
    yield Engine(edge, client, with_shell, str(bare.id))
    client.images.remove(str(bare.id), force=True)
    client.close()


@pytest.fixture(
    params=[
        "local",
        pytest.param("archive", marks=pytest.mark.engine),
        pytest.param("archive without a shell", marks=pytest.mark.engine),
    ]
)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    if request.param == "local":
        root = tmp_path / "root"
        root.mkdir()
        yield local_source(root)
        return
    with ExitStack() as stack:
        yield archive_source(request.getfixturevalue("engine"), stack, bare=request.param != "archive")


def local_source(root: Path) -> Source:
    def fill(data: bytes) -> None:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            # Python before 3.11.4 has no filters, and trusts.
            trust = {"filter": "fully_trusted"} if hasattr(tarfile, "data_filter") else {}
            archive.extractall(root, numeric_owner=True, **trust)  # type: ignore[arg-type]  # noqa: S202 - made here

    def shell(text: str) -> None:
        subprocess.run(["/bin/sh", "-ec", text], cwd=root, check=True)

    return Source(LocalTree(str(root), place="here"), fill, shell, can_hold=True)


def archive_source(found: Engine, stack: ExitStack, *, bare: bool) -> Source:
    volume = found.client.volumes.create()
    stack.callback(volume.remove, force=True)
    image = found.bare if bare else found.with_shell
    container = stack.enter_context(found.edge.mounted(volume.name, image, writable=True))

    def fill(data: bytes) -> None:
        found.edge.unarchive(container, VOLUME_PATH, iter([data]))

    def shell(text: str) -> None:
        ran = found.edge.script(volume.name, [found.with_shell], f"set -e; cd {VOLUME_PATH}\n{text}", writable=True)
        assert ran.exit_code == 0, ran.output

    tree = ArchiveTree(found.edge, container, volume.name, [image])
    return Source(tree, fill, shell, can_hold=False)


def file(name: str, data: bytes = b"x", mode: int = 0o640) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime, info.uid, info.gid = len(data), mode, 1_700_000_000, _UID, _GID
    return info, data


def folder(name: str, mode: int = 0o750) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime, info.uid, info.gid = tarfile.DIRTYPE, mode, 1_600_000_000, _UID, _GID
    return info, b""


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.mtime, info.uid, info.gid = kind, target, 0o777, 1, _UID, _GID
    return info, b""


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


def paths(entries: tuple[Entry, ...]) -> list[str]:
    return [entry.path for entry in entries]


def contents(tree: Tree, entries: tuple[Entry, ...]) -> dict[str, bytes]:
    found = {}
    for entry, reader in tree.read(entries):
        assert entry.path not in found
        found[entry.path] = b"".join(iter(lambda r=reader: r.read(1 << 16), b""))  # type: ignore[misc]  # bound at once
    return found


def test_everything_is_listed_by_path_with_its_kind_owner_mode_time_and_size(source: Source) -> None:
    source.fill(
        tar_of(
            folder("z", 0o755),
            file("z/big", b"b" * 3_000_000, 0o600),
            folder("a", 0o2770),
            folder("a/b"),
            file("a/b/c", b"1234"),
            file("a.txt", b"", 0o444),
            link("a/link", "b/c"),
        )
    )
    entries = source.tree.walk()
    assert paths(entries) == ["a", "a.txt", "a/b", "a/b/c", "a/link", "z", "z/big"]
    found = {entry.path: entry for entry in entries}
    assert found["z/big"] == Entry(
        path="z/big", kind=Kind.FILE, size=3_000_000, mode=0o600, uid=_UID, gid=_GID, modified=1_700_000_000
    )
    assert found["a"] == Entry(
        path="a", kind=Kind.DIRECTORY, mode=0o2770, uid=_UID, gid=_GID, modified=found["a"].modified
    )
    assert (found["a.txt"].size, found["a.txt"].mode) == (0, 0o444)
    symlink = found["a/link"]
    assert (symlink.kind, symlink.target, symlink.size, symlink.uid) == (Kind.SYMLINK, "b/c", 0, _UID)


def test_what_is_listed_can_be_read_in_any_order(source: Source) -> None:
    data = {f"d/f{number:02d}": bytes([number]) * number * 10_000 for number in range(20)}
    source.fill(tar_of(folder("d"), *(file(name, content) for name, content in data.items())))
    files = tuple(entry for entry in source.tree.walk() if entry.kind is Kind.FILE)
    assert contents(source.tree, files[::-1]) == data
    assert contents(source.tree, files[3:5]) == {f"d/f{n:02d}": data[f"d/f{n:02d}"] for n in (3, 4)}
    assert contents(source.tree, ()) == {}


def test_only_what_was_asked_for_is_read(source: Source) -> None:
    source.fill(tar_of(*(file(f"f{number}", b"x" * 500_000) for number in range(12)), folder("d"), link("l", "f1")))
    entries = source.tree.walk()
    wanted = tuple(e for e in entries if e.path in ("f1", "f3", "f5", "f7", "f9", "f11", "d", "l"))
    assert set(contents(source.tree, wanted)) == {"f1", "f3", "f5", "f7", "f9", "f11"}


def test_readers_may_be_left_in_the_middle(source: Source) -> None:
    source.fill(tar_of(*(file(f"f{number}", bytes([number]) * 200_000) for number in range(8))))
    starts = {entry.path: reader.read(3) for entry, reader in source.tree.read(source.tree.walk())}
    assert starts == {f"f{number}": bytes([number]) * 3 for number in range(8)}


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_listed_and_read(source: Source, name: str) -> None:
    inner = (folder(name + ".d"), file(f"{name}.d/{name}", b"inner"))
    source.fill(tar_of(*inner, file(name, b"content"), link("l", name)))
    entries = source.tree.walk()
    assert sorted(paths(entries)) == sorted([name, name + ".d", f"{name}.d/{name}", "l"])
    assert contents(source.tree, entries) == {name: b"content", f"{name}.d/{name}": b"inner"}
    assert next(entry.target for entry in entries if entry.path == "l") == name
    found = source.tree.entry(name)
    assert found is not None
    assert (found.path, found.size) == (name, 7)
    assert contents(source.tree, (found,)) == {name: b"content"}


def test_long_names_are_listed_and_read(source: Source) -> None:
    name = "/".join(["ö" * 100] * 3)
    parents = [folder("/".join(["ö" * 100] * depth)) for depth in (1, 2)]
    source.fill(tar_of(*parents, file(name, b"deep")))
    assert contents(source.tree, source.tree.walk()) == {name: b"deep"}


def test_monops_own_files_are_left_out_at_the_root_only(source: Source) -> None:
    source.fill(
        tar_of(
            folder(".monops-restore"), file(".monops-restore/x"), file(".monops-y"), folder("a"), file("a/.monops-z")
        )
    )
    assert paths(source.tree.walk()) == ["a", "a/.monops-z"]
    assert paths(source.tree.walk(".monops-restore")) == [".monops-restore/x"]


def test_a_part_is_walked_with_paths_from_the_root(source: Source) -> None:
    source.fill(tar_of(folder("a"), folder("a/b"), file("a/b/c"), file("a/d"), file("e"), folder("ab"), file("ab/x")))
    assert paths(source.tree.walk("a")) == ["a/b", "a/b/c", "a/d"]
    assert contents(source.tree, source.tree.walk("a")) == {"a/b/c": b"x", "a/d": b"x"}


def test_a_tree_under_a_folder_has_that_folder_for_its_root(source: Source) -> None:
    source.fill(tar_of(folder("a"), folder("a/b", 0o711), file("a/b/c", b"1"), folder("a/b/.monops-x"), file("a/d")))
    under = source.tree.under("a").under("b")
    assert under.root().mode == 0o711
    assert paths(under.walk()) == ["c"]
    assert contents(under, under.walk()) == {"c": b"1"}
    assert under.entry("c") is not None
    assert under.entry("a") is None
    assert (under.reach, under.place) == (source.tree.reach, source.tree.place)


def test_an_empty_folder_has_a_root_and_nothing_in_it(source: Source) -> None:
    source.fill(tar_of(folder("empty", 0o700)))
    under = source.tree.under("empty")
    assert under.walk() == ()
    root = under.root()
    assert (root.path, root.kind, root.mode, root.uid, root.gid) == ("", Kind.DIRECTORY, 0o700, _UID, _GID)
    assert source.tree.walk("empty") == ()


def test_what_is_not_there_is_nothing_or_missing(source: Source) -> None:
    source.fill(tar_of(file("file")))
    assert source.tree.walk("absent") == ()
    assert source.tree.entry("absent") is None
    assert source.tree.entry("absent/deeper") is None
    with pytest.raises(VolumeMissing):
        source.tree.under("absent").root()
    with pytest.raises(VolumeMissing):
        source.tree.under("file").root()


def test_one_entry_is_found_by_its_path(source: Source) -> None:
    source.fill(tar_of(folder("a", 0o711), file("a/b", b"12345", 0o604), link("a/l", "b")))
    found = source.tree.entry("a/b")
    assert found == Entry(path="a/b", kind=Kind.FILE, size=5, mode=0o604, uid=_UID, gid=_GID, modified=1_700_000_000)
    directory = source.tree.entry("a")
    assert directory is not None
    assert (directory.kind, directory.mode, directory.size) == (Kind.DIRECTORY, 0o711, 0)
    symlink = source.tree.entry("a/l")
    assert symlink is not None
    assert symlink.kind is Kind.SYMLINK


@pytest.mark.parametrize("count", [2, 8])
def test_a_file_that_has_vanished_is_left_out(source: Source, count: int) -> None:
    source.fill(tar_of(*(file(f"f{number}", bytes([number])) for number in range(count))))
    entries = source.tree.walk()
    source.shell("rm f1")
    assert contents(source.tree, entries) == {f"f{n}": bytes([n]) for n in range(count) if n != 1}


def test_a_folder_that_has_vanished_leaves_all_of_its_files_out(source: Source) -> None:
    source.fill(tar_of(folder("d"), *(file(f"d/f{number}") for number in range(8))))
    entries = source.tree.walk()
    source.shell("rm -r d")
    assert contents(source.tree, entries) == {}


def test_a_file_that_grew_or_shrank_is_read_as_it_is_now(source: Source) -> None:
    source.fill(tar_of(*(file(f"f{number}", b"12345") for number in range(8))))
    entries = source.tree.walk()
    source.shell("printf 123456789 > f0; printf 1 > f1")
    found = contents(source.tree, entries)
    assert found["f0"].startswith(b"12345")
    assert found["f1"] == b"1"
    assert found["f2"] == b"12345"


def test_hard_links_are_files_of_their_own(source: Source) -> None:
    source.fill(tar_of(folder("a"), folder("b"), *(file(f"a/f{n}", b"12345") for n in range(6))))
    source.shell("for n in 0 1 2 3 4 5; do ln a/f$n b/f$n; done")
    entries = source.tree.walk()
    sizes = {e.path: e.size for e in entries if e.kind is Kind.FILE}
    assert sizes == {f"{d}/f{n}": 5 for d in "ab" for n in range(6)}
    assert contents(source.tree, entries) == dict.fromkeys(sizes, b"12345")
    under = source.tree.under("b")
    assert contents(under, under.walk()) == {f"f{n}": b"12345" for n in range(6)}


def test_pipes_and_sockets_are_left_out(source: Source) -> None:
    source.fill(tar_of(file("file"), link("pipe", "", tarfile.FIFOTYPE)))
    assert paths(source.tree.walk()) == ["file"]


def test_links_are_listed_and_never_followed(source: Source) -> None:
    source.fill(tar_of(link("absolute", "/etc"), link("broken", "nowhere"), folder("d"), link("d/up", "..")))
    entries = source.tree.walk()
    assert [(e.path, e.target) for e in entries if e.kind is Kind.SYMLINK] == [
        ("absolute", "/etc"),
        ("broken", "nowhere"),
        ("d/up", ".."),
    ]
    assert contents(source.tree, entries) == {}


def test_a_thousand_files_are_listed_and_read(source: Source) -> None:
    source.fill(tar_of(folder("d"), *(file(f"d/{'n' * 100}{number:04d}", b"%d" % number) for number in range(1000))))
    entries = source.tree.walk()
    assert len(entries) == 1001
    found = contents(source.tree, entries)
    assert found[f"d/{'n' * 100}0999"] == b"999"
    assert len(found) == 1000


def test_what_is_held_stays_readable_where_the_tree_can_hold(source: Source) -> None:
    source.fill(tar_of(folder("a"), *(file(f"a/f{n}", bytes([n]) * 100) for n in range(6)), file("gone")))
    entries = source.tree.walk()
    source.shell("rm gone")
    with source.tree.hold(entries) as (held, gone):
        source.shell("rm -r a")
        found = contents(held, tuple(e for e in entries if e.path != "gone"))
        again = contents(held.under("a"), tuple(Entry(path=f"f{n}", kind=Kind.FILE, size=100) for n in (5, 0)))
    if source.can_hold:
        assert gone == ("gone",)
        assert found == {f"a/f{n}": bytes([n]) * 100 for n in range(6)}
        assert again == {"f5": b"\5" * 100, "f0": b"\0" * 100}
    else:
        assert (gone, found, again) == ((), {}, {})
