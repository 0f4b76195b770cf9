"""Writes into a volume through the engine: no root here, a remote engine, no helper image.

Files go through the archive API into a container that is created and never started; names, renames and removals
through a script in a throwaway container, written for busybox, dash and bash alike.
"""

from __future__ import annotations

import posixpath
import secrets
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import IO, cast

from monops.domain.errors import EngineError, NotFound, Refused, RestoreFailed
from monops.domain.ports import Engine, Reader
from monops.domain.tar_stream import TarStream, end_of_archive, header, padding, stays_inside
from monops.domain.tree import Entry, Kind, is_own, is_safe

from .archive_tree import ArchiveTree
from .docker_engine import VOLUME_PATH

#: A script is one argument, and Linux takes no argument above 128 KiB. Source: execve(2), MAX_ARG_STRLEN.
_LONGEST_SCRIPT = 100_000
#: Small pieces of a tar are sent together: each piece is an HTTP chunk of its own.
_SEND = 1 << 20


class ArchiveWriter:
    """A volume, or a folder in it, seen through a container that has it at `/volume`."""

    def __init__(
        self, engine: Engine, container: str, volume: str, images: Sequence[str], *, subpath: str = ""
    ) -> None:
        self._engine = engine
        self._container = container
        self._volume = volume
        self._images = tuple(images)
        self._subpath = subpath.strip("/")

    @property
    def place(self) -> str:
        return self._volume

    @property
    def is_concurrent(self) -> bool:
        """The engine's client is one connection."""
        return False

    def names(self, under: str = "") -> tuple[str, ...]:
        # A slash is the one character that no name holds.
        found = self._run(
            f"cd {self._quoted(under)} 2>/dev/null || exit 0\n"
            'for name in * .*; do case "$name" in .|..) continue;; esac\n'
            'if [ -e "$name" ] || [ -L "$name" ]; then printf "%s/" "$name"; fi; done',
            writable=False,
        )
        return tuple(sorted(name for name in found.split("/") if name))

    def make(self, path: str) -> None:
        self._run(f"umask 077; mkdir -p {self._quoted(path)}")

    def unpack(self, under: str, tar: Reader) -> int:
        checked = _Checked(tar)
        self._engine.unarchive(self._container, self._place_of(under), _in_pieces(checked.pieces()))
        lines = [self._line_for_link(under, link) for link in checked.links]
        for script in _scripts("", lines):
            self._run(script)
        return checked.bytes

    def _line_for_link(self, under: str, link: Entry) -> str:
        place = self._quoted(posixpath.join(under, link.path))
        target = "'" + link.target.replace("'", "'\\''") + "'"
        return f"ln -sfn {target} {place} && chown -h {link.uid}:{link.gid} {place} || exit 1\n"

    def listing(self, under: str) -> tuple[Entry, ...]:
        tree = ArchiveTree(self._engine, self._container, self._volume, self._images, subpath=self._subpath)
        found = tree.walk(under)
        if under:
            return found
        deeper = [entry for name in self.names() if is_own(name) for entry in (self._own_top(name), *tree.walk(name))]
        return tuple(sorted((*found, *deeper), key=lambda entry: entry.path))

    def move(self, pairs: Sequence[tuple[str, str]]) -> None:
        begin = (
            "move() {\n"
            'if [ -e "$2" ] || [ -L "$2" ]; then echo "$2 is already there"; exit 1; fi\n'
            'mv "$1" "$2" || exit 1\n}\n'
        )
        lines = [f"move {self._quoted(old)} {self._quoted(new)}\n" for old, new in pairs]
        for script in _scripts(begin, lines):
            self._run(script)

    def remove(self, paths: Sequence[str]) -> None:
        for script in _scripts("", [f"rm -rf {self._quoted(path)} || exit 1\n" for path in paths]):
            self._run(script)

    def own(self, path: str, *, uid: int, gid: int, mode: int) -> None:
        quoted = self._quoted(path)
        self._run(f"chown {uid}:{gid} {quoted} && chmod {mode:o} {quoted}")

    def put(self, path: str, data: bytes) -> None:
        folder, _, name = path.rpartition("/")
        temporary = f".monops-{secrets.token_hex(4)}.tmp"
        head = header(Entry(path=temporary, kind=Kind.FILE, size=len(data), mode=0o600))
        tar = head + data + padding(len(data))
        self._engine.unarchive(self._container, self._place_of(folder), iter([tar + end_of_archive(len(tar))]))
        source = self._quoted(posixpath.join(folder, temporary))
        self._run(f"sync; mv -f {source} {self._quoted(posixpath.join(folder, name))} && sync")

    def get(self, path: str) -> bytes | None:
        with (
            suppress(NotFound),
            self._engine.archive(self._container, self._place_of(path)) as reader,
            tarfile.open(fileobj=cast(IO[bytes], reader), mode="r|") as archive,
        ):
            member = archive.next()
            content = archive.extractfile(member) if member is not None and member.isreg() else None
            return content.read() if content is not None else None
        return None

    def flush(self) -> None:
        self._run("sync")

    def free_bytes(self) -> int | None:
        lines = self._run(f"df -Pk {self._quoted('')}", writable=False).splitlines()
        fields = lines[-1].split() if lines else []
        return int(fields[3]) * 1024 if len(fields) >= 6 and fields[3].isdigit() else None

    def _own_top(self, name: str) -> Entry:
        with (
            self._engine.archive(self._container, self._place_of(name)) as reader,
            tarfile.open(fileobj=cast(IO[bytes], reader), mode="r|") as archive,
        ):
            member = archive.next()
            if member is None:
                raise RestoreFailed(f"{name} vanished from volume {self._volume}", remedy="run the command again")
            return Entry(
                path=name,
                kind=Kind.DIRECTORY if member.isdir() else Kind.FILE,
                size=member.size if member.isreg() else 0,
                mode=member.mode & 0o7777,
                uid=member.uid,
                gid=member.gid,
                modified=int(member.mtime),
            )

    def _run(self, script: str, *, writable: bool = True) -> str:
        try:
            helper = self._engine.script(self._volume, self._images, script, writable=writable)
        except EngineError as error:
            if "has a shell" not in error.message:
                raise
            raise EngineError(error.message, remedy="docker pull busybox, or run monops as root on the host") from error
        if helper.exit_code != 0:
            text = helper.output.strip().splitlines()
            said = text[-1] if text else f"exit code {helper.exit_code}"
            if "No space left" in said:
                raise Refused(f"no space left in volume {self._volume}", remedy="free space there: docker system df")
            raise RestoreFailed(
                f"volume {self._volume} could not be changed: {said}",
                remedy=f"docker volume inspect {self._volume}",
            )
        return helper.output

    def _place_of(self, path: str) -> str:
        if path and not is_safe(path):
            raise RestoreFailed(f"{path} is not inside {self._volume}", remedy="report this as a bug in monops")
        return posixpath.join(VOLUME_PATH, self._subpath, path).rstrip("/")

    def _quoted(self, path: str) -> str:
        return "'" + self._place_of(path).replace("'", "'\\''") + "'"


class _Checked:
    """A tar stream that is looked at before the engine gets it."""

    def __init__(self, source: Reader) -> None:
        self._stream = TarStream(source)
        self.bytes = 0
        #: Links that lead out of the folder: the engine refuses them in an archive, so they are made afterwards.
        self.links: list[Entry] = []

    def pieces(self) -> Iterator[bytes | memoryview]:
        written = 0
        for member in self._stream:
            entry = member.entry
            if entry.kind is Kind.SYMLINK and not stays_inside(entry.path, entry.target):
                self.links.append(entry)
                continue
            yield member.header
            yield from self._stream.content()
            gap = padding(member.entry.size)
            yield gap
            written += len(member.header) + member.entry.size + len(gap)
            self.bytes += member.entry.size
        yield end_of_archive(written)


def _in_pieces(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """The same bytes in pieces worth sending, none of them empty: an empty one would end the request."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= _SEND:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


def _scripts(begin: str, lines: Iterable[str]) -> Iterator[str]:
    """As few scripts as will hold the lines, each with `begin` in front."""
    script = begin
    for line in lines:
        if len(script) + len(line) > _LONGEST_SCRIPT:
            yield script
            script = begin
        script += line
    if script != begin:
        yield script
