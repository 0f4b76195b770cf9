"""The Compose file of several Prometheus: copies of the person's one service, and the query layer.

Source: docs.docker.com/reference/compose-file; docs.victoriametrics.com, single-node version and vmalert.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monops.domain.compose_command import find_flag, with_flag, with_value
from monops.domain.errors import Refused
from monops.domain.scale import (
    LABEL,
    LAYER,
    LAYER_PORT,
    LAYER_SERVICE,
    LAYER_URL,
    RULES,
    RULES_PORT,
    RULES_SERVICE,
    Instance,
)
from monops.domain.yaml_edit import has, insert_item, remove, set_value, value_at, written_at
from monops.domain.yaml_nodes import content_start, end_of, items_of, pair_of, root_of, start_of, value_of

CONFIG_FLAG = "--config.file"


def scaled_services(text: str, *, file: str) -> dict[str, str]:
    """Service -> what its label says, of the services that an earlier `scale set` wrote."""
    services = value_at(text, ("services",), file=file) if has(text, ("services",), file=file) else {}
    found = {}
    for name, service in (services or {}).items():
        labels = (service or {}).get("labels") or {}
        pairs = labels if isinstance(labels, dict) else dict(str(one).partition("=")[::2] for one in labels)
        if LABEL in pairs:
            found[str(name)] = str(pairs[LABEL])
    return found


def without_scale(text: str, service: str, *, file: str, config: str, running: Sequence[str]) -> str:
    """The file as it is with one Prometheus, `service`, which reads `config`: to the byte as it was before."""
    others = scaled_services(text, file=file)
    if not others:
        return text
    text = without_services(text, list(others), file=file)
    text = without_volumes(text, [f"{name}-data" for name in others if name != RULES_SERVICE], file=file)
    return with_config(text, service, config, file=file, running=running)


def without_services(text: str, names: Sequence[str], *, file: str) -> str:
    """The same without these services, empty lines before them and all."""
    for start, end in sorted(_spans(text, names, file), reverse=True):
        cut = len(text[:start].rstrip("\r\n"))
        text = text[:cut] + text[end:]
    return text


def with_config(text: str, service: str, path: str, *, file: str, running: Sequence[str]) -> str:
    """The service reads its configuration from `path`, in the container."""
    found = find_flag(text, service, CONFIG_FLAG, file=file)
    if found is None:
        return with_flag(text, service, CONFIG_FLAG, path, file=file, running=running)
    return with_value(text, found, CONFIG_FLAG, path, file=file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What is its own in one copy of the first one's service."""

    instance: Instance
    #: Its configuration in the container.
    config: str
    #: Its published port, as Compose writes it.
    port: str
    volume: str


#: Stand in the one copy that is edited for what is each one's own; the port in quotes, because of the @.
_SUFFIX, _CONFIG, _VOLUME, _WORDS, _PORT = "m0suffix", "m0config.yml", "m0volume", "m0words", "@m0port@"


def copied_services(text: str, service: str, copies: Sequence[Copy], *, file: str, data: str) -> str:
    """The same text with copies of the first one's service, whose data are at `data`, behind all else of `services`.

    Anchors and aliases stay as they are written; lines of comments are left out.
    """
    name = f"{service}-{_SUFFIX}"
    model = _model(text, service, name, file, data)
    start, end = _span(model, name, file)
    lines, made = model[start:end], []
    for one in copies:
        own = ((_SUFFIX, one.instance.name), (_CONFIG, one.config), (_VOLUME, one.volume),
               (_WORDS, one.instance.words), (_PORT, one.port))  # fmt: skip
        copy = lines
        for mark, value in own:
            copy = copy.replace(mark, value)
        made.append(copy)
    eol = _line_end(text)
    return model[:start] + f"{eol}{eol}".join(made) + model[end:]


def _model(text: str, service: str, name: str, file: str, data: str) -> str:
    path = ("services", name)
    if "&" in _code(text, service, file):
        raise Refused(
            f"the service {service} in {file} has anchors of its own (&), which a copy cannot have again",
            remedy=f"move them to the top of {file}, as x-… blocks",
        )
    text = _spliced(text, service, name, file)
    before = written_at(text, path, file=file)
    if "container_name" in before:
        text = set_value(text, (*path, "container_name"), f"{before['container_name']}-{_SUFFIX}", file=file)
    text = with_config(text, name, _CONFIG, file=file, running=())
    if "ports" in before:
        text = set_value(text, (*path, "ports"), [_PORT], file=file)
    for number, mount in enumerate(items_of(before.get("volumes"))):
        if _destination(mount) == data:
            new: Any = {**mount, "source": _VOLUME} if isinstance(mount, dict) else _with_source(str(mount), _VOLUME)
            text = set_value(text, (*path, "volumes", number), new, file=file)
            break
    else:
        raise Refused(
            f"{service} in {file} has no volume at {data}", remedy=f"give it one in {file}: {service}-data:{data}"
        )
    return _labelled(text, path, _WORDS, file)


def _labelled(text: str, path: tuple[str, ...], words: str, file: str) -> str:
    labels = value_at(text, (*path, "labels"), file=file) if has(text, (*path, "labels"), file=file) else {}
    if isinstance(labels, list):
        return insert_item(text, (*path, "labels"), f"{LABEL}={words}", file=file)
    return set_value(text, (*path, "labels", LABEL), words, file=file)


def with_service(text: str, name: str, service: Mapping[str, Any], *, file: str) -> str:
    """The same with a service more, behind an empty line."""
    text = set_value(text, ("services", name), dict(service), file=file)
    start, _ = _span(text, name, file)
    return text[:start] + _line_end(text) + text[start:]


def with_volumes(text: str, names: Sequence[str], *, file: str) -> str:
    """The volumes are declared; those that are already stay as they are."""
    there = value_at(text, ("volumes",), file=file) if has(text, ("volumes",), file=file) else None
    wanted = [name for name in names if name not in (there or {})]
    if not wanted:
        return text
    text = set_value(text, ("volumes", _VOLUME), None, file=file)
    line = next(line for line in text.splitlines(keepends=True) if _VOLUME in line)
    if line.strip() == f"{_VOLUME}: null":
        written = line.replace(": null", ":")
        lines = _line_end(text).join(written.rstrip("\r\n").replace(_VOLUME, name) for name in wanted)
        return text.replace(line, lines + written[len(written.rstrip("\r\n")) :], 1)
    # In braces.
    inside = f"{_VOLUME}: null"
    return text.replace(inside, ", ".join(f"{name}: null" for name in wanted), 1)


def without_volumes(text: str, names: Sequence[str], *, file: str) -> str:
    """They are no longer declared. The engine keeps them."""
    there = value_at(text, ("volumes",), file=file) if has(text, ("volumes",), file=file) else None
    for name in names:
        if name in (there or {}) and (there or {})[name] is None:
            text = remove(text, ("volumes", name), file=file)
    return text


# --- the query layer -------------------------------------------------------------------------------


def layer_service(first: Mapping[str, Any], *, image: str, port: str, keeps: str, interval: str) -> dict[str, Any]:
    """VictoriaMetrics beside the first Prometheus, with the same logging and the like; `first` as it is written."""
    return {
        **_common(first, LAYER_SERVICE),
        "image": image,
        "command": [
            "--storageDataPath=/victoria-metrics-data",
            f"--httpListenAddr=:{LAYER_PORT}",
            f"--retentionPeriod={keeps}",
            # Of the samples that the replicas send within one interval, one is kept.
            f"--dedup.minScrapeInterval={interval}",
            "--search.latencyOffset=5s",
        ],
        "ports": [port],
        "volumes": [f"{LAYER_SERVICE}-data:/victoria-metrics-data"],
        "healthcheck": _health(first, LAYER_PORT),
        "cap_drop": ["ALL"],
        "deploy": _limits("1", "2G", "512M"),
        "labels": {LABEL: LAYER},
    }


def rules_service(
    first: Mapping[str, Any],
    *,
    image: str,
    rules: Sequence[str],
    notifier: str,
    port: str,
    url: str,
    every: str,
    mounts: Sequence[Any],
) -> dict[str, Any]:
    """vmalert, which evaluates `rules` (paths in the container) on the query layer. `notifier`: a file, or "";
    `mounts`: where the rules are."""
    return {
        **_common(first, RULES_SERVICE),
        "image": image,
        "command": [
            *(f"--rule={path}" for path in rules),
            f"--httpListenAddr=:{RULES_PORT}",
            f"--datasource.url={LAYER_URL}",
            # What rules record, and how long an alert has held already.
            f"--remoteWrite.url={LAYER_URL}",
            f"--remoteRead.url={LAYER_URL}",
            f"--notifier.config={notifier}" if notifier else "--notifier.blackhole",
            f"--evaluationInterval={every}",
            "--rule.evalDelay=10s",
            f"--external.url={url}",
            "--external.alert.source=graph?g0.expr={{$$expr|queryEscape}}&g0.tab=1",
            # Alerts have the labels that Prometheus would give them, and no more.
            "--disableAlertgroupLabel",
            "--configCheckInterval=30s",
        ],
        "ports": [port],
        "volumes": list(mounts),
        "tmpfs": ["/etc/prometheus/secrets"],
        "healthcheck": _health(first, RULES_PORT),
        "cap_drop": ["ALL"],
        "deploy": _limits("0.5", "256M", "64M"),
        "labels": {LABEL: RULES},
    }


def _common(first: Mapping[str, Any], service: str) -> dict[str, Any]:
    """What every service of the stack has, as the first Prometheus has it."""
    keys = ("restart", "logging", "security_opt", "networks")
    found: dict[str, Any] = {key: first[key] for key in keys if key in first}
    name = str(first.get("container_name") or "")
    if name.endswith("prometheus"):
        found["container_name"] = name.removesuffix("prometheus") + service
    return found


def _health(first: Mapping[str, Any], port: int) -> dict[str, Any]:
    own = first.get("healthcheck")
    timing = {key: value for key, value in own.items() if key != "test"} if isinstance(own, dict) else {}
    return {**timing, "test": ["CMD", "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{port}/health"]}


def _limits(cpus: str, memory: str, reserved: str) -> dict[str, Any]:
    return {"resources": {"limits": {"cpus": cpus, "memory": memory}, "reservations": {"memory": reserved}}}


# --- splicing --------------------------------------------------------------------------------------


def _span(text: str, service: str, file: str) -> tuple[int, int]:
    return _spans(text, [service], file)[0]


def _spans(text: str, names: Sequence[str], file: str) -> list[tuple[int, int]]:
    """Where services' own lines are: from the key's line to the end of the last."""
    services = value_of(root_of(text, file), "services")
    found = []
    for name in names:
        pair = pair_of(services, name)
        if pair is None or services.flow_style or getattr(pair[1], "flow_style", True):
            raise Refused(
                f"the service {name} in {file} is not written in lines of its own", remedy=f"edit {file} by hand"
            )
        start = text.rfind("\n", 0, start_of(pair[0])) + 1
        end = text.find("\n", end_of(pair[1], text))
        found.append((start, len(text) if end < 0 else end - (text[end - 1] == "\r")))
    return found


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _code(text: str, service: str, file: str) -> str:
    start, end = _span(text, service, file)
    return re.sub(r"\$\{[^}]*\}|\"[^\"\n]*\"|'[^'\n]*'", "", text[start:end])


def _spliced(text: str, service: str, name: str, file: str) -> str:
    start, end = _span(text, service, file)
    eol = _line_end(text)
    services = value_of(root_of(text, file), "services")
    key = next(key for key, _ in reversed(services.value) if key.value == service)
    # At the key's own place: it may be in quotes.
    own = text[start : content_start(key, text)] + name + text[end_of(key, text) : end]
    bare = eol.join(line for line in own.split(eol) if not line.lstrip().startswith("#"))
    place = max(end for _, end in _spans(text, [str(key.value) for key, _ in services.value], file))
    found = text[:place] + eol + eol + bare + text[place:]
    if written_at(found, ("services", name), file=file) == written_at(text, ("services", service), file=file):
        return found
    # A line of a text begins like a comment: all of them stay.
    return text[:place] + eol + eol + own + text[place:]


def _destination(mount: Any) -> str:
    if isinstance(mount, dict):
        return str(mount.get("target", "")).rstrip("/")
    parts = str(mount).split(":")
    return parts[1].rstrip("/") if len(parts) > 1 else ""


def _with_source(mount: str, volume: str) -> str:
    return ":".join([volume, *mount.split(":")[1:]])


def mount_at(first: Mapping[str, Any], destination: str) -> list[Any]:
    """The mounts of the first at a folder in the container, as they are written."""
    return [mount for mount in items_of(first.get("volumes")) if _destination(mount) == destination]
