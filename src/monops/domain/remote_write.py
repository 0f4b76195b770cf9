"""Remote write in `prometheus.yml`: what is sent where, how its queue fares, and edits of it.

Sources: prometheus.io/docs/prometheus/latest/configuration, `<remote_write>`; prometheus/prometheus,
storage/remote/queue_manager.go.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from monops.domain.editing import opened
from monops.domain.errors import NotFound, Refused, UsageFault
from monops.domain.exposition import Sample
from monops.domain.nearest import did_you_mean, listed
from monops.domain.prometheus_config import parsed
from monops.domain.rebuild import without_secret
from monops.domain.settled import flattened, is_secret_setting
from monops.domain.yaml_edit import has, insert_item, remove, set_value, value_at

_METRIC = "prometheus_remote_storage_"
_FIELD = re.compile(r'(?P<name>\w+)=(?P<value>"(?:[^"\\]|\\.)*"|\S*)')
#: Ways to say who one is; there may be one of them.
_WAYS_IN = ("basic_auth", "authorization", "bearer_token", "bearer_token_file", "sigv4", "oauth2", "azuread")
#: Seconds behind which a queue does not keep up: some scrapes and batches.
BEHIND = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One queue as Prometheus's own metrics have it; counts since it began."""

    name: str
    url: str
    #: Handed to the receiver, tried again and given up ones too.
    tried: float = 0.0
    retried: float = 0.0
    failed: float = 0.0
    dropped: float = 0.0
    pending: float = 0.0
    shards: float = 0.0
    shards_max: float = 0.0
    #: Unix times of the newest sample that was dealt with, and of the newest that there is; 0 for none yet.
    sent_until: float = 0.0
    newest: float = 0.0

    @property
    def taken(self) -> float:
        """What the receiver has taken; what is on its way too."""
        return max(0.0, self.tried - self.retried - self.failed)

    @property
    def lag(self) -> float | None:
        """Seconds that it is behind; None where nothing has been dealt with yet."""
        return max(0.0, self.newest - self.sent_until) if self.sent_until and self.newest else None

    @property
    def state(self) -> str:
        """As far as the counts tell."""
        if self.lag is None:
            return "sends nothing yet" if self.pending else "waits for samples"
        return "behind" if self.lag > BEHIND else "sends"

    def since(self, before: Queue) -> Queue:
        """Counts from there on."""
        return Queue(
            name=self.name,
            url=self.url,
            tried=self.tried - before.tried,
            retried=self.retried - before.retried,
            failed=self.failed - before.failed,
            dropped=self.dropped - before.dropped,
            pending=self.pending,
            shards=self.shards,
            shards_max=self.shards_max,
            sent_until=self.sent_until if self.sent_until > before.sent_until else 0.0,
            newest=self.newest,
        )


_FIELDS = {
    "samples_total": "tried", "samples_retried_total": "retried", "samples_failed_total": "failed",
    "samples_dropped_total": "dropped", "samples_pending": "pending", "shards": "shards", "shards_max": "shards_max",
    "queue_highest_sent_timestamp_seconds": "sent_until", "queue_highest_timestamp_seconds": "newest",
}  # fmt: skip


def queues(samples: Iterable[Sample]) -> tuple[Queue, ...]:
    """Every queue in Prometheus's `/metrics`."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    newest = 0.0
    for one in samples:
        if one.name == f"{_METRIC}highest_timestamp_in_seconds":
            newest = one.value
        field = _FIELDS.get(one.name.removeprefix(_METRIC)) if one.name.startswith(_METRIC) else None
        if field is None or "remote_name" not in one.labels:
            continue
        values = found.setdefault((one.labels["remote_name"], one.labels.get("url", "")), {})
        values[field] = values.get(field, 0.0) + one.value
    return tuple(
        Queue(name=name, url=url, **{"newest": newest, **values}) for (name, url), values in sorted(found.items())
    )


def reloaded_at(samples: Iterable[Sample]) -> datetime | None:
    """When Prometheus has read its configuration last, by its own clock; None where it does not say."""
    for one in samples:
        if one.name == "prometheus_config_last_reload_success_timestamp_seconds" and one.value > 0:
            return datetime.fromtimestamp(one.value, UTC)
    return None


@dataclass(frozen=True, slots=True)
class Complaint:
    """What Prometheus's log says of a queue."""

    at: datetime | None
    error: str
    #: Whether the samples are lost, or tried again.
    is_final: bool


def complaints(lines: Iterable[str], queue: Queue) -> tuple[Complaint, ...]:
    """In the log's order. Its lines are logfmt, or JSON where it was asked for."""
    found = []
    for line in lines:
        fields = _fields(line)
        if fields.get("component") != "remote" and "remote_name" not in fields:
            continue
        if fields.get("remote_name") != queue.name or not fields.get("err"):
            continue
        said = fields.get("msg", "")
        final = "non-recoverable" in said
        found.append(Complaint(_moment(fields.get("time") or fields.get("ts") or ""), _why(fields["err"]), final))
    return tuple(found)


def _fields(line: str) -> dict[str, str]:
    if line.startswith("{"):
        try:
            return {str(name): str(value) for name, value in json.loads(line).items()}
        except (ValueError, AttributeError):
            return {}
    return {found["name"]: _plain(found["value"]) for found in _FIELD.finditer(line)}


def _plain(value: str) -> str:
    try:
        return str(json.loads(value)) if value.startswith('"') else value
    except ValueError:
        return value.strip('"')


def _why(error: str) -> str:
    text = " ".join(error.split()).rstrip(": ")
    # `Post "http://…": dial tcp …: connect: connection refused` names the address again.
    return without_secret(re.sub(r'^Post "[^"]*": ', "", text))[:200]


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


# --- the configuration -----------------------------------------------------------------------------


def remotes(text: str) -> tuple[Mapping[str, Any], ...]:
    """The entries of `remote_write`."""
    found = parsed(text).get("remote_write") or ()
    return tuple(one for one in found if isinstance(one, Mapping))


def label(remote: Mapping[str, Any]) -> str:
    """How a person calls it."""
    return str(remote.get("name") or without_secret(str(remote.get("url", ""))))


def readings(text: str) -> dict[str, str]:
    """Of a configuration, a file's or the one in force, as names and values."""
    found: dict[str, str] = {}
    for here, remote in zip(readings_of_entries(text), remotes(text), strict=True):
        found[here] = "is there"
        found.update((f"{here}: {name}", value) for name, value in flattened(remote))
    return found


def readings_of_entries(text: str) -> tuple[str, ...]:
    """Of each entry, the name that `readings` has for it; one that is called as another is has a number."""
    found: dict[str, None] = {}
    for remote in remotes(text):
        here, number = f"remote write to {label(remote)}", 2
        while here in found:
            here, number = f"remote write to {label(remote)} ({number})", number + 1
        found[here] = None
    return tuple(found)


def check_url(text: str) -> str:
    """Raises UsageFault for what cannot be written to, or holds a secret."""
    try:
        parts = urlsplit(text)
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_right = False
    if not is_right or any(char.isspace() for char in text):
        raise UsageFault(
            f"{without_secret(text)} is no address of http or https",
            remedy="monops remote-write set http://victoria-metrics:8428/api/v1/write",
        )
    has_user = bool(parts.username or parts.password)
    has_token = any(is_secret_setting(one.partition("=")[0]) for one in parts.query.split("&"))
    if has_user or has_token:
        host = parts.netloc.rpartition("@")[2]
        plain = f"{parts.scheme}://{host}{parts.path}"
        shown = f"{parts.scheme}://{'…@' if has_user else ''}{host}{parts.path}{'?…' if parts.query else ''}"
        hidden = [
            what for what, is_there in (("its user", has_user), ("its parameters", bool(parts.query))) if is_there
        ]
        way = "--basic-auth-user NAME --password-file FILE" if has_user else "--bearer-token-file FILE"
        raise UsageFault(
            f"{shown} ({listed(hidden)} not shown) holds a secret, and an address is seen by all",
            remedy=f"monops remote-write set {shlex.quote(plain)} {way}",
        )
    return text


def secret_option(setting: str) -> str:
    """How a secret is given that is no argument."""
    if setting == "basic_auth.password":
        return "--basic-auth-user NAME --password-file FILE"
    if setting in ("authorization.credentials", "bearer_token"):
        return "--bearer-token-file FILE"
    if setting == "url":
        # The address is the argument, which is checked; of an entry that has a name it can be changed.
        return "--name NAME"
    return f"--set {setting}_file=/run/secrets/FILE"


def position(text: str, *, url: str, name: str | None, file: str) -> int | None:
    """Which entry is meant by `set`: the one of that name, else the one with that address. Raises Refused."""
    found = remotes(text)
    if name is not None:
        for number, one in enumerate(found):
            if one.get("name") == name:
                return number
    same = [number for number, one in enumerate(found) if one.get("url") == url]
    same = [number for number in same if name is None or not found[number].get("name")]
    if len(same) > 1:
        names = [str(found[number]["name"]) for number in same if found[number].get("name")]
        again = shlex.join(["monops", "remote-write", "set", url, "--name", names[0]]) if names else opened(file)
        raise Refused(
            f"{len(same)} entries of remote_write in {file} go to {url}: their names tell them apart", remedy=again
        )
    return same[0] if same else None


def named(text: str, what: str | None, *, file: str) -> int:
    """Which entry is meant by `remove`. Raises NotFound, UsageFault."""
    found = [label(one) for one in remotes(text)]
    if not found:
        raise NotFound("Prometheus writes to no remote storage", remedy="monops remote-write show")
    if what is None:
        if len(found) > 1:
            raise UsageFault(
                f"there are several: {listed(found)}", remedy=f"monops remote-write remove {shlex.quote(found[0])}"
            )
        return 0
    urls = [str(one.get("url")) for one in remotes(text)]
    matching = [number for number in range(len(found)) if what in (found[number], urls[number])]
    if not matching:
        raise NotFound(
            f"there is no remote write {without_secret(what)!r} (there is {listed(found)})."
            + did_you_mean(what, [*found, *urls]),
            remedy="monops remote-write show",
        )
    if len(matching) > 1:
        # A name is only one where nothing else is called so.
        own = [
            found[number]
            for number in matching
            if sum(found[number] in pair for pair in zip(found, urls, strict=True)) == 1
        ]
        raise UsageFault(
            f"{len(matching)} entries of {file} go to {without_secret(what)}: their names tell them apart",
            remedy=f"monops remote-write remove {shlex.quote(own[0])}" if own else opened(file),
        )
    return matching[0]


def with_remote(text: str, number: int | None, settings: Mapping[tuple[str, ...], Any], *, file: str) -> str:
    """The entry has these settings; a new one where there is none. Another way in that it had goes."""
    nested: dict[str, Any] = {}
    for path, value in settings.items():
        place = nested
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = value
    if number is None:
        return insert_item(text, ("remote_write",), nested, file=file)
    at = ("remote_write", number)
    for path, value in settings.items():
        if not has(text, (*at, *path), file=file) or value_at(text, (*at, *path), file=file) != value:
            text = set_value(text, (*at, *path), value, file=file)
    # A secret is there either itself or as a file.
    literals = [(*path[:-1], path[-1].removesuffix("_file")) for path in settings if path[-1].endswith("_file")]
    for gone in (*_dropped(nested), *literals):
        if has(text, (*at, *gone), file=file):
            text = remove(text, (*at, *gone), file=file)
    return text


def without_remote(text: str, number: int, *, file: str) -> str:
    """The entry is gone; with the last one the whole key."""
    return remove(text, ("remote_write",) if len(remotes(text)) == 1 else ("remote_write", number), file=file)


def _dropped(nested: Mapping[str, Any]) -> Sequence[tuple[str, ...]]:
    way = next((one for one in _WAYS_IN if one in nested), None)
    return [(one,) for one in _WAYS_IN if one != way] if way is not None else ()
