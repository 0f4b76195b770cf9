"""A running Prometheus and Alertmanager that say what they are told to, to ask about alerts, targets and queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.fakes.fake_engine import FakeEngine, container
from tests.fakes.fake_outside import FakeClock

from monops.domain.errors import MonopsError, ServiceUnreachable
from monops.domain.ports import Alertmanager, Answer, Container, PrometheusQueries, RoutedAlert, RuleAlert, ScrapeTarget
from monops.ops.live import Live

GONE = ServiceUnreachable("nobody answers", remedy="docker ps")


@dataclass
class FakeQueries:
    """A Prometheus."""

    of_alerts: tuple[RuleAlert, ...] = ()
    #: Asked each time: what it scrapes may change as time passes.
    of_targets: Callable[[], tuple[ScrapeTarget, ...]] = field(default=tuple)
    fault: MonopsError | None = None

    url = "http://prometheus"

    def evaluate(self, promql: str, at: float) -> Answer:
        self._answer()
        return Answer(kind="vector", series=())

    def evaluate_range(self, promql: str, start: float, end: float, step: float) -> Answer:
        self._answer()
        return Answer(kind="matrix", series=())

    def alerts(self) -> tuple[RuleAlert, ...]:
        self._answer()
        return self.of_alerts

    def targets(self) -> tuple[ScrapeTarget, ...]:
        self._answer()
        return self.of_targets()

    def _answer(self) -> None:
        if self.fault is not None:
            raise self.fault


@dataclass
class FakeAlertmanager:
    """An Alertmanager."""

    of_alerts: tuple[RoutedAlert, ...] = ()
    fault: MonopsError | None = None

    url = "http://alertmanager"

    def ready(self) -> bool:
        return self.fault is None

    def config(self) -> str:
        return "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"

    def alerts(self) -> tuple[RoutedAlert, ...]:
        if self.fault is not None:
            raise self.fault
        return self.of_alerts


@dataclass
class FakeLiveServices:
    """The two; whoever asks must name a container, unless the address is configured."""

    of_prometheus: FakeQueries = field(default_factory=FakeQueries)
    of_alertmanager: FakeAlertmanager = field(default_factory=FakeAlertmanager)
    #: Whom they were asked for; None: nobody, the configured address.
    asked: list[str | None] = field(default_factory=list)

    def prometheus(self, container: Container | None) -> PrometheusQueries:
        self.asked.append(container.name if container else None)
        return self.of_prometheus

    def alertmanager(self, container: Container | None) -> Alertmanager:
        self.asked.append(container.name if container else None)
        return self.of_alertmanager


@dataclass
class LiveWorld:
    """A stack `p` that runs."""

    engine: FakeEngine = field(default_factory=FakeEngine)
    services: FakeLiveServices = field(default_factory=FakeLiveServices)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        for service in ("prometheus", "alertmanager"):
            self.engine.add(container(service, f"{service}-data"))

    def live(
        self,
        *,
        project: str | None = None,
        containers: Mapping[str, str] | None = None,
        addressed: tuple[str, ...] = (),
    ) -> Live:
        return Live(
            engine=self.engine,
            services=self.services,
            clock=self.clock,
            project=project,
            containers=containers or {},
            addressed=frozenset(addressed),
        )


def target(job: str, instance: str, health: str = "up", *, url: str = "", error: str = "") -> ScrapeTarget:
    return ScrapeTarget(
        job=job,
        instance=instance,
        url=url or f"http://{instance}/metrics",
        health=health,
        last_error=error,
        last_scrape="2026-11-23T00:00:00Z",
    )
