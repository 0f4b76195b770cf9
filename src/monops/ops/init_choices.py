"""From words on the command line to the stack's options: new choices over those made last time."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from monops.domain.errors import UsageFault
from monops.stack.files import TARGET_FORMS
from monops.stack.options import LIMITS, Limit, StackOptions

#: Choices that are options as they are.
_PLAIN = (
    "network", "bind_address", "retention_time", "retention_size", "slack_channel", "email_to", "email_from", "smtp",
    "smtp_user", "sample_app", "project", "prefix", "time_scale",
)  # fmt: skip
_SMALL = ("a name of small letters, digits, - and _", r"[a-z0-9][a-z0-9_-]*")
_MAIL = r"[^@\s,][^@\r\n,]*@[^@\s,]+"
#: Option -> what its value is, how that looks, and an example.
#: Source: compose-spec.io (names); Prometheus, storage page (retention); Alertmanager, configuration page (the others).
_FORMS = {
    "project": ("--name", *_SMALL, "monitoring"),
    "prefix": ("--prefix", *_SMALL, "ai"),
    "network": ("--network", "a network's name", r"\w[\w.-]*", "ai-orchestrator_default"),
    "retention_time": (
        "--retention-time", "a duration", r"(?=[1-9])(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?", "30d",
    ),
    "retention_size": ("--retention-size", "a size", r"[1-9]\d*(B|KB|MB|GB|TB|PB|EB)", "50GB"),
    "smtp": ("--smtp", "HOST:PORT", r"[^\s:/]+:\d{1,5}", "smtp.example.com:587"),
    "smtp_user": ("--smtp-user", "a name", r"[^\r\n]+", "monops@example.com"),
    "email_to": ("--email-to", "an address", rf"{_MAIL}(,\s*{_MAIL})*", "ops@example.com"),
    "email_from": ("--email-from", "an address", _MAIL, "alerts@example.com"),
    "slack_channel": ("--slack-channel", "a channel", r"[#@]?[^\s#@]+", "'#alerts'"),
}  # fmt: skip
_MEMORY = re.compile(r"^\d+(\.\d+)?[bkmgBKMG]?$")
#: Docker's own limit: "Minimum memory limit allowed is 6MB".
_LEAST_MEMORY = 6 * 1024 * 1024
_IMAGE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._/:@-]*$")
_REDIS = re.compile(r"^rediss?://[^\s/@]+(/\d+)?$")
_HOST_PORT = re.compile(r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9][A-Za-z0-9._-]*):\d{1,5}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What was found out about this machine."""

    bridge_address: str
    root_is_shared: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The command line's words; None or () where nothing was said."""

    #: "none" leaves the one named before.
    network: str | None = None
    #: "nothing" brings back what was left out.
    without: Sequence[str] = ()
    ports: Sequence[str] = ()
    bind_address: str | None = None
    retention_time: str | None = None
    retention_size: str | None = None
    cpus: Sequence[str] = ()
    memory: Sequence[str] = ()
    targets: Sequence[str] = ()
    images: Sequence[str] = ()
    #: "nobody" takes away those named before.
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
    if choices.network in ("", "none"):
        said["network"] = None
    if choices.bind_address is not None:
        said["bind_address"] = _address(choices.bind_address)
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
    """Values that a service would only refuse when it starts."""
    for field, (flag, about, form, example) in _FORMS.items():
        value = getattr(options, field)
        may_be_empty = field in ("network", "smtp_user", "retention_size")
        if (value or not may_be_empty) and not re.fullmatch(form, value):
            raise UsageFault(f"{flag} {value!r} is not {about}", remedy=f"for example: monops init {flag} {example}")
    if not 0 < options.time_scale <= 1:
        raise UsageFault(
            f"--time-scale {options.time_scale:g} is not above 0 and at most 1",
            remedy="for example: monops init --time-scale 0.05",
        )
    for name, image in options.images.items():
        if not _IMAGE.match(image):
            raise UsageFault(
                f"--image {name}: {image!r} is no image's name",
                remedy=f"for example: monops init --image {name}=NAME:TAG",
            )
    for job, addresses in options.targets.items():
        for address in addresses:
            _check_target(job, address)


def _check_target(job: str, address: str) -> None:
    form, example = TARGET_FORMS.get(job, ("HOST:PORT", "host:9090"))
    if job == "redis" and "@" in address:
        # Not shown again: the file of targets is no place for a secret, and neither is a message.
        raise UsageFault(
            "--target redis: a password does not belong into a file of targets",
            remedy="leave it out, and write it into secrets/redis-exporter/passwords.json; .env says how",
        )
    if not (_REDIS if job == "redis" else _HOST_PORT).match(address):
        right = f"redis://{address}" if job == "redis" and _HOST_PORT.match(address) else example
        raise UsageFault(
            f"--target {job}={address}: write it as {form}", remedy=f"for example: monops init --target {job}={right}"
        )


def _address(text: str) -> str:
    """An IP address, as Compose wants it before a port."""
    try:
        found = ipaddress.ip_address(text.strip("[]"))
    except ValueError as error:
        raise UsageFault(
            f"--bind {text!r} is not an IP address", remedy="for example: monops init --bind 127.0.0.1"
        ) from error
    return f"[{found}]" if found.version == 6 else str(found)


def _pairs(flag: str, words: Sequence[str]) -> list[tuple[str, str]]:
    found = []
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise UsageFault(f"{flag} {word!r} is not NAME=VALUE", remedy="monops init --help")
        found.append((name, value))
    return found


def _port(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 1 <= int(value) <= 65535:
        raise UsageFault(
            f"--port {name}={value}: a port is a number from 1 to 65535",
            remedy=f"for example: monops init --port {name}=9090",
        )
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
        if not 0.01 <= cpus < math.inf:
            raise UsageFault(
                f"--cpus {service}={value} is not a number of processors, 0.01 or more",
                remedy=f"for example: monops init --cpus {service}=0.5",
            )
        found[service] = msgspec.structs.replace(_limit(found, service), cpus=cpus)
    for service, value in _pairs("--memory", choices.memory):
        if not _MEMORY.match(value) or _bytes(value) < _LEAST_MEMORY:
            raise UsageFault(
                f"--memory {service}={value} is not a size such as 512M or 2G, 6M or more",
                remedy=f"for example: monops init --memory {service}=512M",
            )
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
