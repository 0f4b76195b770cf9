"""Finds and reads monops.toml."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from monops.domain.config import Config, parse
from monops.domain.errors import ConfigurationError
from monops.domain.stack import STACK_FOLDER

NAME = "monops.toml"


def load(given: str | None, environment: Mapping[str, str]) -> tuple[Config, str | None]:
    """The configuration and where it is; (defaults, None) where there is none. Raises ConfigurationError.

    Order: --config, MONOPS_CONFIG, upward from here (in each folder, then in its `monitoring/`, where `monops init`
    puts it), the user's folder, the system's folder.
    Source: XDG Base Directory Specification.
    """
    named = given or environment.get("MONOPS_CONFIG")
    if named:
        return _read(Path(named)), named
    for path in _candidates(environment):
        # Not Path.is_file: it raises where a folder on the way may not be entered, as HOME of another user.
        if os.path.isfile(path):
            return _read(path), str(path)
    return Config(), None


def read_secret(path: str) -> str:
    """A secret from a file, without the line's end. Raises ConfigurationError."""
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the secret file {path} cannot be read: {_why(error)}", remedy=f"ls -l {path}"
        ) from error
    if not text:
        raise ConfigurationError(f"the secret file {path} is empty", remedy=f"write the secret into {path}")
    return text


def _candidates(environment: Mapping[str, str]) -> list[Path]:
    here = Path.cwd()
    user = environment.get("XDG_CONFIG_HOME") or str(Path(environment.get("HOME", "/")) / ".config")
    return [
        *(path / NAME for folder in (here, *here.parents) for path in (folder, folder / STACK_FOLDER)),
        Path(user) / "monops" / NAME,
        Path("/etc/monops") / NAME,
    ]


def _read(path: Path) -> Config:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {_why(error)}", remedy=f"ls -l {path}") from error
    # A path in the file is meant from where the file is, not from where monops was started.
    return parse(text, os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path))


def _why(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8"
