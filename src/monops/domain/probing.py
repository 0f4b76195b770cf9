"""Asking targets from where Prometheus is: what is asked, what was seen, and what that means beside its own error.

Pure: `edges/probe.py` asks. A step that was not taken is "", never taken for well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from monops.domain.address import parts_of
from monops.domain.facts import SeenContainer, Target
from monops.domain.rebuild import without_secret
from monops.domain.scrape_error import classify

#: What a step came to.
Dns = Literal["", "ok", "failed"]
Tcp = Literal["", "ok", "refused", "timeout", "unreachable", "failed"]
Tls = Literal["", "ok", "failed"]
Http = Literal["", "ok", "timeout", "not_http", "closed", "failed"]
#: The first step that fails; "metrics" where the answer is no page of metrics, "" where nothing fails.
Stage = Literal["", "dns", "tcp", "tls", "http", "status", "metrics"]

#: Seconds for a connection, and the most for a whole answer.
CONNECT_WITHIN, ANSWER_WITHIN = 3.0, 10.0
_PORTS = {"http": 80, "https": 443}
#: What a job sends that a probe does not: its secrets are hidden in the configuration in force.
_UNSENT = {
    "credentials": ("basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file", "http_headers"),
    "proxy": ("proxy_url", "proxy_from_environment"),
}
#: Classes of lastError -> the step that failed for Prometheus. The others came after a whole answer.
_STAGES: Mapping[str, Stage] = {
    "dns": "dns", "net": "tcp", "tcp": "tcp", "tls": "tls", "timeout": "http", "conn": "http", "not_http": "http",
    "http": "status", "ctype": "metrics", "parse": "metrics",
}  # fmt: skip
#: Media types in which metrics come. Source: prometheus/prometheus, model/textparse/interface.go.
_METRICS = ("text/plain", "application/openmetrics-text", "application/vnd.google.protobuf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One URL to ask."""

    url: str
    #: Seconds for the whole answer.
    within: float = ANSWER_WITHIN
    #: The name that the certificate must have; "" for the URL's own.
    server_name: str = ""

    @property
    def host(self) -> str:
        return parts_of(self.url).hostname or ""

    @property
    def port(self) -> int:
        """0 where the URL has none that can be asked."""
        parts = parts_of(self.url)
        try:
            return parts.port or _PORTS.get(parts.scheme, 80)
        except ValueError:
            return 0

    @property
    def is_encrypted(self) -> bool:
        return parts_of(self.url).scheme == "https"

    @property
    def path(self) -> str:
        """With the parameters."""
        parts = parts_of(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What the target shows of itself."""

    names: tuple[str, ...]
    #: As in the certificate: `Nov 23 06:37:00 2026 GMT`.
    valid_from: str
    valid_until: str
    #: Why the authorities that Prometheus's container knows do not vouch for it; "" where they do.
    distrust: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What one URL answered."""

    dns: Dns = ""
    addresses: tuple[str, ...] = ()
    tcp: Tcp = ""
    #: The address that was connected to, or the last that was tried.
    address: str = ""
    tls: Tls = ""
    certificate: Certificate | None = None
    http: Http = ""
    #: 0 where there was none.
    status: int = 0
    content_type: str = ""
    #: Where it sends the caller.
    location: str = ""
    #: Of the whole answer, DNS included; None where it was not measured.
    seconds: float | None = None
    #: Lines of the answer that are values; None where no whole answer was read.
    samples: int | None = None
    #: The first characters of the answer.
    beginning: str = ""
    #: What the step that failed said.
    error: str = ""

    @property
    def stage(self) -> Stage:
        """The first step that failed. A probe that took no step at all failed at the first."""
        if self.dns == "failed" or not (self.dns or self.tcp or self.http):
            return "dns"
        if self.tcp not in ("", "ok"):
            return "tcp"
        if self.tls == "failed":
            return "tls"
        if self.http != "ok":
            return "http"
        if self.status != 200:
            return "status"
        return "" if self.samples and self._is_metrics() else "metrics"

    def _is_metrics(self) -> bool:
        # Without a Content-Type the old Prometheus reads on, and a fallback may be configured: the samples decide.
        return not self.content_type or self.content_type.partition(";")[0].strip().lower() in _METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class Probing:
    """What asking came to."""

    #: "namespace" (exact), "container" (no times and certificates), "" where it could not be done.
    way: Literal["namespace", "container", ""]
    #: URL -> what it answered.
    found: Mapping[str, Probed]
    #: Why it could not be asked so well, or at all; "" where it could.
    why_not: str = ""
    remedy: str = ""


class Prober(Protocol):
    """Asks from where Prometheus is."""

    def probe(self, prometheus: SeenContainer, tasks: Sequence[Task]) -> Probing:
        """Everything at once. Never raises MonopsError: what cannot be asked is told as `why_not`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A target, asked."""

    target: Target
    #: None where it could not be asked.
    probed: Probed | None
    #: Whether it answers with metrics now; None where that is not known.
    answers: bool | None
    #: One sentence, without a period.
    sentence: str


# --- what is asked -------------------------------------------------------------------------------


def tasks_of(targets: Iterable[Target], sections: Mapping[str, Mapping[str, Any]]) -> tuple[Task, ...]:
    """One for each URL. `sections`: job -> its section of the configuration."""
    found: dict[str, Task] = {}
    for target in targets:
        tls = sections.get(target.job, {}).get("tls_config") or {}
        name = str(tls.get("server_name") or "")
        found[target.url] = Task(url=target.url, within=min(target.timeout, ANSWER_WITHIN), server_name=name)
    return tuple(found.values())


def unsent(section: Mapping[str, Any]) -> tuple[str, ...]:
    """What the job sends and a probe does not."""
    return tuple(what for what, names in _UNSENT.items() if any(section.get(name) for name in names))


# --- what it means -------------------------------------------------------------------------------


def judged(target: Target, probing: Probing, section: Mapping[str, Any], now: datetime) -> Verdict:
    """The probe's result joined with what Prometheus says of its last scrape."""
    probed = probing.found.get(target.url)
    if probed is None:
        said = f"unknown: it could not be asked, {probing.why_not or 'the probe did not get to it in time'}"
        return Verdict(target=target, probed=None, answers=None, sentence=said)
    left_out = unsent(section)
    if probed.stage and left_out and (probed.status in (401, 403, 407) or "proxy" in left_out):
        sentence = f"unknown: {seen(target, probed)}, asked without the job's {' and '.join(left_out)}"
        return Verdict(target=target, probed=probed, answers=None, sentence=sentence)
    sentence = _joined(target, probed, f"its last scrape {_ago(target, now)}")
    return Verdict(target=target, probed=probed, answers=not probed.stage, sentence=sentence)


def seen(target: Target, probed: Probed) -> str:
    """What the probe saw, in a few words."""
    task = Task(url=target.url)
    address = probed.address or f"{task.host}:{task.port}"
    return {
        "": lambda: f"{probed.samples} samples{_took(probed)}",
        "dns": lambda: f"the name {task.host} does not resolve from Prometheus's network: {probed.error}",
        "tcp": lambda: _unconnected(task, address, probed),
        "tls": lambda: f"{address} is there, and does not agree on encryption: {probed.error}",
        "http": lambda: _unanswered(task, address, probed),
        "status": lambda: _status(task, probed),
        "metrics": lambda: _no_metrics(task, probed),
    }[probed.stage]()


def _unconnected(task: Task, address: str, probed: Probed) -> str:
    if probed.tcp == "refused":
        return f"{task.host} is there, and nothing listens on port {task.port} ({address} refuses)"
    if probed.tcp == "timeout":
        return f"{address} does not answer a connection: another network, a firewall, or nobody has the address"
    return f"{address} cannot be reached: {probed.error}"


def _unanswered(task: Task, address: str, probed: Probed) -> str:
    if probed.http == "timeout" and not probed.tcp:
        silent = "the connection or the page" if probed.dns else "its name server, the connection or the page"
        return f"{address} does not answer in time ({_waited(probed)}): {silent}"
    if probed.http == "timeout":
        return f"{address} takes the connection, and does not answer in time ({_waited(probed)})"
    if probed.http == "not_http":
        return f"{address} answers, and not in HTTP: {_short(probed.beginning or probed.error)}"
    if probed.http == "closed":
        other = "http" if task.is_encrypted else "https"
        return f"{address} ends the connection without an answer: it crashes, or speaks {other} or something else"
    return f"{address} is connected, and does not answer: {probed.error}"


def _status(task: Task, probed: Probed) -> str:
    to = f", to {without_secret(probed.location)}" if probed.location else ""
    return f"HTTP {probed.status} for {without_secret(task.path)}{to}{_took(probed)}"


def _no_metrics(task: Task, probed: Probed) -> str:
    kind = probed.content_type.partition(";")[0] or "no Content-Type"
    begins = f", which begins {_short(probed.beginning)}" if probed.beginning else ", empty"
    return f"{without_secret(task.path)} is no page of metrics: {kind}{begins}"


def _joined(target: Target, probed: Probed, last: str) -> str:
    what = seen(target, probed)
    if target.health == "unknown":
        return f"Prometheus has not scraped it yet; {'it answers: ' if not probed.stage else ''}{what}"
    if target.health == "up":
        if not probed.stage:
            return f"it answers, as Prometheus says: {what}"
        return f"Prometheus says up by {last}, but now {what}"
    kind = classify(target.last_error).kind
    if not probed.stage:
        return _answers_although_down(target, probed, kind, last, what)
    if _STAGES.get(kind.partition(".")[0], "") == probed.stage or kind == "other":
        return f"as Prometheus says: {what}"
    return f"{what}; at {last} it failed otherwise: {without_secret(target.last_error)[:200]}"


def _answers_although_down(target: Target, probed: Probed, kind: str, last: str, what: str) -> str:
    seconds = probed.seconds or 0.0
    if kind.startswith("timeout") and seconds > 0.8 * target.timeout:
        return f"it answers, only too slowly for the scrape_timeout of {target.timeout:g} s: {what}"
    if kind.partition(".")[0] in ("limit", "parse", "ctype", "series", "auth", "config", "tls"):
        return f"it answers, and Prometheus does not take the answer: {without_secret(target.last_error)[:200]}"
    return f"Prometheus says down since {last}, but it answers now: {what}"


def _ago(target: Target, now: datetime) -> str:
    return f"{max(0.0, now.timestamp() - target.last_scrape):.0f} s ago" if target.last_scrape else "before"


def _took(probed: Probed) -> str:
    if probed.seconds is None:
        return ""
    return f" in {probed.seconds * 1000:.0f} ms" if probed.seconds < 1 else f" in {probed.seconds:.1f} s"


def _waited(probed: Probed) -> str:
    return "as long as a scrape may take" if probed.seconds is None else f"waited {probed.seconds:.1f} s"


def _short(text: str) -> str:
    return repr(without_secret(" ".join(text.split()))[:60])
