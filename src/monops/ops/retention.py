"""Showing and planning how long, and how much, Prometheus keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from monops.domain.change import Expected, FileEdit, Means, Plan, Site, Step, Value
from monops.domain.compose_command import find_flag, with_flag, with_value
from monops.domain.env_edit import set_variable
from monops.domain.errors import MonopsError, Refused, UsageFault
from monops.domain.ports import Container
from monops.domain.prometheus_config import parsed
from monops.domain.retention import (
    canonical,
    check_size,
    check_time,
    shown_bytes,
    shown_time,
    size_warnings,
    unread,
)
from monops.domain.yaml_edit import remove, set_value
from monops.ops.change_site import ConfigFile, config_file, file_with, find_site, site_files
from monops.ops.retention_look import Look, deletions, look
from monops.ops.workshop import Workshop

SERVICE = "prometheus"
FLAGS = {"time": "--storage.tsdb.retention.time", "size": "--storage.tsdb.retention.size"}
_IN_FILE = ("storage", "tsdb", "retention")
#: The configuration file knows it since 3.8. Since 3.11 it gets the time right, and a reload changes what the server
#: says of it (prometheus#18200).
_FILE_KNOWS, _FILE_IS_RIGHT = (3, 8), (3, 11)
_INTERRUPTS = (
    "Prometheus for the seconds that it takes to start (a large write-ahead log: minutes); scrapes are missed meanwhile"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How it is now."""

    container: Container
    version: str
    #: As the server shows it: `15d or 10GiB`.
    effective: str
    #: `time` and `size` in one way of writing.
    kept: Mapping[str, str]
    #: "time"/"size" -> where it is set, in words.
    set_in: Mapping[str, str]
    #: What the configuration file of the running server says.
    in_file: Mapping[str, str]
    look: Look


def see_retention(shop: Workshop) -> Retention:
    """Raises NotFound where there is no Prometheus that runs, ServiceUnreachable where it does not answer."""
    container = shop.container(SERVICE)
    prometheus = shop.outside.services.prometheus(container)
    status = prometheus.status()
    in_file = _by_file(status.config)
    found = look(shop, container, prometheus)
    strange = tuple(f"what a retention of {part} means" for part in unread(status.retention))
    set_in = {}
    for name, flag in FLAGS.items():
        if name in in_file:
            set_in[name] = f"storage.tsdb.retention.{name} of its configuration file"
        elif any(word == flag or word.startswith(f"{flag}=") for word in container.command):
            set_in[name] = f"{flag} of its command"
    return Retention(
        container=container,
        version=status.version,
        effective=status.retention,
        kept=canonical(status.retention),
        set_in=set_in,
        in_file=in_file,
        look=replace(found, unknown=(*found.unknown, *strange)),
    )


def plan_retention(shop: Workshop, seen: Retention, *, time: str | None, size: str | None) -> Plan:
    """Raises UsageFault for a value that cannot be, Refused where the place to write it cannot be edited."""
    if time is None and size is None:
        raise UsageFault("say what to keep: --time, --size, or both", remedy="monops retention set --time 30d")
    wanted = dict(seen.kept)
    warnings: list[str] = []
    if time is not None:
        time = time.strip()
        wanted["time"] = str(int(check_time(time).total_seconds()))
    if size is not None:
        size = size.strip()
        wanted["size"] = str(check_size(size))
        warnings += size_warnings(int(wanted["size"]), seen.look.usage)
        if time is None and not seen.set_in.get("time") and not seen.kept["size"]:
            # Source: cmd/prometheus/main.go: the 15 days hold only where neither is set.
            wanted["time"] = ""
            warnings.append("nobody set a time: with a size, the 15d of Prometheus's own no longer hold")
        if "percentage" in seen.in_file:
            raise Refused(
                "its configuration file sets storage.tsdb.retention.percentage, and then a size means nothing",
                remedy="take percentage out of the file first; monops retention show",
            )
    gone = deletions(seen.look, seen.kept, wanted, shop.outside.clock.now())
    warnings += gone
    site = find_site(shop, seen.container)
    asked = {name: text for name, text in (("time", time), ("size", size)) if text is not None}
    asked = {name: text for name, text in asked.items() if wanted[name] != seen.kept[name]}
    edits, means = _edits(shop, site, seen, asked)
    # Only these are asked for afterwards: a way back must not want the other one as it was then.
    changing = [name for name in ("time", "size") if wanted[name] != seen.kept[name]]
    values = tuple(Value(name, _shown(name, seen.kept[name]), _shown(name, wanted[name])) for name in changing)
    changed = ", ".join(f"{one.name} {one.before} → {one.after}" for one in values)
    interrupts = "nothing" if means is Means.RELOAD else _INTERRUPTS
    service = seen.container.service
    return Plan(
        site=site,
        title=f"retention of Prometheus: {changed or 'as it is'}",
        values=values,
        edits=edits,
        steps=(Step(means=means, service=service, interrupts=interrupts),) if asked else (),
        expected=(
            Expected(
                reader="retention",
                service=service,
                wanted={name: wanted[name] for name in changing},
                before={name: seen.kept[name] for name in changing},
            ),
        ),
        warnings=tuple(warnings),
        loses="what Prometheus has deleted does not come back" if gone else "",
    )


# --- where it is written ---------------------------------------------------------------------------


def _edits(shop: Workshop, site: Site, seen: Retention, asked: Mapping[str, str]) -> tuple[tuple[FileEdit, ...], Means]:
    """Where each is set today, if that works in this version; else in the file from 3.11 on, and by flag before."""
    texts: dict[str, str] = {}
    befores: dict[str, str | None] = {}
    in_place: dict[str, bool] = {}

    def text_of(path: str) -> str:
        if path not in texts:
            befores[path] = shop.files.read(path)
            texts[path] = befores[path] or ""
        return texts[path]

    means = Means.RELOAD
    for name, value in asked.items():
        target = _target(shop, seen, name)
        if target is not None:
            in_place[target.path] = target.in_place
            texts[target.path] = set_value(text_of(target.path), (*_IN_FILE, name), value, file=target.path)
            if _version(seen.version) < _FILE_IS_RIGHT and means is Means.RELOAD:
                means = Means.RESTART
            continue
        if name in seen.in_file:
            # 3.8 to 3.10 read a time there wrongly, and the file wins over the flag: it has to go from there.
            found = config_file(shop, seen.container, SERVICE)
            in_place[found.path] = found.in_place
            texts[found.path] = remove(text_of(found.path), (*_IN_FILE, name), file=found.path)
        means = Means.RECREATE
        path, text = _by_flag(shop, site, seen, FLAGS[name], value, texts)
        text_of(path)
        texts[path] = text
    edits = tuple(
        FileEdit(path=path, before=befores[path], after=text, in_place=in_place.get(path, False))
        for path, text in texts.items()
        if befores[path] != text
    )
    return edits, means


def _target(shop: Workshop, seen: Retention, name: str) -> ConfigFile | None:
    """The configuration file, where this one is to be set there."""
    version = _version(seen.version)
    is_flag = name in seen.set_in and name not in seen.in_file
    if version < _FILE_KNOWS or is_flag or (version < _FILE_IS_RIGHT and name == "time"):
        return None
    if version < _FILE_IS_RIGHT and name not in seen.in_file:
        return None
    try:
        return config_file(shop, seen.container, SERVICE)
    except MonopsError:
        if name in seen.in_file:
            raise
        return None  # a file in a volume or an image: then by flag


def _by_flag(
    shop: Workshop, site: Site, seen: Retention, flag: str, value: str, texts: Mapping[str, str]
) -> tuple[str, str]:
    """(the file, its new text)."""
    service = seen.container.service
    files = {path: texts.get(path, text) for path, text in site_files(shop, site).items()}
    for path in reversed(files):
        found = find_flag(files[path], service, flag, file=path)
        if found is None:
            continue
        if found.path[-1] != "command" or path == file_with(files, service, "command"):
            if found.variable is not None:
                return _by_variable(shop, site, found.variable, value, texts)
            return path, with_value(files[path], found, flag, value, file=path)
    path = file_with(files, service, "command")
    raw = seen.container.raw.get("Config") or {}
    return path, with_flag(files[path], service, flag, value, file=path, running=tuple(raw.get("Cmd") or ()))


def _by_variable(shop: Workshop, site: Site, name: str, value: str, texts: Mapping[str, str]) -> tuple[str, str]:
    """The file of variables that Compose reads; a variable of the shell would win over it."""
    if name in shop.environment:
        raise Refused(
            f"the value comes from the variable {name} of this shell, which wins over every file",
            remedy=f"unset {name}, write {name}={value} where it is exported; then: monops stack up prometheus",
        )
    path = site.variables[-1] if site.variables else f"{site.folder}/.env"
    text = texts.get(path)
    return path, set_variable((shop.files.read(path) or "") if text is None else text, name, value, file=path)


def _version(text: str) -> tuple[int, ...]:
    parts = text.partition("-")[0].split(".")[:2]
    return tuple(int(part) for part in parts if part.isdigit())


def _by_file(config: str) -> dict[str, str]:
    found: object = parsed(config)
    for part in _IN_FILE:
        found = found.get(part) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        return {}
    return {str(name): str(value) for name, value in found.items() if str(value) not in ("", "0s", "0", "0B")}


def _shown(name: str, value: str) -> str:
    return shown_time(value) if name == "time" else shown_bytes(value)
