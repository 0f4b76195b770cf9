"""The files that lint looks at."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from monops.domain.errors import NotFound, UsageFault
from monops.domain.ports.linting import SourceFile

_ENDINGS = (".yml", ".yaml", ".rules", ".json")
#: Nothing that a person writes is longer.
_LARGEST = 8 * 1024 * 1024
_NOT_OURS = ("node_modules", "__pycache__", "venv", "site-packages")


def source_files(paths: Sequence[str]) -> tuple[SourceFile, ...]:
    """Those named, and those in folders that are named, hidden ones left out. Raises NotFound and UsageFault."""
    found: dict[str, SourceFile] = {}
    for given in paths:
        path = Path(given)
        if path.is_dir():
            for name in _below(path):
                text = _text(name)
                if text is not None:
                    inner = str(name.relative_to(path))
                    found.setdefault(os.path.realpath(name), SourceFile(path=str(name), text=text, inner=inner))
        elif path.exists():
            text = _text(path)
            if text is None:
                raise UsageFault(f"{given} cannot be read as text", remedy=f"ls -l {given}; file {given}")
            found[os.path.realpath(path)] = SourceFile(path=given, text=text, is_named=True, inner=path.name)
        else:
            raise NotFound(f"there is no {given}", remedy="ls")
    return tuple(found.values())


def _below(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _NOT_OURS)
        for name in sorted(names):
            if name.endswith(_ENDINGS) and not name.startswith("."):
                yield Path(here) / name


def _text(path: Path) -> str | None:
    try:
        if path.stat().st_size > _LARGEST:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
