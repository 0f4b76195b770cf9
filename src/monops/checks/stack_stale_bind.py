"""Every container has the files that are on the host now.

Docker mounts a single file by its place on the disk, not by its name. Editors, `sed -i` and git write a new file and
give it the old name: the container keeps the old one, a reload succeeds, and nothing changes. Mounting the folder
instead of the file avoids that. The same with a folder that was replaced.
Source: /proc/PID/mountinfo; the texts on both sides. See prometheus/prometheus issues 2544 and 9029.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace

from monops.checks._containers import members, role
from monops.checks._healthy import changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, IsUnknown, SeenContainer, Unknown, known
from monops.domain.finding import Finding, Fix, Risk, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container and file. Unknown where no container could be looked into."""
    found, looked, hidden = [], 0, 0
    for one in members(facts):
        if not one.is_running:
            continue
        other = _other_texts(facts, one)
        paths = dict.fromkeys((*(one.stale_mounts or ()), *other))
        found += [_finding(one, path, path in other) for path in paths]
        if any(mount.type == "bind" for mount in one.container.mounts):
            looked, hidden = looked + (one.stale_mounts is not None), hidden + (one.stale_mounts is None)
    if hidden and not looked and not found:
        raise IsUnknown(
            Unknown("the containers' mounts cannot be seen from here", "sudo monops doctor --only stack.stale_bind")
        )
    yield from found


def _other_texts(facts: Facts, one: SeenContainer) -> tuple[str, ...]:
    """Paths in the container whose text is another on the host."""
    inside, outside = facts.container_files, facts.host_files
    if isinstance(inside, Unknown) or isinstance(outside, Unknown):
        return ()
    found = []
    for key, text in inside.items():
        service, _, path = key.partition(":")
        host = _on_host(one, path) if service == role(one) else ""
        if host in outside and outside[host] != text:
            found.append(path)
    return tuple(found)


def _on_host(one: SeenContainer, path: str) -> str:
    """Where the host has what the container has at `path`; "" where no host folder is mounted there."""
    fitting = [m for m in one.container.mounts if f"{path}/".startswith(m.destination.rstrip("/") + "/")]
    mount = max(fitting, key=lambda one: len(one.destination), default=None)
    if mount is None or mount.type != "bind":
        return ""
    return posixpath.normpath(posixpath.join(mount.source, posixpath.relpath(path, mount.destination)))


def _finding(one: SeenContainer, path: str, is_other_text: bool) -> Finding:
    host = _on_host(one, path) or next((m.source for m in one.container.mounts if m.destination == path), "the host")
    seen = "its text differs from the host's" if is_other_text else "/proc/PID/mountinfo: the mounted file is deleted"
    return Finding(
        severity=Severity.WARNING,
        subject=f"container {one.name}",
        cause=f"it has an old {path}: the file on the host was replaced since, and edits do not reach it",
        evidence=(f"{path} in the container, {host} on the host", seen),
        fix=Fix(
            say=f"Restart {one.service}, and mount the folder instead of the file.",
            command=f"docker restart {one.name}",
            risk=Risk.INTERRUPTS,
        ),
    )


CHECK = Check(
    id="stack.stale_bind",
    well="every container has the host's files",
    reads=("containers",),
    looks_at=("container_files", "host_files"),
    judge=judge,
    sick=(
        Sick(
            what="a file that an editor has replaced",
            facts=lambda facts: with_container(
                facts, "prometheus", lambda one: changed(one, stale_mounts=("/etc/prometheus/prometheus.yml",))
            ),
            severity=Severity.WARNING,
            says="an old /etc/prometheus/prometheus.yml",
        ),
        Sick(
            what="another text in the container",
            facts=lambda facts: replace(
                facts,
                host_files={path: f"{text}# edited\n" for path, text in known(facts.host_files).items()},
            ),
            severity=Severity.WARNING,
            says="an old /etc/prometheus/prometheus.yml",
        ),
    ),
)
