"""The services that the sample application plays: their metrics, and how these look in a scrape."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

PROVIDERS = ("claude", "gemini", "codex")
ACCOUNTS = ("main", "spare")
QUEUE = "prompts"
ROUTES = ("/v1/chat", "/v1/jobs", "/health")


class Family(NamedTuple):
    """A metric with all values that its labels can have."""

    name: str
    kind: str
    help: str
    labels: Mapping[str, tuple[str, ...]]
    #: Of a histogram; the last is infinite.
    bounds: tuple[float, ...] = ()


_PROVIDER = {"provider": PROVIDERS}
_OUTCOME = {**_PROVIDER, "status": ("completed", "failed")}
_ROUTE = {"route": ROUTES}
_QUEUE = {"queue": (QUEUE,)}
_DISK = {"device": ("/dev/vda1",), "fstype": ("ext4",), "mountpoint": ("/",)}
_NETWORK = {"device": ("eth0",)}
_UNAME = {"sysname": ("Linux",), "nodename": ("sample-host",), "release": ("6.1.0",), "machine": ("x86_64",)}
_SESSION_HELP = "When an account's session expires. Label an account by a short alias, never by its address."
_REQUEST_BOUNDS = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 120.0, math.inf)
_API_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)

BROWSER_WORKER = (
    Family("requests_total", "counter", "Requests processed, by provider and outcome (completed or failed).", _OUTCOME),
    Family("requests_completed_total", "counter", "Requests completed successfully.", _PROVIDER),
    Family("requests_failed_total", "counter", "Requests that failed.", _PROVIDER),
    Family("request_duration_seconds", "histogram", "Duration of a request.", _PROVIDER, _REQUEST_BOUNDS),
    Family("active_sessions_count", "gauge", "Browser sessions that are open now.", _PROVIDER),
)
#: Host -> what it shows; browser workers come as they are asked for.
FAMILIES = {
    "quota-tracker": (
        Family("quota_daily_used", "gauge", "Requests used of today's quota.", _PROVIDER),
        Family("quota_daily_limit", "gauge", "Requests that today's quota allows.", _PROVIDER),
        Family(
            "quota_monthly_used",
            "gauge",
            "Requests used of this month's quota, where the provider has one.",
            _PROVIDER,
        ),
        Family("active_accounts_count", "gauge", "Accounts that can take requests now.", _PROVIDER),
        Family(
            "expired_sessions_count",
            "gauge",
            "Account sessions that have expired and need a new login.",
            _PROVIDER,
        ),
        Family("session_expiry_timestamp_seconds", "gauge", _SESSION_HELP, {**_PROVIDER, "account": ACCOUNTS}),
    ),
    "api-gateway": (
        Family(
            "api_requests_total",
            "counter",
            "Requests to the API, by route (the pattern, not the path) and HTTP status.",
            {**_ROUTE, "status": ("200", "500")},
        ),
        Family("api_latency_seconds", "histogram", "Time until the API has answered.", _ROUTE, _API_BOUNDS),
        Family("api_errors_total", "counter", "Requests to the API that ended with an error (HTTP 5xx).", _ROUTE),
    ),
    "bullmq": (
        Family("bullmq_queue_waiting", "gauge", "Jobs that wait in the queue.", _QUEUE),
        Family("bullmq_queue_active", "gauge", "Jobs that are worked on now.", _QUEUE),
        Family("bullmq_queue_delayed", "gauge", "Jobs that wait for their time.", _QUEUE),
        Family("bullmq_jobs_completed_total", "counter", "Jobs that ended well.", _QUEUE),
        Family("bullmq_jobs_failed_total", "counter", "Jobs that failed for good, after their last attempt.", _QUEUE),
    ),
    "sample-host": (
        Family(
            "node_cpu_seconds_total",
            "counter",
            "Seconds the CPUs spent in each mode.",
            {"cpu": ("0", "1"), "mode": ("idle", "system", "user")},
        ),
        Family("node_memory_MemTotal_bytes", "gauge", "Memory information field MemTotal_bytes.", {}),
        Family("node_memory_MemAvailable_bytes", "gauge", "Memory information field MemAvailable_bytes.", {}),
        Family("node_filesystem_size_bytes", "gauge", "Filesystem size in bytes.", _DISK),
        Family("node_filesystem_avail_bytes", "gauge", "Filesystem space for non-root users in bytes.", _DISK),
        Family("node_filesystem_readonly", "gauge", "Filesystem read-only status.", _DISK),
        Family("node_uname_info", "gauge", "System information as the uname system call gives it.", _UNAME),
        Family("node_load1", "gauge", "1m load average.", {}),
        Family("node_boot_time_seconds", "gauge", "Node boot time, in seconds since 1970.", {}),
        Family("node_time_seconds", "gauge", "System time in seconds since 1970.", {}),
        Family("node_network_receive_bytes_total", "counter", "Bytes received.", _NETWORK),
        Family("node_network_transmit_bytes_total", "counter", "Bytes sent.", _NETWORK),
    ),
}


class Service:
    """The numbers of one service. Every series is there from the start: a rate needs a zero to rise from."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = {family.name: family for family in families}
        self._values = {series: 0.0 for family in families for series in _series(family)}

    def add(self, name: str, *labels: str, by: float = 1) -> None:
        """Raises a counter."""
        self._values[name, labels] += by

    def put(self, name: str, *labels: str, value: float) -> None:
        """Sets a gauge."""
        self._values[name, labels] = value

    def observe(self, name: str, *labels: str, seconds: float) -> None:
        """Counts a duration in every bucket that it fits: the buckets of the format are cumulative."""
        for bound in self._families[name].bounds:
            if seconds <= bound:
                self.add(f"{name}_bucket", *labels, _bound(bound))
        self.add(f"{name}_sum", *labels, by=seconds)
        self.add(f"{name}_count", *labels)

    def exposition(self) -> str:
        """All of it in the text format of Prometheus."""
        lines = []
        for family in self._families.values():
            about = family.help.replace("\\", r"\\").replace("\n", r"\n")
            lines += [f"# HELP {family.name} {about}", f"# TYPE {family.name} {family.kind}"]
            for name, values in _series(family):
                names = (*family.labels, "le")  # only a bucket has a value for the last
                pairs = ",".join(f'{label}="{escaped(value)}"' for label, value in zip(names, values))  # noqa: B905
                shown = f"{{{pairs}}}" if pairs else ""
                lines.append(f"{name}{shown} {_number(self._values[name, values])}")
        return "\n".join(lines) + "\n"


def _series(family: Family) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name and label values of every series, in the order of the format: a histogram's are together."""
    for labels in itertools.product(*family.labels.values()):
        if family.kind != "histogram":
            yield family.name, labels
            continue
        for bound in family.bounds:
            yield f"{family.name}_bucket", (*labels, _bound(bound))
        yield f"{family.name}_sum", labels
        yield f"{family.name}_count", labels


def escaped(value: str) -> str:
    """A label's value as the text format wants it."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _bound(bound: float) -> str:
    return "+Inf" if bound == math.inf else repr(bound)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
