"""What the trees do when something breaks: a stream from the engine that is cut, a disk that fails, odd listings."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes.fake_engine import FakeEngine

from monops.domain.errors import CaptureError, EngineError, NotFound
from monops.domain.ports import Helper, Reader
from monops.domain.tree import Entry, Kind
from monops.edges.archive_tree import ArchiveTree
from monops.edges.local_tree import LocalTree
from monops.ops.pack import BytesReader


def archive(members: dict[str, bytes], *, top: str = "volume") -> bytes:
    """What the engine sends: the last part of the path first, two zero blocks at the end, no more."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        root = tarfile.TarInfo(top)
        root.type, root.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(root)
        for name, data in members.items():
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        end = tar.offset
    return target.getvalue()[: end + 1024]


@dataclass
class TarEngine(FakeEngine):
    """Sends one archive for every path, and says the same to every script."""

    sent: bytes = b""
    helper: Helper | None = None

    @contextmanager
    def archive(self, container_id: str, path: str) -> Iterator[Reader]:
        if not self.sent:
            raise NotFound("gone", remedy="-")
        yield BytesReader(self.sent)

    def script(self, volume: str, images: Sequence[str], text: str, *, writable: bool) -> Helper:
        if self.helper is None:
            raise EngineError("no shell", remedy="-")
        return self.helper


def tree(engine: TarEngine) -> ArchiveTree:
    return ArchiveTree(engine, "container", "volume", ["image"])


FILES = {"a": b"1" * 700, "b": bytes(2000), "c": b"", "d": b"x" * 512}


def test_a_whole_archive_is_listed() -> None:
    assert [(e.path, e.size) for e in tree(TarEngine(sent=archive(FILES))).walk()] == [
        (name, len(data)) for name, data in FILES.items()
    ]


def test_an_archive_that_is_cut_anywhere_is_no_listing() -> None:
    whole = archive(FILES)
    for size in {*range(1, len(whole), 256), *range(0, len(whole), 512), len(whole) - 1} - {0}:
        with pytest.raises(CaptureError, match="broke off"):
            tree(TarEngine(sent=whole[:size])).walk()


def read_all(engine: TarEngine, entries: Sequence[Entry]) -> dict[str, bytes]:
    return {e.path: b"".join(iter(lambda r=r: r.read(1 << 20), b"")) for e, r in tree(engine).read(entries)}  # type: ignore[misc]  # bound at once


def test_an_archive_that_is_cut_anywhere_gives_no_short_file() -> None:
    members = {f"f{number}": b"x" * 1000 for number in range(6)}
    entries = [Entry(path=name, kind=Kind.FILE, size=1000) for name in members]
    whole = archive(members)
    assert read_all(TarEngine(sent=whole), entries) == members
    for size in range(256, len(whole), 256):
        with pytest.raises(CaptureError, match="broke off"):
            read_all(TarEngine(sent=whole[:size]), entries)


def test_one_file_that_is_cut_is_an_error() -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        info = tarfile.TarInfo("f")
        info.size = 3000
        tar.addfile(info, io.BytesIO(b"x" * 3000))
    whole = target.getvalue()
    entry = Entry(path="f", kind=Kind.FILE, size=3000)
    assert read_all(TarEngine(sent=whole), [entry]) == {"f": b"x" * 3000}
    for size in (513, 1000, 1024, 3000, 3511):
        with pytest.raises(CaptureError, match="broke off"):
            read_all(TarEngine(sent=whole[:size]), [entry])


# --- listings by a shell -------------------------------------------------------------------------


def listed(*lines: str, begin: bool = True, end: bool = True, exit_code: int = 0) -> list[tuple[str, Kind, str]]:
    """What `walk` makes of `stat`'s lines; the archive says `from the stream`."""
    output = [*(["monops-begin"] if begin else []), *lines, *(["monops-end"] if end else [])]
    helper = Helper(exit_code=exit_code, output="".join(line + "\n" for line in output))
    engine = TarEngine(sent=archive({"from the stream": b""}), helper=helper)
    return [(e.path, e.kind, e.target) for e in tree(engine).walk()]


STREAM = [("from the stream", Kind.FILE, "")]
ROOT = "41ed 4096 0 0 1700000000 '.'"


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("81a4 5 0 0 1 './plain'", "plain"),
        ("81a4 5 0 0 1 ./plain", "plain"),
        ("81a4 5 0 0 1 ./ends with quote'", "ends with quote'"),
        ("81a4 5 0 0 1 './say \"hi\"'", 'say "hi"'),
        ('81a4 5 0 0 1 "./it\'s"', "it's"),
        ("81a4 5 0 0 1 ./'quoted'", "'quoted'"),
        ("81a4 5 0 0 1 './ü\u2028x'", "ü\u2028x"),
    ],
)
def test_names_are_read_as_coreutils_and_busybox_write_them(line: str, path: str) -> None:
    assert listed(ROOT, line) == [(path, Kind.FILE, "")]


def test_links_are_read_as_coreutils_and_busybox_write_them() -> None:
    assert listed(ROOT, "a1ff 5 0 0 1 './l' -> '../x y'") == [("l", Kind.SYMLINK, "../x y")]


@pytest.mark.parametrize(
    "line",
    [
        "81a4 5 0 0 1 './a'$'\\n''b'",
        "81a4 5 0 0 1 ./bad\ufffdname",
        "81a4 5 0 0 1 ./what?",
        "81a4 5 0 0 1 './a -> b'",
        "a1ff 5 0 0 1 './a -> b' -> 'c'",
        "a1ff 5 0 0 1 './a'",
        "stat: can't stat './x': No such file or directory",
        "",
        "11a4 0 0 0 1 './pipe'",
    ],
)
def test_a_listing_with_a_doubtful_line_is_not_trusted(line: str) -> None:
    assert listed(ROOT, line) == STREAM


def test_a_listing_that_is_not_whole_is_not_trusted() -> None:
    assert listed(ROOT, "81a4 5 0 0 1 './a'", begin=False) == STREAM
    assert listed(ROOT, "81a4 5 0 0 1 './a'", end=False) == STREAM
    assert listed(ROOT, "81a4 5 0 0 1 './a'", exit_code=137) == STREAM
    assert listed() == STREAM


def test_a_folder_that_is_not_there_is_empty() -> None:
    assert tree(TarEngine(sent=b"", helper=Helper(exit_code=44, output=""))).walk("absent") == ()


# --- local ---------------------------------------------------------------------------------------


def test_a_disk_that_fails_while_it_is_read_is_a_capture_error() -> None:
    """/proc/self/mem can be opened; its first page cannot be read."""
    failing = LocalTree("/proc/self", place="the disk")
    entry = Entry(path="mem", kind=Kind.FILE, size=10)
    ((_, reader),) = list(read_lazily(failing, entry))
    assert "Input/output error" in reader


def read_lazily(failing: LocalTree, entry: Entry) -> Iterator[tuple[Entry, str]]:
    for found, reader in failing.read([entry]):
        with pytest.raises(CaptureError, match="cannot read mem of the disk") as caught:
            reader.read(10)
        yield found, caught.value.message


def test_a_link_that_took_a_files_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("not of this source")
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").write_text("x")
    local = LocalTree(str(root))
    entries = local.walk()
    (root / "file").unlink()
    (root / "file").symlink_to(tmp_path / "secret")
    with pytest.raises(CaptureError):
        list(local.read(entries))


def test_a_pipe_that_took_a_files_place_does_not_hang(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    local = LocalTree(str(tmp_path))
    entries = local.walk()
    (tmp_path / "file").unlink()
    os.mkfifo(tmp_path / "file")
    assert sum(1 for _ in local.read(entries)) <= 1


_HOLD_TWICE = """
import resource, sys
from monops.edges.local_tree import LocalTree
resource.setrlimit(resource.RLIMIT_NOFILE, (300, int(sys.argv[2])))
tree = LocalTree(sys.argv[1])
entries = tree.walk()
with tree.hold(entries) as (_, gone), tree.hold(entries) as (held, _):
    print(sum(1 for _ in held.read(entries)), gone)
"""


@pytest.mark.parametrize(("limit", "answer"), [(4096, "600 ()"), (700, "holding 600 files open")])
def test_many_files_are_held_open_or_the_limit_is_named(tmp_path: Path, limit: int, answer: str) -> None:
    for number in range(600):
        (tmp_path / f"f{number}").touch()
    command = [sys.executable, "-c", _HOLD_TWICE, str(tmp_path), str(limit)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer in ran.stdout + ran.stderr
