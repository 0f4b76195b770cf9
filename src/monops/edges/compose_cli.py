"""Docker Compose through its command line: there is no API of it.

Source: docs.docker.com/reference/cli/docker/compose.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monops.domain.errors import ConfigurationError, EngineError, EngineUnreachable, MonopsError
from monops.domain.rebuild import without_secret


class ComposeCli:
    """`docker compose` on one file."""

    def __init__(self, file: str, environment: Mapping[str, str], *, project: str | None) -> None:
        self._file = file
        self._environment = {**environment, "COMPOSE_ANSI": "never", "DOCKER_CLI_HINTS": "false"}
        # COMPOSE_FILE of another stack in the environment must not win over the file that was found.
        self._environment.pop("COMPOSE_FILE", None)
        self._project = ["--project-name", project] if project else []
        self._docker: str | None = None

    @property
    def file(self) -> str:
        return self._file

    def model(self) -> Mapping[str, Any]:
        return dict(json.loads(self._config("--format", "json")))

    def text(self) -> str:
        return self._config()

    def missing_images(self, images: Sequence[str]) -> tuple[str, ...]:
        done = self._run([self._client(), "image", "inspect", "--format", "{{json .RepoTags}} {{.Id}}", *images])
        if "annot connect" in done.stderr or "ermission denied" in done.stderr:
            raise self._fault(done.stderr)
        # It goes on after one that is missing, and names each, with the tag that is meant where none is written.
        return tuple(i for i in images if re.search(rf"no such image: {re.escape(i)}(:latest)?\s", done.stderr, re.I))

    def pull(self, services: Sequence[str]) -> None:
        self._compose("pull", *services, shown=True)

    def up(self, services: Sequence[str]) -> None:
        self._compose("up", "--detach", "--pull", "never", "--quiet-pull", *services)

    def down(self, *, volumes: bool) -> None:
        self._compose("down", *(["--volumes"] if volumes else []))

    def restart(self, services: Sequence[str]) -> None:
        self._compose("restart", *services)

    def logs(self, services: Sequence[str], *, follow: bool, tail: int) -> None:
        words = ["logs", "--no-color", "--tail", str(tail), *(["--follow"] if follow else []), *services]
        done = subprocess.run(
            self._words(words),
            env=self._environment,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
        # ^C ends it, and so does, without a word, a reader that has seen enough: `monops stack logs | head`.
        if done.returncode not in (0, 130) and done.stderr.strip():
            raise self._fault(done.stderr)

    def post(self, service: str, url: str) -> str:
        words = ["exec", "--no-TTY", service, "wget", "-q", "-O", "/dev/null", "--post-data=", url]
        done = self._run(self._words(words))
        return "" if done.returncode == 0 else _last_sentence(done.stderr)

    def own(self, image: str, folder: str, owners: Mapping[str, int]) -> None:
        script = "\n".join(
            f"for f in {shlex.quote(path)} {shlex.quote(path)}/*; do"
            f' if [ -f "$f" ]; then chown {uid} "$f"; chmod 600 "$f"; fi; done'
            for path, uid in owners.items()
        )
        # One field of a line of CSV. Source: docs.docker.com, docker run --mount.
        source = str(Path(folder).absolute()).replace('"', '""')
        mount = f'type=bind,"source={source}",target=/own'
        words = ["run", "--rm", "--pull", "never", "--network", "none", "--user", "0:0", "--workdir", "/own"]
        done = self._run([self._client(), *words, "--mount", mount, "--entrypoint", "/bin/sh", image, "-ec", script])
        if done.returncode != 0:
            raise self._fault(done.stderr, "docker run")

    # --- below: the program ------------------------------------------------------------------------

    def _config(self, *words: str) -> str:
        """Asks no engine: whatever fails is the file's fault, or that of the .env beside it."""
        done = self._run(self._words(["config", *words]))
        if done.returncode == 0:
            return done.stdout
        fault = self._fault(done.stderr)
        if type(fault) is EngineError:
            fault = ConfigurationError(f"{self._file} is not right: {_last_sentence(done.stderr)}", remedy=fault.remedy)
        raise fault

    def _compose(self, *words: str, shown: bool = False) -> str:
        done = self._run(self._words(words), shown=shown)
        if done.returncode != 0 and shown:
            raise EngineError(
                f"docker compose {words[0]} failed; the lines above say why",
                remedy="monops stack pull; or another image: monops init --image NAME_IMAGE=IMAGE",
            )
        if done.returncode != 0:
            raise self._fault(done.stderr)
        return done.stdout

    def _words(self, words: Sequence[str]) -> list[str]:
        folder = Path(self._file).parent
        files = [word for file in self._files(folder) for word in ("--file", file)]
        return [self._client(), "compose", "--project-directory", str(folder), *files, *self._project, *words]

    def _files(self, folder: Path) -> list[str]:
        """The file, or those that COMPOSE_FILE in the .env beside it names where it is one of them: then a person has
        added files of their own, and `docker compose` in the folder takes these too.

        Source: docs.docker.com/compose/how-tos/environment-variables/envvars.
        """
        try:
            found = re.findall(r"^COMPOSE_FILE=(\S+)\s*$", (folder / ".env").read_text(errors="replace"), re.MULTILINE)
        except OSError:
            found = []
        named = [str(folder / name) for name in found[-1].split(":")] if found else []
        return named if str(folder / Path(self._file).name) in named else [self._file]

    def _run(self, words: Sequence[str], *, shown: bool = False) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                words,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=None if shown else subprocess.PIPE,
                text=True,
                errors="replace",
                check=False,
            )
        except OSError as error:
            raise EngineError(f"cannot run {words[0]}: {error.strerror}", remedy="docker compose version") from error

    def _client(self) -> str:
        """The first `docker` in PATH that has Compose v2: an older one may come before it."""
        if self._docker is None:
            folders = self._environment.get("PATH", os.defpath).split(os.pathsep)
            found = [path for folder in folders if os.access(path := f"{folder}/docker", os.X_OK)]
            self._docker = next(filter(self._has_compose, dict.fromkeys(found)), None)
            if self._docker is None:
                raise EngineError(
                    "there is no docker command with Compose v2 in PATH"
                    + (f" ({found[0]} is without it)" if found else ""),
                    remedy="install Docker with its Compose plug-in, then: docker compose version",
                )
        return self._docker

    def _has_compose(self, client: str) -> bool:
        done = self._run([client, "compose", "version", "--short"])
        return done.returncode == 0 and not done.stdout.lstrip("v").startswith("1.")

    def _fault(self, said: str, program: str = "docker compose") -> MonopsError:
        """Compose's own words, with the way out where the cause is known."""
        text = _last_sentence(said)
        for pattern, kind, message, remedy in _FAULTS:
            found = re.search(pattern, said, re.IGNORECASE | re.DOTALL)
            if found:
                values = {"file": self._file, "said": text, **found.groupdict(default="")}
                return kind(message.format(**values).removesuffix(" at "), remedy=remedy.format(**values))
        return EngineError(f"{program} failed: {text}", remedy=f"docker compose -f {self._file} config --quiet")


_BINDING = r"(?:bind for|bind host port for|listen tcp[46]?) (?P<address>\[[0-9a-f:]+\]|[0-9.]*):(?P<port>\d+)\b[^\n]*?"
#: What Compose and the engine say -> the error, its sentence, the way out. Seen with Compose 2.40 and Docker 28.5.
_FAULTS: tuple[tuple[str, type[MonopsError], str, str], ...] = (
    (
        r"permission denied while trying to connect",
        EngineUnreachable,
        "not allowed to talk to Docker",
        "run as root, or join the group: sudo usermod -aG docker $USER",
    ),
    (
        r"(?:cannot|failed to) connect to the docker (?:daemon|api)(?: at (?P<address>\S+?)[.;:]?\s)?",
        EngineUnreachable,
        "no Docker engine answers at {address}",
        "start it: sudo systemctl start docker; docker info",
    ),
    (
        _BINDING + r"(?:already allocated|already in use)",
        EngineError,
        "port {port} on {address} is taken by another program",
        "see which: ss -ltnp 'sport = :{port}'; or choose another: monops init --port SERVICE=N",
    ),
    (
        _BINDING + r"cannot assign requested address",
        EngineError,
        "this machine does not have the address {address}, where the ports should listen",
        "see which it has: ip address; then: monops init --bind ADDRESS",
    ),
    (
        r"network (?P<network>\S+) declared as external, but could not be found",
        EngineError,
        "the main system's network {network} is not there",
        "start the main system first, or name its network: docker network ls; monops init --network NAME",
    ),
    (
        r"the container name \"/?(?P<name>[^\"]+)\" is already in use",
        EngineError,
        "another container is called {name}",
        "docker ps --all --filter name={name}; or another prefix: monops init --prefix NAME",
    ),
    (
        r"path / is mounted on / but it is not a shared or slave mount",
        EngineError,
        "this machine's / does not pass mounts on, so the node exporter cannot follow it",
        "set HOST_MOUNT_OPTIONS=ro in .env beside {file}",
    ),
    (
        r"no such image: (?P<image>\S+)|(?P<image2>\S+): (?:pull access denied|not found|manifest unknown)",
        EngineError,
        "an image cannot be had: {said}",
        "monops stack pull; or another image: monops init --image NAME_IMAGE=IMAGE",
    ),
    (
        r"minimum memory limit|range of cpus is from",
        EngineError,
        "Docker refuses a limit: {said}",
        "monops init --memory SERVICE=SIZE, or --cpus SERVICE=N",
    ),
    (
        r"required variable (?P<name>\w+) is missing",
        ConfigurationError,
        "the variable {name} is not set: {file} takes it from the .env beside it",
        "monops init --replace .env",
    ),
    (
        r"no such service: (?P<name>\S+)",
        EngineError,
        "the Compose file has no service {name}",
        "monops stack status",
    ),
    (
        r"yaml: |validating \S+: |invalid compose project|invalid interpolation format|empty compose file",
        ConfigurationError,
        "{file} is not a Compose file: {said}",
        "docker compose -f {file} config --quiet",
    ),
)


#: " Container ai-grafana  Starting", and warnings: `time="2026-…" level=warning msg="Found orphan containers …"`.
_PROGRESS = re.compile(r"^ \S|^time=\"")


def _last_sentence(said: str) -> str:
    """What went wrong, which may be several lines. Compose prints its progress before it."""
    lines = [line for line in said.splitlines() if line.strip()]
    after = max((i + 1 for i, line in enumerate(lines) if _PROGRESS.match(line)), default=0)
    sentence = " ".join(line.strip() for line in lines[after:] or lines[-1:])
    return without_secret(sentence.removeprefix("Error response from daemon: ")) or "it says nothing"
