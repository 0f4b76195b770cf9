"""Asks targets from Prometheus's own network, the exact way first.

1. A process of ours enters the network of its container: needs root, the engine on this machine, and nothing of any
   image.
2. A throwaway container in that network, of an image that is there and has a shell and wget: tells less.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from monops.domain.errors import EngineError, MonopsError
from monops.domain.facts import SeenContainer
from monops.domain.ports import Machine
from monops.domain.probing import ANSWER_WITHIN, CONNECT_WITHIN, Certificate, Probed, Probing, Task
from monops.edges.docker_client import DockerClient, not_found
from monops.edges.docker_engine import LABEL
from monops.edges.docker_reader import DockerReader
from monops.edges.inspect_process import file_of, is_process_of

#: Where images keep the authorities that Go trusts. Source: golang/go, src/crypto/x509/root_linux.go.
_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)  # fmt: skip
#: In one container: a command line has an end, and so has the patience.
_AT_ONCE, _SIDE_BY_SIDE = 300, 60
_NOBODY = "65534:65534"
#: Seconds for Python to start and to end on a machine that is busy.
_STARTING = 15.0


class _CannotEnter(Exception):
    """Why our own process cannot be in the container's network."""


class NetworkProber:
    """Asks the way that works here."""

    def __init__(self, environment: Mapping[str, str], machine: Machine) -> None:
        self._reader = DockerReader(environment)
        self._helper = _HelperContainer(environment, machine)

    def probe(self, prometheus: SeenContainer, tasks: Sequence[Task]) -> Probing:
        if not prometheus.is_running:
            why = f"{prometheus.name} is {prometheus.container.state}, so it has no network to ask from"
            return Probing(way="", found={}, why_not=why, remedy=f"docker start {prometheus.name}")
        try:
            return Probing(way="namespace", found=self._from_inside(prometheus, tasks))
        except _CannotEnter as error:
            entering = str(error)
        except EngineError as error:
            entering = error.message
        try:
            found, cut_short = self._helper.probe(prometheus, tasks)
            return Probing(way="container", found=found, why_not="; and ".join(filter(None, (entering, cut_short))))
        except MonopsError as error:
            return Probing(
                way="",
                found={},
                why_not=f"{entering}; and {error.message}",
                remedy="run it as root on the engine's host: sudo monops targets --probe",
            )

    def _from_inside(self, prometheus: SeenContainer, tasks: Sequence[Task]) -> dict[str, Probed]:
        """Raises _CannotEnter and EngineError."""
        if not self._reader.shares_host:
            raise _CannotEnter("the engine runs elsewhere, so its containers' networks cannot be entered from here")
        pid = int((self._reader.inspect(prometheus.container.id).get("State") or {}).get("Pid") or 0)
        with _network_of(pid, prometheus.container.id) as descriptor:
            document = {
                "namespace": descriptor,
                "resolv": _text(pid, "/etc/resolv.conf"),
                "hosts": _text(pid, "/etc/hosts"),
                "authorities": next((text for path in _AUTHORITIES if (text := _text(pid, path))), ""),
                "tasks": [asdict(task) for task in tasks],
            }
            return _worked(document, (descriptor,) if descriptor is not None else (), len(tasks))


@contextmanager
def _network_of(pid: int, container_id: str) -> Iterator[int | None]:
    """A descriptor of the container's network; None where we are in it already. Raises _CannotEnter."""
    path = f"/proc/{pid}/ns/net"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        who = "only root may enter" if isinstance(error, PermissionError) else f"{error.strerror}: cannot enter"
        raise _CannotEnter(f"{who} the network of the container {container_id[:12]}") from error
    try:
        # Asked after it was opened: the process may have ended, and its number be another's.
        if not is_process_of(pid, container_id):
            raise _CannotEnter(f"the process {pid} is not the container {container_id[:12]}'s as seen from here")
        there, here = os.fstat(descriptor), os.stat("/proc/self/ns/net")
        if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino):
            yield None
        elif os.geteuid() != 0:
            raise _CannotEnter(f"only root may enter the network of the container {container_id[:12]}")
        else:
            yield descriptor
    finally:
        os.close(descriptor)


def _worked(document: Mapping[str, Any], descriptors: tuple[int, ...], count: int) -> dict[str, Probed]:
    """What the worker found. Raises _CannotEnter."""
    within = (ANSWER_WITHIN + 4 * CONNECT_WITHIN) * (1 + count // 100)
    try:
        done = subprocess.run(
            # -P: nothing of the current folder is imported, which root runs in.
            [sys.executable, "-P", "-m", "monops.edges.probe_worker"],
            input=json.dumps({**document, "within": within}).encode(),
            capture_output=True,
            pass_fds=descriptors,
            # It ends by itself: what is added is for its start.
            timeout=within + _STARTING,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _CannotEnter(f"the process that asks does not work ({type(error).__name__})") from error
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise _CannotEnter(f"the network of Prometheus's container cannot be entered: {last}")
    return {url: _probed(item) for url, item in json.loads(done.stdout).items()}


def _probed(item: Mapping[str, Any]) -> Probed:
    shown = item.get("certificate")
    certificate = Certificate(**{**shown, "names": tuple(shown["names"])}) if shown else None
    return Probed(**{**item, "addresses": tuple(item["addresses"]), "certificate": certificate})


def _text(pid: int, path: str) -> str:
    """A file of the container; "" where it has none or it is a link, which would lead to a file of this machine."""
    try:
        return (file_of(pid, path) or b"").decode(errors="replace")
    except (OSError, ValueError):
        return ""


# --- by a container ------------------------------------------------------------------------------


class _HelperContainer(DockerClient):
    """A container in Prometheus's network, which also has its resolv.conf and its hosts file."""

    def __init__(self, environment: Mapping[str, str], machine: Machine) -> None:
        super().__init__(environment)
        self._machine = machine

    def probe(self, prometheus: SeenContainer, tasks: Sequence[Task]) -> tuple[dict[str, Probed], str]:
        """(what answered, why the rest was not asked). Raises EngineError where nothing could be asked."""
        found: dict[str, Probed] = {}
        images: Sequence[str] = ()
        for at in range(0, len(tasks), _AT_ONCE):
            part = list(tasks[at : at + _AT_ONCE])
            try:
                images = images or self._images(prometheus)
                image, output = self._first_that_can(prometheus, images, script_of(part))
            except EngineError as error:
                if not found:
                    raise
                return found, error.message
            images = (image,)
            found |= read_back(output, part)
        return found, ""

    def _first_that_can(self, prometheus: SeenContainer, images: Sequence[str], script: str) -> tuple[str, str]:
        """(image, what the script printed in it). Raises EngineError."""
        for image in images:
            output = self._ran(prometheus, image, script)
            if output is not None:
                return image, output
        raise EngineError("no image that is here has a shell and wget", remedy="docker pull busybox")

    def _images(self, prometheus: SeenContainer) -> list[str]:
        """Prometheus's own, then those whose name promises a shell."""
        found = [prometheus.container.image_id]
        with self._translated("list images"):
            tags = [(str(item["Id"]), " ".join(item.get("RepoTags") or ())) for item in self._api().images()]
        found += [image for image, names in tags if re.search(r"busybox|alpine|prom/", names)]
        return list(dict.fromkeys(found))[:6]

    def _ran(self, prometheus: SeenContainer, image: str, script: str) -> str | None:
        """What the script printed; None where the image lacks what it takes."""
        with self._translated("run a container that asks the targets"):
            api = self._api(timeout=120)
            try:
                made = api.create_container(
                    image,
                    ["-c", script],
                    entrypoint="/bin/sh",
                    user=_NOBODY,
                    host_config=api.create_host_config(
                        network_mode=f"container:{prometheus.container.id}",
                        read_only=True,
                        tmpfs={"/tmp": "mode=1777"},  # noqa: S108 - in the container
                        cap_drop=["ALL"],
                        security_opt=["no-new-privileges"],
                    ),
                    labels={LABEL: json.dumps(dict(self._machine.identity()))},
                    healthcheck={"test": ["NONE"]},
                )
            except not_found():
                return None
            try:
                return self._waited(api, str(made["Id"]))
            finally:
                with contextlib.suppress(MonopsError, not_found()), self._translated("remove a container"):
                    api.remove_container(made["Id"], force=True, v=True)

    def _waited(self, api: Any, container: str) -> str | None:
        from docker import errors

        try:
            api.start(container)
        except errors.APIError as error:
            if re.search(r"executable file not found|no such file|exec format", str(error), re.IGNORECASE):
                return None
            raise
        if int(api.wait(container)["StatusCode"]) != 0:
            return None
        return str(api.logs(container, stdout=True, stderr=False).decode(errors="replace"))


def script_of(tasks: Sequence[Task]) -> str:
    """Asks many at once; prints of each a line `@ number samples`, what wget said, `=`, and how the answer begins."""
    lines = [
        "command -v wget >/dev/null || exit 9",
        "cd /tmp || exit 9",
        'ask() { timeout $(($2 + 1)) wget -S -T "$2" -O o$1 "$3" 2>e$1; echo $? >c$1; }',
    ]
    for number, task in enumerate(tasks):
        lines.append(f"ask {number} {max(1, round(task.within))} {shlex.quote(task.url)} &")
        if number % _SIDE_BY_SIDE == _SIDE_BY_SIDE - 1:
            lines.append("wait")
    lines += [
        "wait",
        f"i=0; while [ $i -lt {len(tasks)} ]; do",
        "  touch o$i; echo \"@ $i $(grep -c '^[^#]' o$i) $(cat c$i)\"; head -c 2000 e$i | head -n 30; echo",
        "  echo '='; head -c 200 o$i; echo; i=$((i+1))",
        "done",
    ]
    return "\n".join(lines)


_SAID: tuple[tuple[str, dict[str, Any]], ...] = (
    (r"bad address|unable to resolve|name does not resolve", {"dns": "failed", "error": "no such host"}),
    (r"refused", {"tcp": "refused", "error": "connection refused"}),
    (r"no route|unreachable", {"tcp": "unreachable", "error": "no route to it"}),
    (r"can't connect.*timed out|connect.*operation timed out", {"tcp": "timeout", "error": "no connection in time"}),
    (r"ssl|tls|certificate", {"tcp": "ok", "tls": "failed", "error": "no agreement on encryption"}),
    (r"error getting response|reset by peer", {"tcp": "ok", "http": "closed", "error": "no answer"}),
    (r"bad header|malformed|not.*http", {"tcp": "ok", "http": "not_http", "error": "not HTTP"}),
)


def read_back(output: str, tasks: Sequence[Task]) -> dict[str, Probed]:
    """URL -> what wget told of it."""
    found = {}
    for piece in re.split(r"^@ (?=\d+ \d* *\d*$)", output, flags=re.MULTILINE)[1:]:
        head, _, rest = piece.partition("\n")
        number, samples, *code = head.split()
        if int(number) >= len(tasks):
            continue
        said, _, beginning = rest.partition("\n=\n")
        found[tasks[int(number)].url] = _told(said, beginning.strip(), int(samples), code[0] if code else "")
    return found


def _told(said: str, beginning: str, samples: int, code: str) -> Probed:
    status = re.findall(r"HTTP/1\.[01] (\d{3})", said)
    if status:
        kind = re.findall(r"^\s+content-type: *(.*)$", said, re.IGNORECASE | re.MULTILINE)
        to = re.findall(r"^\s+location: *(.*)$", said, re.IGNORECASE | re.MULTILINE)
        got: dict[str, Any] = {"status": int(status[0]), "content_type": kind[0].strip() if kind else ""}
        if code in ("124", "143"):
            return Probed(dns="ok", tcp="ok", http="timeout", **got)
        got |= {"location": to[0].strip() if to else "", "beginning": beginning, "samples": samples}
        return Probed(dns="ok", tcp="ok", http="ok", **got)
    for pattern, meaning in _SAID:
        if re.search(pattern, said, re.IGNORECASE):
            return Probed(**{"dns": "ok", **meaning})
    # Without a connection wget only waits: which of the two it was is not told.
    if code in ("124", "143") or "timed out" in said:
        # It says where it connects to as soon as it has the address.
        has_address = re.search(r"^connecting to", said, re.IGNORECASE | re.MULTILINE)
        return Probed(dns="ok" if has_address else "", http="timeout", error="no answer in time")
    if code == "0":
        return Probed(dns="ok", tcp="ok", http="not_http", error="not HTTP", beginning=beginning)
    last = said.strip().rpartition("\n")[2]
    return Probed(dns="ok", tcp="ok", http="failed", error=last or "wget says nothing")
