"""Where Prometheus keeps its data."""

from __future__ import annotations

from monops.domain.facts import SeenContainer
from monops.domain.ports import Mount

_FLAG = "--storage.tsdb.path"


def data_path(one: SeenContainer) -> str:
    """The folder in its container."""
    words = one.container.command
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == _FLAG:
            return value if equals else "".join(words[place + 1 : place + 2])
    return "/prometheus"


def data_mount(one: SeenContainer) -> Mount | None:
    """The mount that holds it; None where it is in the container itself."""
    path = data_path(one).rstrip("/") + "/"
    holding = [m for m in one.container.mounts if path.startswith(m.destination.rstrip("/") + "/")]
    return max(holding, key=lambda mount: len(mount.destination), default=None)
