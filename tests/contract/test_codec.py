"""What is packed can be opened with `age`, `zstd`, `gzip` and `tar` alone; what is damaged is never taken for sound."""

from __future__ import annotations

import functools
import io
import random
import shutil
import subprocess
import tarfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monops.domain.errors import ConfigurationError, Damaged, StoreFull, StoreUnreachable
from monops.domain.ports import Packing
from monops.edges.codec import StreamCodec, check_recipients
from monops.ops.pack import BytesReader

COMPRESSIONS = [("zstd", 3), ("gzip", 6), ("none", 0)]
_SAMPLE = b"".join(b"line %d of a text\n" % number for number in range(9000)) + random.Random(1).randbytes(200_000)


@functools.cache
def key_pair() -> tuple[str, str]:
    """(identity, recipient), made once."""
    from pyrage import x25519

    identity = x25519.Identity.generate()
    return str(identity), str(identity.to_public())


@pytest.fixture(params=[(*c, e) for c in COMPRESSIONS for e in (False, True)], ids=lambda p: f"{p[0]}{'+age' * p[2]}")
def packing(request: pytest.FixtureRequest) -> Packing:
    compression, level, is_encrypted = request.param
    return Packing(compression=compression, level=level, recipients=(key_pair()[1],) if is_encrypted else ())


def is_checked(packing: Packing) -> bool:
    """Whether a flipped bit shows: a bare tar has no checksum of its own, verify's sha256 finds it."""
    return packing.compression != "none" or bool(packing.recipients)


def packed(data: bytes, packing: Packing, *, piece: int = 70_001) -> bytes:
    sink = io.BytesIO()
    with StreamCodec().pack(sink, packing) as writer:
        for start in range(0, len(data), piece):
            assert writer.write(memoryview(data)[start : start + piece]) == len(data[start : start + piece])
    return sink.getvalue()


def unpacked(data: bytes | ShortReader, packing: Packing, *, identities: tuple[str, ...] | None = None) -> bytes:
    identities = (key_pair()[0],) if identities is None else identities
    source = BytesReader(data) if isinstance(data, bytes) else data
    with StreamCodec().unpack(source, "objects/x" + packing.suffix, identities) as reader:
        return b"".join(iter(lambda: reader.read(1 << 16), b""))


class ShortReader:
    """Gives a few bytes at a time, and an error or the end afterwards."""

    def __init__(self, data: bytes, *, at_most: int = 1009, error: Exception | None = None) -> None:
        self._inner = BytesReader(data)
        self._at_most = at_most
        self._error = error

    def read(self, size: int = -1) -> bytes:
        data = self._inner.read(min(size, self._at_most) if size >= 0 else self._at_most)
        if not data and self._error is not None:
            raise self._error
        return data


def test_what_was_packed_comes_back(packing: Packing) -> None:
    assert unpacked(packed(_SAMPLE, packing), packing) == _SAMPLE


@given(data=st.binary(max_size=3000), piece=st.integers(1, 500), which=st.sampled_from(COMPRESSIONS))
@settings(max_examples=40, deadline=None)
def test_whatever_was_packed_in_whatever_pieces_comes_back(data: bytes, piece: int, which: tuple[str, int]) -> None:
    packing = Packing(compression=which[0], level=which[1])
    stored = packed(b"x" + data, packing, piece=piece)
    assert unpacked(stored, packing) == b"x" + data


def test_a_source_that_gives_little_at_a_time_is_read_whole(packing: Packing) -> None:
    assert unpacked(ShortReader(packed(_SAMPLE, packing)), packing) == _SAMPLE


@pytest.mark.parametrize("threads", [0, 2])
def test_a_large_stream_comes_back_from_several_threads(threads: int) -> None:
    data = _SAMPLE * 20
    packing = Packing(threads=threads)
    assert unpacked(packed(data, packing, piece=1 << 20), packing) == data


@pytest.mark.parametrize(("compression", "level"), COMPRESSIONS)
def test_the_same_bytes_give_the_same_object(compression: str, level: int) -> None:
    packing = Packing(compression=compression, level=level)
    assert packed(_SAMPLE, packing) == packed(_SAMPLE, packing)


def test_every_recipient_can_open_it() -> None:
    from pyrage import x25519

    people = [x25519.Identity.generate() for _ in range(3)]
    packing = Packing(recipients=tuple(str(person.to_public()) for person in people))
    stored = packed(_SAMPLE, packing)
    for person in people:
        assert unpacked(stored, packing, identities=(key_pair()[0], str(person))) == _SAMPLE


# --- opened by hand ------------------------------------------------------------------------------


def test_it_opens_with_the_programs_of_every_system(packing: Packing, tmp_path: Path) -> None:
    programs = {"zstd": ["zstd", "-dc"], "gzip": ["gzip", "-dc"], "none": ["cat"]}
    steps = [["age", "-d", "-i", str(tmp_path / "key.txt")]] if packing.recipients else []
    steps += [programs[packing.compression], ["tar", "-xf", "-", "-C", str(tmp_path / "out")]]
    missing = [step[0] for step in steps if shutil.which(step[0]) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (scripts/testbed tools)")
    (tmp_path / "key.txt").write_text(key_pair()[0] + "\n")
    (tmp_path / "out").mkdir()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo("sample")
        info.size = len(_SAMPLE)
        tar.addfile(info, io.BytesIO(_SAMPLE))
    data = packed(archive.getvalue(), packing)
    for step in steps:
        data = subprocess.run(step, input=data, check=True, capture_output=True).stdout
    assert (tmp_path / "out/sample").read_bytes() == _SAMPLE


def test_what_the_programs_made_is_opened(packing: Packing, tmp_path: Path) -> None:
    programs = {"zstd": ["zstd", "-c"], "gzip": ["gzip", "-c"], "none": ["cat"]}
    steps = [programs[packing.compression], *([["age", "-r", key_pair()[1]]] if packing.recipients else [])]
    missing = [step[0] for step in steps if shutil.which(step[0]) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (scripts/testbed tools)")
    data = _SAMPLE
    for step in steps:
        data = subprocess.run(step, input=data, check=True, capture_output=True).stdout
    assert unpacked(data, packing) == _SAMPLE


# --- damaged -------------------------------------------------------------------------------------


def test_a_stream_that_was_cut_anywhere_is_damaged(packing: Packing) -> None:
    data = packed(_SAMPLE, packing)
    if not is_checked(packing):
        assert unpacked(data[:-1], packing) == _SAMPLE[:-1]  # found by whoever reads the tar
        return
    edges = [0, 1, 2, 3, 4, 8, 10, 17, 18, 19, 150, 200, 216, 217, 233, 65536, 65753]
    cuts = {*edges, *range(20, len(data), 9973), *(len(data) - n for n in (1, 2, 3, 4, 5, 8, 9, 16, 17))}
    for cut in sorted(c for c in cuts if c < len(data)):
        with pytest.raises(Damaged, match=r"objects/x\.tar"):
            unpacked(data[:cut], packing)


def test_a_flipped_bit_anywhere_is_damaged_or_changes_nothing(packing: Packing) -> None:
    if not is_checked(packing):
        pytest.skip("a bare tar has no checksum")
    sample = _SAMPLE[:20_000] + _SAMPLE[-20_000:]
    data = packed(sample, packing)
    # A flipped recipient in age's header looks like somebody else's key.
    other = (ConfigurationError,) if packing.recipients else ()
    positions = {*range(300), *range(300, len(data), 211), *range(len(data) - 40, len(data))}
    for position in sorted(p for p in positions if p < len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        # A few bits of gzip's header mean nothing for the content; none may change it.
        assert result_of(bytes(flipped), packing) in (sample, Damaged, *other), position


def result_of(data: bytes, packing: Packing) -> bytes | type[Exception]:
    try:
        return unpacked(data, packing)
    except (Damaged, ConfigurationError) as error:
        return type(error)


@pytest.mark.parametrize("more", [b"more", b"\0\0\0\1", b"\x28\xb5\x2f\xfd", bytes(600) + b"x"])
def test_what_stands_behind_the_end_is_damage(packing: Packing, more: bytes) -> None:
    if not is_checked(packing):
        pytest.skip("a bare tar has no end of its own")
    with pytest.raises(Damaged):
        unpacked(packed(_SAMPLE, packing) + more, packing)


def test_nothing_at_all_is_damaged(packing: Packing) -> None:
    if is_checked(packing):
        with pytest.raises(Damaged):
            unpacked(b"", packing)


def test_a_connection_that_is_lost_is_not_taken_for_damage(packing: Packing) -> None:
    lost = StoreUnreachable("the server went away", remedy="-")
    data = packed(_SAMPLE, packing)
    for size in (0, 100, len(data) // 2):
        with pytest.raises(StoreUnreachable) as caught:
            unpacked(ShortReader(data[:size], error=lost), packing)
        assert caught.value is lost


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("compression", "level"), COMPRESSIONS)
def test_a_wrong_key_is_a_fault_of_the_configuration(compression: str, level: int) -> None:
    from pyrage import x25519

    packing = Packing(compression=compression, level=level, recipients=(key_pair()[1],))
    data = packed(_SAMPLE, packing)
    with pytest.raises(ConfigurationError, match="encrypted for another age key"):
        unpacked(data, packing, identities=(str(x25519.Identity.generate()),))
    with pytest.raises(ConfigurationError, match="no age identity is known") as caught:
        unpacked(data, packing, identities=())
    assert "MONOPS_AGE_IDENTITY_FILE" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "age1x", "AGE-SECRET-KEY-1NOTAKEY", "ssh-ed25519 x", "bob"])
def test_what_is_no_recipient_is_refused_before_anything_is_done(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not an age recipient"):
        check_recipients([key_pair()[1], text])


def test_a_secret_key_pasted_for_a_public_one_is_not_repeated() -> None:
    secret = key_pair()[0]
    with pytest.raises(ConfigurationError) as caught:
        check_recipients([secret])
    assert secret[20:] not in f"{caught.value.message} {caught.value.remedy} {caught.value.__cause__}"


def test_an_identity_that_is_none_is_refused_and_not_repeated() -> None:
    packing = Packing(recipients=(key_pair()[1],))
    with pytest.raises(ConfigurationError, match="identity cannot be read") as caught:
        unpacked(packed(b"x", packing), packing, identities=("AGE-SECRET-KEY-1HUNTER2",))
    assert "HUNTER2" not in f"{caught.value.message} {caught.value.remedy}"


# --- threads -------------------------------------------------------------------------------------


class FullSink:
    """Takes so many bytes, then raises."""

    def __init__(self, room: int, error: BaseException) -> None:
        self._room = room
        self._error = error
        self.is_closed = False

    def write(self, data: bytes | memoryview) -> int:
        assert not self.is_closed, "something wrote behind the end"
        self._room -= len(data)
        if self._room < 0:
            raise self._error
        return len(data)


def write_into(sink: FullSink, packing: Packing, *, error: BaseException | None = None) -> None:
    with StreamCodec().pack(sink, packing) as writer:
        for number in range(20):
            writer.write(random.Random(number).randbytes(300_000))
        if error is not None:
            raise error


@pytest.mark.parametrize("room", [0, 100, 1_000_000])
def test_an_error_of_the_sink_comes_out_as_it_is(packing: Packing, room: int) -> None:
    full = StoreFull("no space left", remedy="-")
    with pytest.raises(StoreFull) as caught:
        write_into(FullSink(room, full), packing)
    assert caught.value is full


def test_a_writer_that_is_left_by_an_exception_writes_no_more(packing: Packing) -> None:
    sink = FullSink(1 << 40, ValueError())
    with pytest.raises(KeyboardInterrupt):
        write_into(sink, packing, error=KeyboardInterrupt())
    sink.is_closed = True
    import gc

    gc.collect()
    assert "age" not in {thread.name for thread in threading.enumerate()}


def test_a_reader_that_is_abandoned_does_not_hang(packing: Packing) -> None:
    data = packed(_SAMPLE * 5, packing)
    with StreamCodec().unpack(BytesReader(data), "x" + packing.suffix, (key_pair()[0],)) as reader:
        assert reader.read(10) == _SAMPLE[:10]
    assert "age" not in {thread.name for thread in threading.enumerate()}


def test_a_reader_that_is_never_used_does_not_hang(packing: Packing) -> None:
    data = packed(_SAMPLE * 5, packing)
    with StreamCodec().unpack(BytesReader(data), "x" + packing.suffix, (key_pair()[0],)):
        pass
    assert "age" not in {thread.name for thread in threading.enumerate()}
