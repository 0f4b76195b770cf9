"""What happens in the services that the sample application plays: traffic, and everything that can go wrong with it."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

# Part of a package where it is tested, a lone script's neighbour where it runs.
if TYPE_CHECKING or __package__:
    from . import services
else:
    import services

#: Route -> requests a second, usual seconds until the answer.
_ROUTES = {"/v1/chat": (12.0, 0.2), "/v1/jobs": (6.0, 0.05), "/health": (3.0, 0.004)}
REQUESTS_A_SECOND, JOBS_A_SECOND = 12.0, 8.0
#: The share of requests, jobs and answers that fails on a good day, and on a bad one.
FEW, HALF = 0.02, 0.5
#: Requests a day: what comes here in a day is about half of it.
DAILY_LIMIT = 2_000_000
MEMORY, DISK = 8 * 1024**3, 100 * 1024**3
HOUR, DAY = 3600, 86400
#: A machine that slept has not worked: a longer gap counts as this many seconds.
LONGEST_GAP = 30.0
_WORKER = re.compile(r"browser-worker-[1-9][0-9]?")


class Misbehaviour(NamedTuple):
    """Something that can go wrong, and the alert that it makes fire."""

    about: str
    alert: str
    of_provider: bool = False


MISBEHAVIOURS = {
    "fail": Misbehaviour("half of a provider's requests fail", "HighErrorRate", True),
    "slow": Misbehaviour("a provider's requests take 35 to 90 seconds", "HighLatency", True),
    "quota-almost": Misbehaviour("95% of a provider's daily quota is used", "QuotaAlmostExceeded", True),
    "quota-exceeded": Misbehaviour("a provider's daily quota is used up", "QuotaExceeded", True),
    "no-accounts": Misbehaviour("no account of a provider can take requests", "NoActiveAccounts", True),
    "session-expiring": Misbehaviour("a session at a provider ends in 3 hours", "SessionExpiringSoon", True),
    "session-expired": Misbehaviour("a session at a provider has ended", "SessionExpired", True),
    "deep-queue": Misbehaviour("more than 150 jobs wait", "HighQueueDepth"),
    "jobs-fail": Misbehaviour("half of the jobs fail", "HighJobFailureRate"),
    "api-errors": Misbehaviour("half of the API's answers are errors (500)", "HighApiErrorRate"),
    "worker-down": Misbehaviour("browser-worker-2 hangs up without an answer", "BrowserWorkerDown"),
    "service-down": Misbehaviour("quota-tracker hangs up without an answer", "ServiceDown"),
    "busy-cpu": Misbehaviour("sample-host's processors are 95% busy", "HighCpuUsage"),
    "full-memory": Misbehaviour("sample-host's memory is 95% used", "HighMemoryUsage"),
    "full-disk": Misbehaviour("sample-host's disk has 5% left", "DiskSpaceLow"),
}
#: Service -> what makes it hang up.
_DOWN = {"browser-worker-2": "worker-down", "quota-tracker": "service-down"}


class Orchestrator:
    """All services, their traffic and what is wrong with them. Safe to use from several threads."""

    def __init__(
        self,
        *,
        log: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,  # noqa: TID251 - runs alone: it has no port to ask
        seed: int = 1,
    ) -> None:
        self._log, self._monotonic, self._wall = log, monotonic, wall
        self._random = random.Random(seed)
        self._lock = threading.RLock()
        self._services = {name: services.Service(families) for name, families in services.FAMILIES.items()}
        for name in ("browser-worker-1", "browser-worker-2"):
            self._services[name] = services.Service(services.BROWSER_WORKER)
        #: What is wrong -> the providers where it is; "" where it is not a provider's.
        self._wrong: dict[str, set[str]] = {name: set() for name in MISBEHAVIOURS}
        #: What has come due of each kind of event, less than one.
        self._rest: dict[str, float] = {}
        self._elapsed = 0.0
        self._booted = wall()
        self._before = monotonic()
        self._show()

    def keep_going(self, stop: threading.Event) -> None:
        """Traffic, five times a second, until `stop`."""
        while not stop.wait(0.2):
            self.catch_up()

    def catch_up(self) -> None:
        """The traffic since the last time."""
        with self._lock:
            now = self._monotonic()
            gap, self._before = now - self._before, now
            self.advance(min(gap, LONGEST_GAP))

    def advance(self, seconds: float) -> None:
        """The traffic of some seconds."""
        with self._lock:
            self._elapsed += seconds
            self._requests(seconds)
            self._answers(seconds)
            self._jobs(seconds)
            self._machine(seconds)
            self._show()

    @property
    def names(self) -> tuple[str, ...]:
        """The services that have numbers to show."""
        with self._lock:
            return tuple(sorted(self._services))

    def exposition(self, name: str) -> str | None:
        """The numbers of a service as a scrape gets them; None if there is no such service."""
        with self._lock:
            # Any browser worker that is asked for exists from then on, and gets its part of the traffic.
            if _WORKER.fullmatch(name) and name not in self._services:
                self._services[name] = services.Service(services.BROWSER_WORKER)
            if name not in self._services:
                return None
            self.catch_up()  # a scrape between two ticks would see the processors stand still
            return self._services[name].exposition()

    def is_down(self, name: str) -> bool:
        """Whether the service hangs up on everybody."""
        return name in _DOWN and self._is(_DOWN[name])

    def wrong(self) -> dict[str, list[str]]:
        """What is switched on -> the providers where it is; [""] where it is not a provider's."""
        with self._lock:
            return {name: sorted(where) for name, where in self._wrong.items() if where}

    def misbehave(self, name: str, providers: Sequence[str]) -> None:
        """Switches something on: where it is a provider's, at these, or at the first if none is named."""
        what = MISBEHAVIOURS[name]
        where = set(providers or services.PROVIDERS[:1]) if what.of_provider else {""}
        with self._lock:
            self.catch_up()  # what happened until now was still as before
            for provider in sorted(where - self._wrong[name]):
                self._log(f"{_at(name, provider)}: on, {what.about}; alert {what.alert}")
            self._wrong[name] |= where
            self._show()

    def behave(self, names: Sequence[str], providers: Sequence[str]) -> None:
        """Switches these off: at these providers, or everywhere if none is named."""
        with self._lock:
            self.catch_up()
            for name in names:
                everywhere = not (providers and MISBEHAVIOURS[name].of_provider)
                where = {provider for provider in self._wrong[name] if everywhere or provider in providers}
                for provider in sorted(where):
                    self._log(f"{_at(name, provider)}: off")
                self._wrong[name] -= where
            self._show()

    def _is(self, name: str, provider: str = "") -> bool:
        with self._lock:
            return provider in self._wrong[name]

    def _due(self, what: str, amount: float) -> int:
        """How many events have come due: spread evenly, so that seconds show the same shares as hours do."""
        rest = self._rest.get(what, 0.0) + amount
        self._rest[what] = rest - int(rest)
        return int(rest)

    def _traffic(self, what: str, amount: float, *, failing: bool) -> tuple[int, int]:
        """How many come now, around `amount`, and how many of them fail."""
        count = self._due(what, amount * self._random.uniform(0.7, 1.3))
        return count, min(count, self._due(f"failed {what}", count * (HALF if failing else FEW)))

    def _requests(self, seconds: float) -> None:
        up = [self._services[name] for name in self.names if _WORKER.fullmatch(name) and not self.is_down(name)]
        for provider in services.PROVIDERS:
            failing, slow = self._is("fail", provider), self._is("slow", provider)
            count, failed = self._traffic(provider, seconds * REQUESTS_A_SECOND, failing=failing)
            for number in range(count):
                worker = self._random.choice(up)
                status = "failed" if number < failed else "completed"
                worker.add("requests_total", provider, status)
                worker.add(f"requests_{status}_total", provider)
                took = self._random.uniform(35, 90) if slow else self._random.triangular(0.6, 9, 2.5)
                worker.observe("request_duration_seconds", provider, seconds=took)
            for worker in up:
                worker.put("active_sessions_count", provider, value=self._random.randint(2, 4))

    def _answers(self, seconds: float) -> None:
        gateway = self._services["api-gateway"]
        for route, (rate, usual) in _ROUTES.items():
            count, failed = self._traffic(route, seconds * rate, failing=self._is("api-errors"))
            for number in range(count):
                gateway.add("api_requests_total", route, "500" if number < failed else "200")
                took = self._random.triangular(usual / 4, usual * 4, usual)
                gateway.observe("api_latency_seconds", route, seconds=took)
            gateway.add("api_errors_total", route, by=failed)

    def _jobs(self, seconds: float) -> None:
        queue, name = self._services["bullmq"], services.QUEUE
        count, failed = self._traffic(name, seconds * JOBS_A_SECOND, failing=self._is("jobs-fail"))
        queue.add("bullmq_jobs_completed_total", name, by=count - failed)
        queue.add("bullmq_jobs_failed_total", name, by=failed)

    def _machine(self, seconds: float) -> None:
        machine = self._services["sample-host"]
        used = 0.95 if self._is("busy-cpu") else self._random.uniform(0.17, 0.23)
        for cpu in ("0", "1"):
            for mode, share in (("user", used * 0.8), ("system", used * 0.2), ("idle", 1 - used)):
                machine.add("node_cpu_seconds_total", cpu, mode, by=seconds * share)
        for way, rate in (("receive", 60_000), ("transmit", 25_000)):
            amount = int(seconds * rate * self._random.uniform(0.5, 1.5))
            machine.add(f"node_network_{way}_bytes_total", "eth0", by=amount)
        machine.put("node_load1", value=round(used * 2, 2))

    def _show(self) -> None:
        """Sets every gauge that follows from what is switched on and from the time."""
        for provider in services.PROVIDERS:
            self._show_quota(provider)
            self._show_accounts(provider)
        queue, name = self._services["bullmq"], services.QUEUE
        waiting = self._random.randint(155, 185) if self._is("deep-queue") else self._random.randint(4, 14)
        queue.put("bullmq_queue_waiting", name, value=waiting)
        queue.put("bullmq_queue_active", name, value=self._random.randint(3, 5))
        queue.put("bullmq_queue_delayed", name, value=self._random.randint(1, 3))
        machine = self._services["sample-host"]
        free = 0.05 if self._is("full-memory") else self._random.uniform(0.49, 0.51)
        machine.put("node_memory_MemTotal_bytes", value=MEMORY)
        machine.put("node_memory_MemAvailable_bytes", value=int(MEMORY * free))
        disk = ("/dev/vda1", "ext4", "/")
        machine.put("node_filesystem_size_bytes", *disk, value=DISK)
        machine.put("node_filesystem_avail_bytes", *disk, value=int(DISK * (0.05 if self._is("full-disk") else 0.40)))
        machine.put("node_uname_info", "Linux", "sample-host", "6.1.0", "x86_64", value=1)
        machine.put("node_boot_time_seconds", value=int(self._booted))
        machine.put("node_time_seconds", value=self._wall())

    def _show_quota(self, provider: str) -> None:
        tracker = self._services["quota-tracker"]
        # From 40% to 60% in the course of a day, then renewed; each provider's day begins at another time.
        day = (self._elapsed / DAY + services.PROVIDERS.index(provider) / len(services.PROVIDERS)) % 1
        used = 0.4 + 0.2 * day
        if self._is("quota-exceeded", provider):
            used = 1.02
        elif self._is("quota-almost", provider):
            used = 0.95
        tracker.put("quota_daily_limit", provider, value=DAILY_LIMIT)
        tracker.put("quota_daily_used", provider, value=int(DAILY_LIMIT * used))
        tracker.put("quota_monthly_used", provider, value=int(DAILY_LIMIT * (7 + used)))

    def _show_accounts(self, provider: str) -> None:
        tracker = self._services["quota-tracker"]
        expired = self._is("session-expired", provider)
        hours = {
            services.ACCOUNTS[0]: -1 if expired else 240,
            services.ACCOUNTS[1]: 3 if self._is("session-expiring", provider) else 240,
        }
        # Renewed every ten minutes, so that the application can run for weeks.
        renewed = self._wall() // 600 * 600
        for account, left in hours.items():
            ends = renewed + left * HOUR
            tracker.put("session_expiry_timestamp_seconds", provider, account, value=ends)
        active = 0 if self._is("no-accounts", provider) else len(services.ACCOUNTS) - expired
        tracker.put("active_accounts_count", provider, value=active)
        tracker.put("expired_sessions_count", provider, value=int(expired))


def _at(name: str, provider: str) -> str:
    return f"{name} at {provider}" if provider else name
