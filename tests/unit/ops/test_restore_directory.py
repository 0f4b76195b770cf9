"""Restoring into a folder, and exporting a tarball: whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.fake_outside import World
from tests.fakes.store_builder import StoreBuilder, damage, tree_of, write_block

from monops.domain.errors import Damaged, NotFound, Refused, UsageFault
from monops.domain.manifest import Manifest
from monops.domain.ports import Packing, Reader
from monops.domain.tree import Kind
from monops.edges.folders import LocalFolders
from monops.ops.export import export, packing_for
from monops.ops.restore_directory import Origin, Restored, restore_directory


class Case:
    def __init__(self, folder: Path, packing: Packing) -> None:
        self.folder = folder
        self.data = folder / "data"
        for number in range(6):
            write_block(self.data / "prometheus", number, content=os.urandom(200_000))
        (self.data / "prometheus").chmod(0o775)
        (self.data / "grafana/plugins/deep").mkdir(parents=True)
        (self.data / "grafana/grafana.db").write_bytes(b"db")
        (self.data / "grafana/plugins/deep/file").write_bytes(b"x")
        (self.data / "grafana/plugins/link").symlink_to("deep/file")
        builder = StoreBuilder(folder / "store", packing=packing)
        builder.add("prometheus", self.data / "prometheus")
        builder.add("grafana", self.data / "grafana")
        self.manifest: Manifest = builder.finish()
        self.origin = Origin(store=builder.store, manifest=self.manifest)
        self.world = World(folder)

    @property
    def target(self) -> Path:
        return self.folder / "target"

    def restore(self, *names: str, folders: LocalFolders | None = None) -> Restored:
        outside = self.world.live()
        return restore_directory(self.origin, names, str(self.target), folders or LocalFolders(), outside)

    def object_of(self, source: str) -> Path:
        return max((self.folder / "store/objects" / source).iterdir(), key=lambda path: path.stat().st_size)


@pytest.fixture(params=["zstd", "gzip", "none"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return Case(tmp_path, Packing(compression=request.param, level=3))


def test_every_source_comes_back_byte_equal_with_owners_and_modes(case: Case) -> None:
    done = case.restore()
    for name in ("prometheus", "grafana"):
        assert tree_of(case.target / name) == tree_of(case.data / name)
    assert stat.S_IMODE((case.target / "prometheus").stat().st_mode) == 0o775
    assert done.sources == ("prometheus", "grafana")
    assert done.bytes == case.manifest.bytes_inside
    assert sorted(path.name for path in case.target.iterdir()) == ["grafana", "prometheus"]


def test_one_source_alone(case: Case) -> None:
    assert case.restore("grafana").sources == ("grafana",)
    assert [path.name for path in case.target.iterdir()] == ["grafana"]
    with pytest.raises(NotFound, match="grafanna"):
        case.restore("grafanna")


@pytest.mark.parametrize("fault", ["flip", "cut", "longer", "missing"])
def test_a_damaged_object_is_named_and_leaves_no_folder(case: Case, fault: str) -> None:
    path = case.object_of("prometheus")
    data = path.read_bytes()
    if fault == "flip":
        damage(path, at=len(data) // 2)
    elif fault == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif fault == "longer":
        path.write_bytes(data + b"\0" * 512)
    else:
        path.unlink()
    with pytest.raises((Damaged, NotFound)) as error:
        case.restore("prometheus")
    assert path.name in error.value.message
    assert error.value.remedy
    assert list(case.target.iterdir()) == []


def test_a_folder_with_something_in_it_is_refused_and_kept(case: Case) -> None:
    (case.target / "grafana").mkdir(parents=True)
    (case.target / "grafana/precious").write_bytes(b"x")
    with pytest.raises(Refused, match="something already in"):
        case.restore()
    assert [path.name for path in case.target.rglob("*")] == ["grafana", "precious"]


def test_an_empty_folder_and_a_leftover_are_replaced(case: Case) -> None:
    (case.target / "grafana").mkdir(parents=True)
    (case.target / "grafana.partial").mkdir()
    (case.target / "grafana.partial/leftover").write_bytes(b"x")
    case.restore("grafana")
    assert tree_of(case.target / "grafana") == tree_of(case.data / "grafana")
    assert not (case.target / "grafana.partial").exists()
    assert any("interrupted" in line for line in case.world.progress.said)


def test_too_little_space_is_refused_with_both_figures(case: Case) -> None:
    class Small(LocalFolders):
        def free_bytes(self, path: str) -> int | None:
            return 100 * 1024

    with pytest.raises(Refused, match=r"100\.0 KiB free.*MiB"):
        case.restore("prometheus", folders=Small())
    assert not case.target.exists()


def test_an_interrupt_leaves_nothing(case: Case) -> None:
    class Interrupted:
        def __init__(self, inner: Reader) -> None:
            self._inner = inner

        def read(self, size: int = -1) -> bytes:
            raise KeyboardInterrupt

    codec = case.world.live().codec

    class Codec:
        pack = codec.pack

        @contextmanager
        def unpack(self, source: Reader, key: str, identities: object):  # type: ignore[no-untyped-def]
            yield Interrupted(source)

    outside = replace(case.world.live(), codec=Codec())
    with pytest.raises(KeyboardInterrupt):
        restore_directory(case.origin, ["prometheus"], str(case.target), LocalFolders(), outside)
    assert list(case.target.iterdir()) == []


@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".tgz", ".tar.zst"])
def test_an_export_is_one_plain_tarball(tmp_path: Path, ending: str) -> None:
    case = Case(tmp_path, Packing())
    file = tmp_path / ("prometheus" + ending)
    with LocalFolders().write_file(str(file)) as sink:
        done = export(case.origin, "prometheus", sink, packing_for(file.name, threads=2), case.world.live())
    assert done.bytes == file.stat().st_size
    (tmp_path / "out").mkdir()
    os.system(f"tar -xaf {file} -C {tmp_path}/out")  # noqa: S605 - a test's own path
    # GNU tar sets a folder's time when it has left it, and a later member in it changes that again.
    assert _without_folder_times(tmp_path / "out") == _without_folder_times(case.data / "prometheus")


def _without_folder_times(root: Path) -> dict[str, object]:
    return {
        path: (replace(entry, modified=0) if entry.kind is Kind.DIRECTORY else entry, digest)
        for path, (entry, digest) in tree_of(root).items()
    }


def test_an_export_has_one_end_and_whole_records(tmp_path: Path) -> None:
    case = Case(tmp_path, Packing())
    sink = io.BytesIO()
    export(case.origin, "prometheus", sink, packing_for("-.tar", threads=0), case.world.live())
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as archive:
        names = set(archive.getnames())
    assert names == set(tree_of(case.data / "prometheus"))
    assert len(sink.getvalue()) % 10240 == 0


def test_a_damaged_export_leaves_no_file(tmp_path: Path) -> None:
    case = Case(tmp_path, Packing())
    damage(case.object_of("prometheus"))
    before = hashlib.sha256(str(sorted(tmp_path.iterdir())).encode()).digest()
    with pytest.raises(Damaged), LocalFolders().write_file(str(tmp_path / "x.tar")) as sink:
        export(case.origin, "prometheus", sink, packing_for("x.tar", threads=0), case.world.live())
    assert hashlib.sha256(str(sorted(tmp_path.iterdir())).encode()).digest() == before


def test_an_unknown_ending_is_refused() -> None:
    with pytest.raises(UsageFault, match="ending"):
        packing_for("prometheus.zip", threads=1)
