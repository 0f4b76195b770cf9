"""From words on the command line to the stack's options: new choices over those made last time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from monops.domain.errors import UsageFault
from monops.domain.units import parse_duration
from monops.stack.options import LIMITS, Limit, StackOptions

#: Choices that are options as they are.
_PLAIN = (
    "network", "bind_address", "retention_time", "retention_size", "slack_channel", "email_to", "email_from", "smtp",
    "smtp_user", "sample_app", "project", "prefix", "time_scale",
)  # fmt: skip
_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]*$")
_MEMORY = re.compile(r"^\d+(\.\d+)?[bkmgBKMG]?$")
_SIZE = re.compile(r"^\d+(B|KB|MB|GB|TB|PB|EB)$")
_REDIS = re.compile(r"^(rediss?|unix)://")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What was found out about this machine."""

    bridge_address: str
    root_is_shared: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The command line's words; None or () where nothing was said."""

    network: str | None = None
    without: Sequence[str] = ()
    ports: Sequence[str] = ()
    bind_address: str | None = None
    retention_time: str | None = None
    retention_size: str | None = None
    cpus: Sequence[str] = ()
    memory: Sequence[str] = ()
    targets: Sequence[str] = ()
    images: Sequence[str] = ()
    receivers: Sequence[str] = ()
    slack_channel: str | None = None
    email_to: str | None = None
    email_from: str | None = None
    smtp: str | None = None
    smtp_user: str | None = None
    sample_app: bool | None = None
    project: str | None = None
    prefix: str | None = None
    time_scale: float | None = None


def chosen(choices: Choices, before: StackOptions | None, host: HostFacts | None) -> StackOptions:
    """The options: what was said now, else what was said last time, else the default. Raises UsageFault."""
    options = before or StackOptions()
    if host is not None:
        options = msgspec.structs.replace(
            options, bridge_address=host.bridge_address, root_is_shared=host.root_is_shared
        )
    said: dict[str, Any] = {name: getattr(choices, name) for name in _PLAIN if getattr(choices, name) is not None}
    if choices.without:
        said["without"] = tuple(dict.fromkeys(name for name in choices.without if name != "nothing"))
    if choices.receivers:
        said["receivers"] = tuple(dict.fromkeys(name for name in choices.receivers if name != "nobody"))
    if choices.ports:
        ports = {name: _port(name, value) for name, value in _pairs("--port", choices.ports)}
        said["sample_app_port"] = ports.pop("sample-app", options.sample_app_port)
        said["ports"] = options.ports | ports
    if choices.images:
        said["images"] = options.images | dict(_pairs("--image", choices.images))
    if choices.targets:
        said["targets"] = options.targets | _targets(choices.targets)
    if choices.cpus or choices.memory:
        said["limits"] = _limits(options, choices)
    found = msgspec.structs.replace(options, **said)
    _check(found)
    return found


def _check(options: StackOptions) -> None:
    for flag, name in (("--name", options.project), ("--prefix", options.prefix)):
        if not _NAME.match(name):
            raise UsageFault(
                f"{flag} {name!r}: a name has small letters, digits, - and _ only", remedy=f"{flag} monitoring"
            )
    for flag, value, pattern, example in (
        ("--retention-size", options.retention_size, _SIZE, "50GB"),
        ("--network", options.network or "x", re.compile(r"^[\w][\w.-]*$"), "ai-orchestrator_default"),
        ("--bind", options.bind_address, re.compile(r"^[0-9a-fA-F.:\[\]]+$"), "127.0.0.1"),
    ):
        if value and not pattern.match(value):
            raise UsageFault(f"{flag} {value!r} is none", remedy=f"for example: {flag} {example}")
    try:
        parse_duration(options.retention_time)
    except ValueError as error:
        raise UsageFault(
            f"--retention-time {options.retention_time!r} is no duration", remedy="for example: --retention-time 30d"
        ) from error
    if not 0 < options.time_scale <= 1:
        raise UsageFault(
            f"--time-scale {options.time_scale:g} is not above 0 and at most 1", remedy="--time-scale 0.05"
        )
    for address in options.targets.get("redis", ()):
        if not _REDIS.match(address):
            raise UsageFault(
                f"--target redis={address}: a Redis is named by its URL", remedy=f"--target redis=redis://{address}"
            )


def _pairs(flag: str, words: Sequence[str]) -> list[tuple[str, str]]:
    found = []
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise UsageFault(f"{flag} {word!r}: write NAME=VALUE", remedy="monops init --help")
        found.append((name, value))
    return found


def _port(name: str, value: str) -> int:
    if not value.isdigit() or not 1 <= int(value) <= 65535:
        raise UsageFault(f"--port {name}={value}: a port is a number from 1 to 65535", remedy=f"--port {name}=9090")
    return int(value)


def _targets(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for job, address in _pairs("--target", words):
        found[job] = (*found.get(job, ()), address)
    return found


def _limits(options: StackOptions, choices: Choices) -> dict[str, Limit]:
    found = dict(options.limits)
    for service, value in _pairs("--cpus", choices.cpus):
        try:
            cpus = float(value)
        except ValueError:
            cpus = 0.0
        if not cpus > 0:
            raise UsageFault(
                f"--cpus {service}={value}: a number of processors, such as 0.5", remedy=f"--cpus {service}=1"
            )
        found[service] = msgspec.structs.replace(_limit(found, service), cpus=cpus)
    for service, value in _pairs("--memory", choices.memory):
        if not _MEMORY.match(value):
            raise UsageFault(f"--memory {service}={value}: a size such as 512M or 2G", remedy=f"--memory {service}=2G")
        before = _limit(found, service)
        # What is reserved can never be more than the limit: half of it, unless less was reserved before.
        found[service] = msgspec.structs.replace(
            before, memory=value, reserve_memory=_smaller(before.reserve_memory, _half(value))
        )
    return found


def _limit(found: Mapping[str, Limit], service: str) -> Limit:
    # An unknown service is reported by `check_options`, with the nearest right name.
    return found.get(service) or LIMITS.get(service) or Limit(1.0, "1G", "64M")


_POWERS = {"b": 0, "k": 1, "m": 2, "g": 3}


def _bytes(text: str) -> float:
    unit = text[-1].lower()
    return float(text[:-1]) * 1024 ** _POWERS[unit] if unit in _POWERS else float(text)


def _half(text: str) -> str:
    return f"{max(1, int(_bytes(text) / 2 / 1024 / 1024))}M"


def _smaller(one: str, other: str) -> str:
    return one if _bytes(one) <= _bytes(other) else other
