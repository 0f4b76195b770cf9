"""Trying one receiver in an Alertmanager of its own: its configuration, and what its log says came of it.

Source: prometheus/alertmanager, notify/retry_stage.go and dispatch/dispatch.go, for the log's words.
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from monops.domain.errors import NotFound
from monops.domain.nearest import did_you_mean, listed
from monops.domain.rebuild import without_secret, without_secret_value
from monops.domain.yaml_text import read_yaml

_FIELD = re.compile(r'(?P<name>\w+)=(?P<value>"(?:[^"\\]|\\.)*"|\S*)')
#: What Alertmanager puts before the reason.
_BEFORE = re.compile(r"^.*?: notify retry canceled (?:due to unrecoverable error )?after \d+ attempts: ")
_TOOK = {
    "slack": "Slack took it; that it is in {where}, only a look there can prove",
    "email": "the server of mail took it for {where}; that it is in the inbox, only a look there can prove",
    "webhook": "the address took it; what becomes of it there, monops cannot see",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """One way by which a receiver is told, under the name that it has in the trial."""

    name: str
    kind: str
    #: A channel, an address; "" where that is a secret.
    where: str
    send_resolved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one notification."""

    #: None while it is not known.
    arrived: bool | None
    #: Why not, or what went wrong the last time.
    error: str = ""
    #: Whether it will not be tried again.
    is_final: bool = False


def trial_config(text: str, name: str, folder: str) -> tuple[str, tuple[Integration, ...]]:
    """A configuration that knows this receiver alone, each of its integrations apart: one that hangs must not hide
    another. `folder`: where the container has the real one, for paths in it. Raises NotFound.
    """
    content = read_yaml(text)
    receivers = {str(one.get("name")): one for one in content.get("receivers") or ()}
    if name not in receivers:
        raise NotFound(
            f"there is no receiver {name!r} (there are {listed(receivers)})." + did_you_mean(name, receivers),
            remedy="monops receivers show",
        )
    found: list[Integration] = []
    tried: list[dict[str, Any]] = []
    for key, items in receivers[name].items():
        for settings in (items or ()) if key.endswith("_configs") else ():
            own = name if not found else f"{name} {len(found) + 1}"
            kind = key.removesuffix("_configs")
            # What holds where it is not said. Source: the types of prometheus/alertmanager, config/notifiers.go.
            resolved = settings.get("send_resolved", kind not in ("slack", "email", "wechat"))
            where = str(settings.get("channel") or settings.get("to") or settings.get("room") or "")
            found.append(Integration(name=own, kind=kind, where=where, send_resolved=bool(resolved)))
            tried.append({"name": own, key: [settings]})
    if not found:
        raise NotFound(
            f"the receiver {name} tells nobody, so there is nothing to test",
            remedy=f"monops receivers set slack --name {shlex.quote(name)}",
        )
    whole = {
        "global": content.get("global") or {},
        "templates": content.get("templates") or [],
        "route": {
            "receiver": name,
            "group_by": ["monops_run"],
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "1h",
            "routes": [{"receiver": one.name, "continue": True} for one in found],
        },
        "receivers": tried,
    }
    return yaml.safe_dump(_absolute(whole, folder), sort_keys=False, allow_unicode=True), tuple(found)


def _absolute(value: Any, folder: str, key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {name: _absolute(inner, folder, str(name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [_absolute(inner, folder, key) for inner in value]
    is_path = isinstance(value, str) and value and (key == "templates" or key.endswith("_file"))
    return posixpath.join(folder, value) if is_path else value


def outcome(lines: Iterable[str], name: str, *, nth: int = 1) -> Outcome:
    """What the log says of the `nth` notification of one integration."""
    took, last = 0, Outcome(arrived=None)
    for line in lines:
        fields = _fields(line)
        said, error = fields.get("msg", ""), fields.get("err", "")
        if said == "Notify success" and fields.get("receiver") == name:
            took += 1
            last = Outcome(arrived=True if took >= nth else None)
        elif error and said == "Notify attempt failed, will retry later" and fields.get("receiver") == name:
            last = Outcome(arrived=False, error=_safe(error))
        elif error and said == "Notify for alerts failed" and error.startswith(f"{name}/"):
            last = Outcome(arrived=False, error=_safe(_BEFORE.sub("", error)), is_final=True)
    return last


def took(one: Integration) -> str:
    """What is proven when it did not fail, and what is not."""
    words = _TOOK.get(one.kind, f"{one.kind} took it; what becomes of it there, monops cannot see")
    return words.format(where=one.where or "the channel")


def _fields(line: str) -> dict[str, str]:
    if line.startswith("{"):
        try:
            return {str(name): str(value) for name, value in json.loads(line).items()}
        except (ValueError, AttributeError):
            return {}
    found = {}
    for match in _FIELD.finditer(line):
        value = match["value"]
        found[match["name"]] = str(json.loads(value, strict=False)) if value.startswith('"') else value
    return found


def _safe(text: str) -> str:
    """Alertmanager hides addresses that are secrets; not in every error."""
    text = re.sub(r'(?P<verb>Post|Get) "(?!<redacted>)[^"]*"', r'\g<verb> "<redacted>"', " ".join(text.split()))
    return without_secret_value("", without_secret(text), "")[:300]
