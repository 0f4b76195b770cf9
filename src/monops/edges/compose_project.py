"""Docker Compose on all the files that a running project was started from.

Source: docs.docker.com/reference/cli/docker/compose; compose-go, labels `com.docker.compose.project.*`.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from monops.domain.change import Site
from monops.domain.errors import EngineError
from monops.edges.compose_cli import ComposeCli


class ComposeProject(ComposeCli):
    """`docker compose` with a site's files, in its folder."""

    def __init__(self, site: Site, environment: Mapping[str, str], held: Callable[[], int | None]) -> None:
        super().__init__(site.files[0], environment, project=site.project)
        self._site = site
        #: The descriptor of the lock on the stack, which a program that changes something holds until its end.
        self._held = held
        #: Path -> where its other text is.
        self._instead: dict[str, str] = {}

    def model(self, replaced: Mapping[str, str | None] | None = None) -> Mapping[str, Any]:
        with self._with(replaced or {}):
            return dict(json.loads(self._config("--format", "json")))

    @contextmanager
    def _with(self, replaced: Mapping[str, str | None]) -> Iterator[None]:
        # Files of their own, not beside the real ones: nothing is touched before a person has agreed.
        with tempfile.TemporaryDirectory(prefix="monops-change-") as folder:
            for number, (path, text) in enumerate(replaced.items()):
                other = Path(folder) / f"{number}-{Path(path).name}"
                other.touch(mode=0o600)
                other.write_text(text or "", encoding="utf-8", newline="")
                self._instead[path] = str(other)
            try:
                yield
            except Exception as error:
                for path, other_path in self._instead.items():
                    _rename(error, other_path, path)
                raise
            finally:
                self._instead.clear()

    def hashes(self, replaced: Mapping[str, str | None] | None = None) -> Mapping[str, str]:
        with self._with(replaced or {}):
            lines = self._compose("config", "--hash", "*").splitlines()
        return {name: digest for name, _, digest in (line.partition(" ") for line in lines) if digest}

    def has_image(self, image: str) -> bool:
        return self._run([self._client(), "image", "inspect", "--format", "-", image]).returncode == 0

    def make(self, services: Sequence[str], *, anew: bool = False, start: bool = True) -> None:
        words = ["--no-deps", "--pull", "never", "--quiet-pull", *(["--force-recreate"] if anew else [])]
        self._to_its_end("up", "--detach" if start else "--no-start", *words, *services)

    def restart_only(self, services: Sequence[str]) -> None:
        self._to_its_end("restart", "--no-deps", *services)

    def remove(self, containers: Sequence[str]) -> None:
        # Without --volumes: not even one without a name goes.
        self._run_to_its_end([self._client(), "container", "rm", *containers])

    def _words(self, words: Sequence[str]) -> list[str]:
        site = self._site
        files = [word for path in site.files for word in ("--file", self._instead.get(path, path))]
        # Named only where they must be: Compose takes the `.env` of the folder by itself.
        own = str(Path(site.folder) / ".env")
        variables = site.variables or ((own,) if own in self._instead else ())
        options = [word for path in variables for word in ("--env-file", self._instead.get(path, path))]
        # With every profile: a service that runs is to be seen whether or not its profile is named in this shell. What
        # is made or started is always named.
        return [
            self._client(), "compose", "--project-directory", site.folder,
            *files, *options, *self._project, "--profile", "*", *words,
        ]  # fmt: skip

    def _to_its_end(self, *words: str) -> None:
        """In its own session, with the lock, and with files for its words: neither ^C nor the end of monops stops it,
        nor does a pipe that nobody reads any more."""
        self._run_to_its_end(self._words(words))

    def _run_to_its_end(self, command: Sequence[str]) -> None:
        held = self._held()
        with tempfile.TemporaryFile() as said:
            try:
                process = subprocess.Popen(
                    command,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    start_new_session=True,
                    pass_fds=() if held is None else (held,),
                )
            except OSError as error:
                raise EngineError(
                    f"cannot run {command[0]}: {error.strerror}", remedy="docker compose version"
                ) from error
            code = _waited(process)
            if code != 0:
                raise self._fault(_text(said))


def _waited(process: subprocess.Popen[bytes]) -> int:
    """Its exit code. A signal to monops is answered once it has ended: a container half made helps nobody."""
    try:
        return process.wait()
    except BaseException:
        process.wait()
        raise


def _text(said: IO[bytes]) -> str:
    said.seek(0)
    return said.read().decode(errors="replace")


def _rename(error: Exception, other: str, path: str) -> None:
    """The message names the real file."""
    for name in ("message", "remedy"):
        text = getattr(error, name, None)
        if isinstance(text, str):
            setattr(error, name, text.replace(other, path))
