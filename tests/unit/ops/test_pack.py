"""Files become one tar that every tar reads, whatever happens to them meanwhile, in every store that lives."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.memory_store import MemoryStore

from monops.domain.errors import CaptureError, SourceChanged, StoreDenied, StoreError, StoreUnreachable
from monops.domain.ports import Packing, Reader, Store, Writer
from monops.domain.tree import Entry, Kind
from monops.edges.codec import StreamCodec
from monops.edges.local_files import LocalFileSystem
from monops.ops.capture_config import InlineTree
from monops.ops.pack import BytesReader, NobodyLeft, Pack, Packed, fan_out, pack_all_to, pack_to

MIB = 1 << 20
PLAIN = Packing(compression="none", level=0)


class DictTree(InlineTree):
    """A tree of contents that may differ from what was listed; None has vanished."""

    def __init__(self, contents: Mapping[str, bytes | None]) -> None:
        super().__init__("here")
        self._contents = contents

    def read(self, entries: object) -> Iterator[tuple[Entry, Reader]]:
        assert isinstance(entries, Sequence)
        for entry in entries:
            data = self._contents.get(entry.path)
            if data is not None:
                yield entry, ShortReader(data)


class ShortReader:
    """Gives less than it is asked for, as sockets do."""

    def __init__(self, data: bytes) -> None:
        self._inner = BytesReader(data)

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(min(size, 300_001) if size >= 0 else 300_001)


def file(path: str, size: int, **facts: int) -> Entry:
    return Entry(path=path, kind=Kind.FILE, size=size, **facts)  # type: ignore[arg-type]  # owners, modes and times


def pack_of(
    contents: Mapping[str, bytes | None], sizes: Mapping[str, int] | None = None, *, must_be_whole: bool = True
) -> Pack:
    entries = tuple(file(p, (sizes or {}).get(p, len(d or b""))) for p, d in contents.items())
    return Pack(name="x", entries=entries, tree=DictTree(contents), must_be_whole=must_be_whole)


def packed(pack: Pack, *, tick: Callable[[int], None] = lambda size: None) -> tuple[bytes, Packed]:
    sink = io.BytesIO()
    result = pack_to(sink, pack, StreamCodec(), PLAIN, open_file=LocalFileSystem().open, tick=tick)
    return sink.getvalue(), result


def members(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name: content.read() for m in archive if (content := archive.extractfile(m))}


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, MIB, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 5 * MIB])
def test_a_file_of_any_size_is_stored_as_it_is(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    data, result = packed(pack_of({"a": content[:size], "b": b"next"}))
    assert members(data) == {"a": content[:size], "b": b"next"}
    assert len(data) % 512 == 0
    assert (result.bytes_inside, result.files, result.missing) == (size + 4, 2, ())


def test_the_result_describes_what_was_written() -> None:
    data, result = packed(pack_of({"a": b"1234"}))
    assert result.bytes_stored == len(data)
    assert result.sha256 == hashlib.sha256(data).hexdigest()


def test_owners_modes_times_and_links_are_kept_by_number() -> None:
    entries = (
        Entry(path="d", kind=Kind.DIRECTORY, mode=0o2750, uid=472, gid=0, modified=1_700_000_000),
        file("d/f", 1, mode=0o4640, uid=3_000_000_000, gid=65534, modified=1_700_000_001),
        Entry(path="d/l", kind=Kind.SYMLINK, mode=0o777, target="f", modified=-5),
    )
    data, _ = packed(Pack(name="x", entries=entries, tree=DictTree({"d/f": b"x"})))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {m.name: m for m in archive}
    assert set(found) == {"d", "d/f", "d/l"}
    assert (found["d"].type, found["d"].mode, found["d"].uid, found["d"].mtime) == (
        tarfile.DIRTYPE,
        0o2750,
        472,
        1_700_000_000,
    )
    assert (found["d/f"].mode, found["d/f"].uid, found["d/f"].gid) == (0o4640, 3_000_000_000, 65534)
    assert (found["d/l"].type, found["d/l"].linkname, found["d/l"].mtime) == (tarfile.SYMTYPE, "f", -5)
    assert all((m.uname, m.gname) == ("", "") for m in found.values())


@pytest.mark.parametrize(
    "path",
    [
        "n" * 99,
        "n" * 100,
        "n" * 101,
        "n" * 255,
        "/".join(["folder" * 10] * 6),
        "ü" * 60,
        "dashboards/Übersicht – 日本.json",
        "new\nline",
        "-rf",
        "trailing ",
        "a'b\"c",
        "not-utf8-\udcff\udcfe",
    ],
)
def test_names_of_every_length_and_script_survive(path: str) -> None:
    data, _ = packed(pack_of({path: b"x"}))
    assert members(data) == {path: b"x"}


def test_long_link_targets_survive() -> None:
    target = "ü/" * 100 + "x"
    data, _ = packed(Pack(name="x", entries=(Entry(path="l", kind=Kind.SYMLINK, target=target),), tree=DictTree({})))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getmembers()[0].linkname == target


contents = st.dictionaries(st.from_regex(r"[a-zé]{1,9}(/[a-z]{1,9}){0,2}", fullmatch=True), st.binary(max_size=2000))


@given(contents)
@settings(max_examples=50)
def test_whatever_is_packed_is_read_back(files: dict[str, bytes]) -> None:
    data, _ = packed(pack_of(files))
    assert members(data) == files


# --- files that change meanwhile -----------------------------------------------------------------


def test_a_small_file_that_shrank_is_stored_as_it_is_now() -> None:
    data, result = packed(pack_of({"a": b"short", "b": b"next"}, {"a": 1000}))
    assert members(data) == {"a": b"short", "b": b"next"}
    assert result.bytes_inside == 9


def test_a_large_file_that_shrank_is_an_error_with_both_sizes() -> None:
    pack = pack_of({"a": bytes(5 * MIB)}, {"a": 6 * MIB})
    with pytest.raises(CaptureError, match=rf"a became shorter .*\({5 * MIB} of {6 * MIB} bytes\)"):
        packed(pack)


def test_a_large_file_that_grew_is_cut_at_its_listed_size() -> None:
    data, _ = packed(pack_of({"a": b"x" * (6 * MIB), "b": b"next"}, {"a": 5 * MIB}))
    assert members(data) == {"a": b"x" * (5 * MIB), "b": b"next"}


def test_a_small_file_that_became_large_is_cut_at_its_listed_size() -> None:
    data, _ = packed(pack_of({"a": b"x" * (5 * MIB), "b": b"next"}, {"a": 10}))
    assert members(data) == {"a": b"x" * 10, "b": b"next"}


def test_a_file_that_vanished_changes_a_source_that_must_be_whole() -> None:
    with pytest.raises(SourceChanged, match="gone of here was deleted while it was read"):
        packed(pack_of({"a": b"1", "gone": None}))


def test_a_file_that_vanished_from_a_live_folder_is_listed() -> None:
    data, result = packed(pack_of({"a": b"1", "gone": None}, must_be_whole=False))
    assert members(data) == {"a": b"1"}
    assert result.missing == ("gone",)


def test_what_is_at_hand_is_stored_whole_whatever_size_was_listed() -> None:
    large = bytes(5 * MIB) + b"end"
    entries = (file("tombstones", 5 * MIB), file("meta.json", 1))
    pack = Pack(name="x", entries=entries, tree=DictTree({}), inline={"tombstones": large, "meta.json": b"{...}"})
    data, _ = packed(pack)
    assert members(data) == {"tombstones": large, "meta.json": b"{...}"}


def test_a_local_copy_takes_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(b"consistent")
    pack = Pack(
        name="x",
        entries=(file("grafana.db", 10),),
        tree=DictTree({"grafana.db": b"live"}),
        replaced={"grafana.db": str(tmp_path / "copy")},
    )
    assert members(packed(pack)[0]) == {"grafana.db": b"consistent"}


def test_several_packs_make_one_archive() -> None:
    sink = io.BytesIO()
    packs = [pack_of({"a": b"1"}), pack_of({"b": b"22", "gone": None}, must_be_whole=False)]
    result = pack_all_to(sink, packs, StreamCodec(), PLAIN, open_file=LocalFileSystem().open, tick=lambda size: None)
    assert members(sink.getvalue()) == {"a": b"1", "b": b"22"}
    assert (result.bytes_inside, result.files, result.missing) == (3, 2, ("gone",))


def test_progress_is_told_every_byte_and_may_stop_it() -> None:
    told: list[int] = []
    packed(pack_of({"a": bytes(5 * MIB), "b": b"1"}), tick=told.append)
    assert sum(told) == 5 * MIB + 1

    def stop(size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        packed(pack_of({"a": bytes(5 * MIB)}), tick=stop)


# --- several destinations ------------------------------------------------------------------------


class Fates:
    """Two stores and what was told of them."""

    def __init__(self) -> None:
        self.one, self.two = MemoryStore("memory://one"), MemoryStore("memory://two")
        self.failed: dict[str, str] = {}

    def tell(self, store: Store, error: StoreError) -> None:
        self.failed[store.url] = error.message

    @contextmanager
    def write(self) -> Iterator[Writer]:
        with fan_out([self.one, self.two], "key", at_most=100, failed=self.tell) as writer:
            yield writer

    def write_half(self, error: BaseException) -> None:
        with self.write() as writer:
            writer.write(b"half")
            raise error

    def kept(self) -> list[bytes | None]:
        return [store.objects.get("key") for store in (self.one, self.two)]


class FailsAtTheEnd(MemoryStore):
    """Refuses an object when all of it is there, as S3 does on a wrong checksum."""

    def __init__(self, url: str, error: BaseException) -> None:
        super().__init__(url)
        self._error = error

    @contextmanager
    def write(self, key: str, *, at_most: int) -> Iterator[Writer]:
        with super().write(key, at_most=at_most) as writer:
            yield writer
            raise self._error


def test_every_store_gets_the_same_bytes() -> None:
    fates = Fates()
    with fates.write() as writer:
        assert writer.write(b"some") == 4
        writer.write(memoryview(b"thing"))
    assert fates.kept() == [b"something", b"something"]
    assert fates.failed == {}


def test_a_store_that_fails_when_opened_is_left_out() -> None:
    fates = Fates()
    fates.one.go_down()
    with fates.write() as writer:
        writer.write(b"x")
    assert fates.kept() == [None, b"x"]
    assert fates.failed == {"memory://one": "memory://one did not answer"}


def test_a_store_that_fails_half_way_is_left_out() -> None:
    fates = Fates()
    fates.two.lose_connection_after(3)
    with fates.write() as writer:
        writer.write(b"12")
        writer.write(b"34")
        writer.write(b"56")
    assert fates.kept() == [b"123456", None]
    assert list(fates.failed) == ["memory://two"]


def test_a_store_that_fails_at_the_end_is_left_out() -> None:
    fates = Fates()
    fates.one = FailsAtTheEnd("memory://one", StoreDenied("wrong checksum", remedy="-"))
    with fates.write() as writer:
        writer.write(b"x")
    assert fates.kept() == [None, b"x"]
    assert fates.failed == {"memory://one": "wrong checksum"}


@pytest.mark.parametrize("when", ["open", "write", "end"])
def test_when_no_store_is_left_nobody_is(when: str) -> None:
    fates = Fates()
    if when == "end":
        fates.one = FailsAtTheEnd("memory://one", StoreDenied("no", remedy="-"))
        fates.two = FailsAtTheEnd("memory://two", StoreDenied("no", remedy="-"))
    for store in (fates.one, fates.two):
        if when == "open":
            store.go_down()
        elif when == "write":
            store.lose_connection_after(1)
    with pytest.raises(NobodyLeft), fates.write() as writer:
        writer.write(b"x")
    assert fates.kept() == [None, None]
    assert set(fates.failed) == {"memory://one", "memory://two"}


@pytest.mark.parametrize("error", [SourceChanged("x"), KeyboardInterrupt(), ValueError()])
def test_an_exception_leaves_nothing_anywhere(error: BaseException) -> None:
    fates = Fates()
    with pytest.raises(type(error)) as caught:
        fates.write_half(error)
    assert caught.value is error
    assert fates.kept() == [None, None]
    assert fates.failed == {}


def test_an_interruption_while_one_is_finished_leaves_nothing_in_the_next() -> None:
    fates = Fates()
    fates.one = FailsAtTheEnd("memory://one", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt), fates.write() as writer:
        writer.write(b"x")
    assert fates.kept() == [None, None]


def test_a_second_failure_does_not_hide_the_first() -> None:
    class FailsToAbort(MemoryStore):
        @contextmanager
        def write(self, key: str, *, at_most: int) -> Iterator[Writer]:
            try:
                with super().write(key, at_most=at_most) as writer:
                    yield writer
            except BaseException as error:
                raise StoreUnreachable("the abort failed too", remedy="-") from error

    fates = Fates()
    fates.one = FailsToAbort("memory://one")
    with pytest.raises(SourceChanged, match="the first"):
        fates.write_half(SourceChanged("the first"))
