"""The facts that Docker Compose tells: each starts a program, so they run side by side.

Source: docs.docker.com/reference/cli/docker/compose/config; compose-go, labels `com.docker.compose.project.*`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monops.domain.change import Site
from monops.domain.errors import EngineError, MonopsError, NotFound
from monops.domain.facts import OpenChange
from monops.domain.live_limits import in_force
from monops.domain.ports.inspection import Reader
from monops.edges.changes_folder import CHANGES, is_locked, kept_entries
from monops.edges.compose_cli import ComposeCli
from monops.edges.compose_project import ComposeProject
from monops.edges.docker_reader import DockerReader
from monops.edges.inspect_members import Members
from monops.edges.once import Once

#: Seconds for one program.
_WITHIN = 8.0
_NO_PLUGIN = re.compile(r"is not a docker command|unknown (shorthand )?(flag|command)", re.IGNORECASE)


class ComposeInspector:
    """`docker compose` on the file that the stack was started from."""

    def __init__(
        self,
        reader: DockerReader,
        members: Members,
        environment: Mapping[str, str],
        *,
        file: str | None,
        is_named: bool,
    ) -> None:
        """`is_named`: `file` stands in the configuration; else it was found by where monops was started."""
        self._reader = reader
        self._members = members
        self._environment = environment
        self._file = file
        self._is_named = is_named
        self._compose = Once(self._choose)

    def readers(self) -> Mapping[str, Reader]:
        return {
            "compose_version": self._version,
            "compose_model": lambda: self._compose().model(),
            "compose_hashes": self._hashes,
            "open_changes": self._open_changes,
        }

    def _version(self) -> str:
        # Any file: it is not opened.
        return _ComposeLook((self._file or "compose.yml",), self._environment).version()

    def _hashes(self) -> Mapping[str, str]:
        compose = self._compose()
        labels: dict[str, list[str]] = {}
        # Without an engine there is nothing to compare with.
        with contextlib.suppress(MonopsError):
            labels = self._members.hashes()
        site = compose.site
        return in_force(
            labels,
            compose.hashes(),
            lambda: kept_entries(Path(site.folder) / CHANGES),
            _text,
            lambda texts: ComposeProject(site, self._environment, lambda: None).hashes(texts),
        )

    def _open_changes(self) -> tuple[OpenChange, ...]:
        site = self._compose().site
        folder = Path(site.folder) / CHANGES
        entries = [entry for entry in kept_entries(folder) if entry.state.is_open]
        if not entries or is_locked(folder):
            return ()
        return tuple(
            OpenChange(
                id=entry.id,
                title=entry.plan.title,
                started=entry.started,
                state=entry.state.value,
                folder=site.folder,
            )
            for entry in entries
        )

    def _choose(self) -> _ComposeLook:
        """The files that the containers' labels name: among them are further ones that were given beside the first.
        The stack's own file where the configuration names another, and where no container tells."""
        files: tuple[str, ...] = ()
        folder, variables = "", files
        # Without an engine, or without containers, there is still the file at hand.
        with contextlib.suppress(EngineError, NotFound):
            if self._reader.shares_host:
                files, folder, variables = self._members.labelled()
        project = self._project()
        there = bool(files) and all(Path(path).is_file() for path in files)
        own = os.path.realpath(self._file) if self._file else None
        if there and (own is None or own in map(os.path.realpath, files) or not self._is_named):
            variables = tuple(path for path in variables if Path(path).is_file())
            return _ComposeLook(files, self._environment, project=project, folder=folder, variables=variables)
        if self._file is not None:
            return _ComposeLook((self._file,), self._environment, project=project)
        said = f": {files[0]} is not on this machine" if files else ""
        raise EngineError(
            f"no Compose file is known{said}",
            remedy='go to the folder of the stack\'s Compose file, or name it in monops.toml: [stack] compose = "…"',
        )

    def _project(self) -> str | None:
        with contextlib.suppress(MonopsError):
            return self._members.project() or None
        return None


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


class _ComposeLook(ComposeCli):
    """Compose on one or more files, with a time limit."""

    def __init__(
        self,
        files: Sequence[str],
        environment: Mapping[str, str],
        *,
        project: str | None = None,
        folder: str = "",
        variables: Sequence[str] = (),
    ) -> None:
        super().__init__(files[0], environment, project=project)
        self._name = project or ""
        self._paths = tuple(files)
        self._folder = folder if folder and Path(folder).is_dir() else str(Path(files[0]).parent)
        self._variables = tuple(variables)
        self._is_sure = False

    @property
    def site(self) -> Site:
        """For the same files with other texts."""
        return Site(project=self._name, folder=self._folder, files=self._paths, variables=self._variables)

    def version(self) -> str:
        done = self._run([self._client(), "compose", "version", "--short"])
        if done.returncode != 0:
            raise self._fault(done.stderr)
        return done.stdout.strip().removeprefix("v")

    def hashes(self) -> dict[str, str]:
        lines = self._compose("config", "--hash", "*").splitlines()
        return {name: digest for name, _, digest in (line.partition(" ") for line in lines) if digest}

    def _words(self, words: Sequence[str]) -> list[str]:
        files = [word for path in self._paths for word in ("--file", path)]
        variables = [word for path in self._variables for word in ("--env-file", path)]
        options = ["--project-directory", self._folder, *files, *variables, *self._project]
        return [self._client(), "compose", *options, *words]

    def model(self) -> Mapping[str, Any]:
        found = json.loads(self._compose("config", "--format", "json"))
        return found if isinstance(found, dict) else {}

    def _client(self) -> str:
        """The first `docker` in PATH, without the question whether it has Compose: that costs a tenth of a second."""
        if self._docker is None and not self._is_sure:
            folders = self._environment.get("PATH", os.defpath).split(os.pathsep)
            found = (path for folder in folders if os.access(path := f"{folder}/docker", os.X_OK))
            self._docker = next(found, None)
        return super()._client()

    def _run(self, words: Sequence[str], *, shown: bool = False) -> subprocess.CompletedProcess[str]:
        done = self._started(words)
        if done.returncode == 0 or self._is_sure or not _NO_PLUGIN.search(done.stderr):
            return done
        # An older one comes before it: now they are asked one by one.
        self._is_sure, self._docker = True, None
        return self._started([self._client(), *words[1:]])

    def _started(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                words,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=_WITHIN,
            )
        except subprocess.TimeoutExpired as error:
            raise EngineError(
                f"{' '.join(words[:2])} did not end within {_WITHIN:g} s", remedy="docker compose version; docker info"
            ) from error
        except OSError as error:
            raise EngineError(f"cannot run {words[0]}: {error.strerror}", remedy="docker compose version") from error
