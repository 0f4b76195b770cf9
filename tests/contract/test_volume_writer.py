"""What every VolumeWriter does, proven for a local folder and for a volume behind the engine's archive API."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monops.domain.errors import Damaged, MonopsError, RestoreFailed
from monops.domain.ports import VolumeWriter
from monops.domain.tree import Kind
from monops.edges.archive_writer import ArchiveWriter
from monops.edges.clock import LocalMachine
from monops.edges.docker_engine import DockerEngine
from monops.edges.local_writer import LocalWriter

_IS_ROOT = os.geteuid() == 0
_UID, _GID = (65534, 65533) if _IS_ROOT else (os.geteuid(), os.getegid())


@pytest.fixture(params=["local", pytest.param("archive", marks=pytest.mark.engine)])
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VolumeWriter]:
    if request.param == "local":
        root = tmp_path / "root"
        root.mkdir()
        yield LocalWriter(str(root))
        return
    with _volume() as made:
        yield made


@contextmanager
def _volume() -> Iterator[VolumeWriter]:
    engine = DockerEngine(dict(os.environ), LocalMachine(environment={}))
    try:
        engine.listed()
    except MonopsError as error:
        pytest.skip(f"no Docker engine: {error.message}")
    import docker

    client = docker.from_env()
    images = [image.id for image in client.images.list() if image.tags and image.id]
    if not images:
        pytest.skip("the engine has no image (scripts/testbed up)")
    volume = client.volumes.create()
    try:
        with engine.mounted(volume.name, images[0], writable=True) as container:
            yield ArchiveWriter(engine, container, volume.name, images)
    finally:
        volume.remove(force=True)
        client.close()


def _tar(*members: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return io.BytesIO(target.getvalue())


def _file(name: str, data: bytes, mode: int = 0o640) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime, info.uid, info.gid = len(data), mode, 1_700_000_000, _UID, _GID
    return info, data


def _folder(name: str, mode: int = 0o750) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime, info.uid, info.gid = tarfile.DIRTYPE, mode, 1_600_000_000, _UID, _GID
    return info, b""


def _link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.mtime, info.uid, info.gid = kind, target, 0o777, 1, _UID, _GID
    return info, b""


def test_unpacked_files_have_the_content_owner_mode_and_time_of_the_stream(writer: VolumeWriter) -> None:
    long = "plugins/" + "x" * 90 + "/" + "ü" * 60 + ".js"
    tar = _tar(
        _folder("plugins"),
        _folder(long.rpartition("/")[0]),
        _file(long, b"long name"),
        _file("grafana.db", b"d" * 5000),
    )
    writer.make("in")

    written = writer.unpack("in", tar)

    assert written == 5009
    found = {entry.path: entry for entry in writer.listing("in")}
    database = found["in/grafana.db"]
    assert (database.size, database.mode, database.modified) == (5000, 0o640, 1_700_000_000)
    assert (database.uid, database.gid) == (_UID, _GID)
    folder = found["in/plugins"]
    assert (folder.kind, folder.mode, folder.modified, folder.uid) == (Kind.DIRECTORY, 0o750, 1_600_000_000, _UID)
    assert writer.get("in/" + long) == b"long name"


def test_a_second_stream_adds_to_folders_that_are_there(writer: VolumeWriter) -> None:
    writer.make("in")
    writer.unpack("in", _tar(_folder("block", 0o755), _folder("block/chunks"), _file("block/chunks/000001", b"c")))
    writer.unpack("in", _tar(_folder("block", 0o755), _file("block/meta.json", b"{}")))

    found = {entry.path: entry for entry in writer.listing("in")}
    assert set(found) == {"in/block", "in/block/chunks", "in/block/chunks/000001", "in/block/meta.json"}
    assert found["in/block"].modified == 1_600_000_000


def test_a_link_inside_the_folder_is_restored(writer: VolumeWriter) -> None:
    writer.make("in")
    writer.unpack("in", _tar(_folder("a"), _file("a/file", b"x"), _link("a/link", "../a/file")))
    found = {entry.path: entry for entry in writer.listing("in")}
    assert (found["in/a/link"].kind, found["in/a/link"].target) == (Kind.SYMLINK, "../a/file")


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "a/../../outside", "it's odd"])
def test_a_link_that_leads_out_is_restored_as_it_was(writer: VolumeWriter, target: str) -> None:
    writer.make("in")
    writer.unpack("in", _tar(_folder("a"), _link("a/link", target), _file("a/file", b"x")))
    found = {entry.path: entry for entry in writer.listing("in")}
    assert (found["in/a/link"].kind, found["in/a/link"].target) == (Kind.SYMLINK, target)
    assert found["in/a/link"].uid == _UID


def test_nothing_is_written_through_a_link_of_the_same_stream(writer: VolumeWriter) -> None:
    writer.make("in")
    writer.make("elsewhere")
    with contextlib.suppress(MonopsError):
        writer.unpack("in", _tar(_link("link", "../elsewhere"), _file("link/file", b"x")))
    assert writer.names("elsewhere") == ()


@pytest.mark.parametrize(
    "member",
    [
        _file("../outside", b"x"),
        _file("/absolute", b"x"),
        _file("a/../../outside", b"x"),
        _link("link", ""),
        _link("hard", "file", tarfile.LNKTYPE),
        _link("pipe", "", tarfile.FIFOTYPE),
    ],
    ids=lambda member: f"{member[0].name} {member[0].linkname}",
)
def test_a_stream_that_would_leave_the_folder_is_refused(
    writer: VolumeWriter, member: tuple[tarfile.TarInfo, bytes]
) -> None:
    writer.make("in")
    with pytest.raises(Damaged):
        writer.unpack("in", _tar(_file("file", b"x"), member))
    assert writer.names() == ("in",)


def test_a_cut_stream_is_damaged(writer: VolumeWriter) -> None:
    writer.make("in")
    data = _tar(_file("file", b"x" * 3_000_000)).getvalue()
    for size in (100, 700, 2_000_000, 3_000_512):
        with pytest.raises(Damaged):
            writer.unpack("in", io.BytesIO(data[:size]))


def test_own_files_are_listed_and_named(writer: VolumeWriter) -> None:
    writer.make(".monops-restore/new")
    writer.put(".monops-restore/journal.json", b"{}")
    writer.put("data", b"1")
    assert writer.names() == (".monops-restore", "data")
    assert writer.names(".monops-restore") == ("journal.json", "new")
    paths = [entry.path for entry in writer.listing("")]
    assert paths == [".monops-restore", ".monops-restore/journal.json", ".monops-restore/new", "data"]
    assert writer.names("absent") == ()


def test_odd_names_survive(writer: VolumeWriter) -> None:
    odd = 'it\'s "odd" $(x) *'
    writer.put(odd, b"1")
    writer.make("to")
    assert writer.names() == tuple(sorted((odd, "to")))
    writer.move([(odd, f"to/{odd}")])
    assert writer.names("to") == (odd,)
    writer.remove([f"to/{odd}"])
    assert writer.names("to") == ()


def test_put_replaces_and_get_reads(writer: VolumeWriter) -> None:
    assert writer.get("journal.json") is None
    writer.put("journal.json", b"one")
    writer.put("journal.json", b"two" * 50_000)
    assert writer.get("journal.json") == b"two" * 50_000
    assert writer.names() == ("journal.json",)


def test_move_renames_in_order_and_never_over_something(writer: VolumeWriter) -> None:
    writer.put("a", b"a")
    writer.put("b", b"b")
    writer.make("to")
    with pytest.raises(RestoreFailed):
        writer.move([("a", "to/a"), ("b", "to/a"), ("to", "never")])
    assert writer.names() == ("b", "to")
    assert writer.get("to/a") == b"a"
    with pytest.raises(RestoreFailed):
        writer.move([("absent", "x")])


def test_many_renames_at_once(writer: VolumeWriter) -> None:
    writer.make("to")
    names = [f"file-{number:04d}-{'x' * 150}" for number in range(400)]
    writer.unpack("", _tar(*(_file(name, b"x") for name in names)))
    writer.move([(name, f"to/{name}") for name in names])
    assert writer.names("to") == tuple(names)


def test_remove_takes_whole_trees_and_absent_is_fine(writer: VolumeWriter) -> None:
    writer.make("a/b/c")
    writer.put("a/b/file", b"x")
    writer.remove(["a", "absent"])
    assert writer.names() == ()


def test_own_sets_owner_and_mode_of_the_root(writer: VolumeWriter) -> None:
    writer.make("root")
    writer.own("root", uid=_UID, gid=_GID, mode=0o770)
    writer.own("", uid=_UID, gid=_GID, mode=0o775)
    entry = writer.listing("")[0]
    assert (entry.path, entry.uid, entry.gid, entry.mode) == ("root", _UID, _GID, 0o770)


def test_free_space_is_known_and_flush_returns(writer: VolumeWriter) -> None:
    writer.flush()
    free = writer.free_bytes()
    assert free is not None
    assert free > 1 << 20


def test_unpacking_does_not_write_through_a_link_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root/folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root/file").symlink_to(tmp_path / "elsewhere/target")
    writer = LocalWriter(str(tmp_path / "root"))

    with pytest.raises(Damaged):
        writer.unpack("", _tar(_file("folder/file", b"x")))
    writer.unpack("", _tar(_file("file", b"x")))

    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert stat.S_ISREG((tmp_path / "root/file").lstat().st_mode)


def test_a_folder_that_may_not_be_written_to_is_filled_and_gets_its_mode(tmp_path: Path) -> None:
    writer = LocalWriter(str(tmp_path))
    writer.unpack("", _tar(_folder("a", 0o555), _file("a/file", b"x", 0o400)))
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o555
    assert stat.S_IMODE((tmp_path / "a/file").stat().st_mode) == 0o400
