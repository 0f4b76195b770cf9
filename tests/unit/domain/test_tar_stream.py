"""Reading plain tar as a stream."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monops.domain.errors import Damaged
from monops.domain.tar_stream import TarStream, end_of_archive, header, padding, stays_inside
from monops.domain.tree import Entry, Kind


class _Dribble:
    """Gives few bytes at a time, as a network does."""

    def __init__(self, data: bytes, most: int) -> None:
        self._source = io.BytesIO(data)
        self._most = most

    def read(self, size: int = -1) -> bytes:
        return self._source.read(min(size, self._most) if size >= 0 else self._most)


def _archive(files: dict[str, bytes], form: int) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.uid, info.mtime = 3_000_000, 1_700_000_000
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


_NAMES = st.from_regex(r"[a-zü]{1,80}(/[a-z]{1,80}){0,3}", fullmatch=True)


@given(
    files=st.dictionaries(_NAMES, st.binary(max_size=2000), max_size=5),
    form=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    most=st.sampled_from([1, 100, 512, 1 << 20]),
)
def test_every_member_of_either_dialect_comes_out_as_it_went_in(files: dict[str, bytes], form: int, most: int) -> None:
    data = _archive(files, form)
    source = _Dribble(data, most)
    stream = TarStream(source)
    again = b""
    found = {}
    for member in stream:
        content = b"".join(bytes(piece) for piece in stream.content())
        found[member.entry.path] = content
        assert (member.entry.uid, member.entry.modified) == (3_000_000, 1_700_000_000)
        again += member.header + content + padding(len(content))
    assert found == files
    assert source.read() == b""
    assert again + end_of_archive(len(again)) == data


@given(cut=st.integers(0, 5000))
def test_a_cut_archive_is_never_taken_for_a_whole_one(cut: int) -> None:
    data = _archive({"a": b"x" * 700, "b" * 150: b"y" * 2000}, tarfile.PAX_FORMAT)
    members_end = len(data.rstrip(b"\0"))
    with pytest.raises(Damaged):
        for _ in TarStream(io.BytesIO(data[: min(cut, members_end)])):
            pass


@given(position=st.integers(0, 511), bit=st.integers(0, 7))
def test_a_flipped_bit_in_a_header_is_found(position: int, bit: int) -> None:
    data = bytearray(_archive({"a": b"x"}, tarfile.PAX_FORMAT))
    data[position] ^= 1 << bit
    try:
        entries = [member.entry for member in TarStream(io.BytesIO(bytes(data)))]
    except Damaged:
        return
    # Only in what the checksum leaves out: its own spelling.
    assert [entry.path for entry in entries] == ["a"]


def test_a_header_of_ours_is_read_by_tarfile() -> None:
    entry = Entry(path="x" * 150, kind=Kind.FILE, size=3, mode=0o600, uid=1, gid=2, modified=4)
    data = header(entry) + b"abc" + padding(3)
    with tarfile.open(fileobj=io.BytesIO(data + end_of_archive(len(data)))) as archive:
        (member,) = archive.getmembers()
    assert (member.name, member.size, member.mode, member.uid, member.gid) == ("x" * 150, 3, 0o600, 1, 2)


@pytest.mark.parametrize(
    ("path", "target", "expected"),
    [
        ("link", "file", True),
        ("a/link", "../file", True),
        ("a/b/link", "../../c/./d", True),
        ("link", "../file", False),
        ("a/link", "../../file", False),
        ("link", "/etc/passwd", False),
        ("a/link", "b/../../../file", False),
        # Inside by its letters; but `b` may be a link to somewhere higher up.
        ("a/link", "b/../c", False),
        ("link", "", False),
    ],
)
def test_a_link_must_stay_inside(path: str, target: str, expected: bool) -> None:
    assert stays_inside(path, target) is expected
