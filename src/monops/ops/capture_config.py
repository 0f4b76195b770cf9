"""Capturing the stack's own files: what it mounts from the host, its Compose files, how its containers were made."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from monops.domain.errors import MonopsError, VolumeMissing
from monops.domain.layout import MARKER
from monops.domain.place import Place
from monops.domain.ports import Container, Mount, Reader, Tree
from monops.domain.rebuild import is_harmless_environment, is_secret_file, rebuild_facts
from monops.domain.stack import Stack
from monops.domain.tree import Entry, Kind, parents
from monops.ops.capture import Capture, Naming, Target, inline_of
from monops.ops.outside import Outside
from monops.ops.pack import Pack

#: Where the stack's services look for their files.
_CONFIG_FOLDERS = ("/etc/prometheus", "/etc/alertmanager", "/etc/grafana", "/var/lib/grafana/dashboards")
#: Labels that Docker Compose puts on its containers. Source: docker/compose, pkg/api/labels.go.
_FILES, _WORKING_DIR = "com.docker.compose.project.config_files", "com.docker.compose.project.working_dir"
#: A configuration folder holds texts: anything larger is data in the wrong place.
_LARGEST = 32 << 20
#: Where `monops init` keeps what it changed.
_OLD_VERSIONS = (".monops/before/", ".monops/changes/")
#: What a private key in PEM holds, whatever its file is called. Source: RFC 7468.
_PRIVATE_KEY = b"PRIVATE KEY-----"


@dataclass(slots=True)
class _Collected:
    """Files by their path in the object."""

    with_secrets: bool
    entries: dict[str, Entry] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    #: Paths on the host.
    left_out: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)

    def add(self, path: str, entry: Entry, data: bytes) -> None:
        for folder in parents(path):
            self.entries.setdefault(folder, Entry(path=folder, kind=Kind.DIRECTORY, mode=0o755))
        self.entries[path] = Entry(
            path=path,
            kind=Kind.FILE,
            size=len(data),
            mode=entry.mode,
            uid=entry.uid,
            gid=entry.gid,
            modified=entry.modified,
        )
        self.contents[path] = data


@contextmanager
def capture_config(outside: Outside, stack: Stack | None, target: Target, naming: Naming) -> Iterator[Capture]:
    """Read the files as they are: `<service>/<path in the container>`, `compose/…`, `containers/<service>.json`.

    Files that can hold secrets (`secrets/`, a `.env` of more than images and ports) go in only if the backup is
    encrypted; else a warning names them.
    """
    found = _Collected(with_secrets=bool(naming.recipients))
    with ExitStack() as opened:
        if target.place.path:
            _collect(found, opened.enter_context(outside.volumes.tree(target.place)), "")
        for container in stack.containers if stack is not None else ():
            for mount in _config_mounts(container):
                _collect_mount(outside, found, container, mount)
            facts = json.dumps(rebuild_facts(container.raw), indent=2, sort_keys=True).encode() + b"\n"
            found.add(f"containers/{container.service}.json", Entry(path="", kind=Kind.FILE, mode=0o600), facts)
        if stack is not None:
            _collect_compose(outside, found, stack)
    if not found.contents:
        raise MonopsError(
            "the stack has no configuration files that monops can reach", remedy='[sources.config] path = "/the/folder"'
        )
    if found.left_out:
        found.warnings.append(
            f"left out because the backup is not encrypted: {', '.join(sorted(found.left_out))}; "
            "set encrypt_to in [backup] to have them in it"
        )
    for warning in found.warnings:
        outside.progress.warn(warning)
    root = Entry(path="", kind=Kind.DIRECTORY, mode=0o700)
    tree: Tree = InlineTree(target.place.name or (stack.project if stack is not None else ""))
    entries = tuple(sorted(found.entries.values(), key=lambda entry: entry.path))
    pack = Pack(name=naming.per_snapshot(), entries=entries, tree=tree, inline=found.contents)
    yield Capture(mode="live", tree=tree, root=root, phases=iter([[pack]]), warnings=found.warnings)


class InlineTree:
    """A source whose contents are all at hand."""

    reach = "directory"

    def __init__(self, place: str) -> None:
        self.place = place

    def under(self, path: str) -> InlineTree:
        return InlineTree(posixpath.join(self.place, path))

    def root(self) -> Entry:
        return Entry(path="", kind=Kind.DIRECTORY, mode=0o700)

    def walk(self, under: str = "") -> tuple[Entry, ...]:
        del under
        return ()

    def entry(self, path: str) -> Entry | None:
        del path
        return None

    def read(self, entries: object) -> Iterator[tuple[Entry, Reader]]:
        del entries
        yield from ()

    @contextmanager
    def hold(self, entries: object) -> Iterator[tuple[InlineTree, tuple[str, ...]]]:
        del entries
        yield self, ()

    def local_path(self, path: str) -> str | None:
        del path
        return None


def _config_mounts(container: Container) -> list[Mount]:
    """Binds that are configuration: of the folders where services look, or from below the Compose project's folder."""
    home = container.labels.get(_WORKING_DIR, "")
    found = []
    for mount in container.mounts:
        inside = any(_is_below(mount.destination, folder) for folder in _CONFIG_FOLDERS)
        ours = bool(home) and home != "/" and _is_below(mount.source, home) and not mount.writable
        if mount.type == "bind" and (inside or ours):
            found.append(mount)
    return found


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _collect_mount(outside: Outside, found: _Collected, container: Container, mount: Mount) -> None:
    """A mounted folder, or a single file by way of its folder."""
    prefix = posixpath.join(container.service, mount.destination.strip("/"))
    try:
        with outside.volumes.tree(Place(path=mount.source)) as tree:
            _collect(found, tree, prefix)
        return
    except VolumeMissing:
        pass  # a single file, or a host that is not this one
    folder, name = posixpath.split(mount.source)
    try:
        with outside.volumes.tree(Place(path=folder)) as tree:
            _collect(found, tree, posixpath.dirname(prefix), only=name, rename=posixpath.basename(prefix))
    except MonopsError as error:
        found.warnings.append(f"{mount.source}, mounted by {container.name}, is not in the backup: {error.message}")


def _collect_compose(outside: Outside, found: _Collected, stack: Stack) -> None:
    labels = [container.labels for container in stack.containers]
    files = {file for label in labels for file in label.get(_FILES, "").split(",") if file}
    homes = {label[_WORKING_DIR] for label in labels if label.get(_WORKING_DIR)}
    for path in sorted(files | {posixpath.join(home, ".env") for home in homes}):
        folder, name = posixpath.split(path)
        try:
            with outside.volumes.tree(Place(path=folder)) as tree:
                _collect(found, tree, "compose", only=name)
        except MonopsError as error:
            found.warnings.append(f"{path} is not in the backup: {error.message}")


def _collect(found: _Collected, tree: Tree, prefix: str, *, only: str = "", rename: str = "") -> None:
    wanted, doubtful = [], []
    there = [entry for entry in ((tree.entry(only),) if only else tree.walk()) if entry is not None]
    # A store of backups in the folder: a backup of backups would double with each run.
    stores = tuple(posixpath.dirname(e.path) + "/" for e in there if posixpath.basename(e.path) == MARKER)
    for entry in there:
        if entry.kind is not Kind.FILE or entry.path.startswith((*stores, *_OLD_VERSIONS)):
            continue
        target = posixpath.join(prefix, rename or entry.path)
        # Its name there and here: a folder of secrets may be mounted as a whole, or file by file.
        origin = posixpath.join(tree.place, entry.path)
        if (is_secret_file(target) or is_secret_file(origin)) and not found.with_secrets:
            if posixpath.basename(origin) == ".env" and not is_secret_file(posixpath.dirname(origin) + "/x"):
                doubtful.append(entry)
            else:
                found.left_out.add(origin)
        elif entry.size > _LARGEST:
            found.warnings.append(
                f"{entry.path} in {tree.place} is not in the backup: it is too large for configuration"
            )
        else:
            wanted.append(entry)
    contents = inline_of(tree, [*wanted, *doubtful])
    for entry in (*wanted, *doubtful):
        data = contents.get(entry.path)
        if data is None:
            continue
        is_secret = _PRIVATE_KEY in data or (entry in doubtful and not is_harmless_environment(data))
        if is_secret and not found.with_secrets:
            found.left_out.add(posixpath.join(tree.place, entry.path))
        else:
            found.add(posixpath.join(prefix, rename or entry.path), entry, data)
