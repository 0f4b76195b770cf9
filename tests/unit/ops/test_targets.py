"""Targets: listed, added and removed in files that Prometheus reads by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from tests.fakes.fake_live import GONE, FakeLiveServices, FakeQueries, LiveWorld, target
from tests.fakes.fake_outside import FakeProgress

from monops.domain.errors import ConfigurationError, NotFound, UsageFault
from monops.domain.ports import ScrapeTarget
from monops.edges.stack_folder import LocalStackFolder
from monops.ops.targets import TargetChange, add_target, list_targets, remove_target

WITHIN = timedelta(seconds=20)
WORKER, NEW = "browser-worker-1:9090", "browser-worker-2:9090"


@dataclass
class Stack:
    """A folder of targets, and a Prometheus that reads it some seconds after a change and scrapes some later."""

    folder: Path
    reads_after: float = 2.0
    scrapes_after: float = 5.0
    down: Mapping[str, str] = field(default_factory=dict)
    world: LiveWorld = field(default_factory=LiveWorld)
    progress: FakeProgress = field(default_factory=FakeProgress)
    queries: FakeQueries = field(init=False)
    _known: dict[tuple[str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "targets").mkdir(parents=True)
        self.write("browser-workers", f"# workers\n- targets:\n    - {WORKER}\n")
        self.write("redis", "[]\n")
        self.queries = FakeQueries(of_targets=self.scraped)
        self.world.services = FakeLiveServices(self.queries)
        self.scraped()
        self._known = dict.fromkeys(self._known, -100.0)

    def write(self, job: str, text: str) -> None:
        self.path(job).write_text(text)

    def path(self, job: str) -> Path:
        return self.folder / "targets" / f"{job}.yml"

    def scraped(self) -> tuple[ScrapeTarget, ...]:
        """As Prometheus sees it: late."""
        now = self.world.clock.passed
        wanted = {
            (file.stem, address)
            for file in (self.folder / "targets").glob("*.yml")
            for group in yaml.safe_load(file.read_text()) or []
            for address in group["targets"]
        }
        for pair in wanted:
            self._known.setdefault(pair, now)
        if now >= self.reads_after:
            self._known = {pair: at for pair, at in self._known.items() if pair in wanted}
        return tuple(
            target(job, address, self._health(address, now - at), error=self.down.get(address, ""))
            for (job, address), at in self._known.items()
            if now - at >= self.reads_after
        )

    def _health(self, address: str, known_for: float) -> str:
        if known_for < self.scrapes_after:
            return "unknown"
        return "down" if address in self.down else "up"

    def add(
        self, job: str, address: str, labels: Mapping[str, str] | None = None, within: timedelta = WITHIN
    ) -> TargetChange:
        folder = LocalStackFolder(str(self.folder))
        return add_target(folder, self.world.live(), self.progress, job, address, labels or {}, within=within)

    def remove(self, job: str, address: str, within: timedelta = WITHIN) -> TargetChange:
        return remove_target(
            LocalStackFolder(str(self.folder)), self.world.live(), self.progress, job, address, within=within
        )


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path / "monitoring")


def test_targets_are_listed_by_job_and_instance() -> None:
    found = (target("node", "b"), target("api", "z"), target("node", "a"))
    world = LiveWorld(services=FakeLiveServices(FakeQueries(of_targets=lambda: found)))
    assert [(one.job, one.instance) for one in list_targets(world.live())] == [
        ("api", "z"), ("node", "a"), ("node", "b"),
    ]  # fmt: skip


def test_a_target_is_added_and_waited_for_until_it_has_been_scraped(stack: Stack) -> None:
    done = stack.add("browser-workers", NEW)
    assert stack.path("browser-workers").read_text() == f"# workers\n- targets:\n    - {WORKER}\n    - {NEW}\n"
    assert (done.job, done.address, done.file) == ("browser-workers", NEW, str(stack.path("browser-workers")))
    assert done.seen is not None
    assert (done.seen.health, done.unknown) == ("up", None)
    assert 5 <= stack.world.clock.passed < 6
    assert stack.progress.said == [f"waiting for Prometheus to scrape {NEW}"]


def test_labels_go_with_the_target(stack: Stack) -> None:
    stack.add("browser-workers", NEW, {"zone": "eu-1", "note": "yes: all"})
    assert yaml.safe_load(stack.path("browser-workers").read_text())[1] == {
        "targets": [NEW],
        "labels": {"zone": "eu-1", "note": "yes: all"},
    }


def test_a_target_that_does_not_answer_is_told_with_its_error(stack: Stack) -> None:
    stack.down = {NEW: "connection refused"}
    done = stack.add("browser-workers", NEW)
    assert done.seen is not None
    assert (done.seen.health, done.seen.last_error) == ("down", "connection refused")


@pytest.mark.parametrize(("seconds", "health"), [(0, None), (1, None), (3, "unknown"), (6, "up")])
def test_it_is_waited_for_as_long_as_asked(stack: Stack, seconds: int, health: str | None) -> None:
    done = stack.add("browser-workers", NEW, within=timedelta(seconds=seconds))
    assert (done.seen.health if done.seen else None) == health
    assert stack.world.clock.passed <= seconds + 0.5
    assert NEW in stack.path("browser-workers").read_text()


def test_a_target_is_known_by_its_url_where_relabelling_gave_it_another_instance(stack: Stack) -> None:
    renamed = target("browser-workers", "worker two", url=f"http://{NEW}/metrics?x=1")
    stack.queries.of_targets = lambda: (renamed,)
    assert stack.add("browser-workers", NEW).seen == renamed


def test_the_same_address_in_another_job_is_another_target(stack: Stack) -> None:
    stack.queries.of_targets = lambda: (target("node", NEW),)
    assert stack.add("browser-workers", NEW, within=timedelta()).seen is None


def test_a_redis_is_added_by_its_url(stack: Stack) -> None:
    for address in ("redis://redis:6379", "rediss://[::1]:6380/2"):
        done = stack.add("redis", address)
        assert done.seen is not None
        assert done.seen.instance == address


def test_the_file_is_written_though_prometheus_cannot_be_asked(stack: Stack) -> None:
    stack.queries.fault = GONE
    added = stack.add("browser-workers", NEW)
    assert (added.seen, added.unknown) == (None, GONE)
    assert NEW in stack.path("browser-workers").read_text()
    removed = stack.remove("browser-workers", NEW)
    assert (removed.seen, removed.unknown) == (None, GONE)
    assert NEW not in stack.path("browser-workers").read_text()


def test_a_target_is_removed_and_waited_for_until_prometheus_has_dropped_it(stack: Stack) -> None:
    done = stack.remove("browser-workers", WORKER)
    assert stack.path("browser-workers").read_text() == "# workers\n[]\n"
    assert (done.seen, done.unknown) == (None, None)
    assert 2 <= stack.world.clock.passed < 3
    assert stack.progress.said == [f"waiting for Prometheus to drop {WORKER}"]


def test_a_target_that_prometheus_still_has_is_told(stack: Stack) -> None:
    stack.reads_after = 60
    stack.queries.of_targets = lambda: (target("browser-workers", WORKER),)
    done = stack.remove("browser-workers", WORKER)
    assert done.seen == target("browser-workers", WORKER)
    assert stack.world.clock.passed >= WITHIN.total_seconds()


def test_a_target_that_is_there_already_stays_as_it_is(stack: Stack) -> None:
    before = stack.path("browser-workers").read_bytes()
    with pytest.raises(UsageFault, match=f"{WORKER} is in targets/browser-workers.yml already"):
        stack.add("browser-workers", WORKER)
    assert stack.path("browser-workers").read_bytes() == before


def test_a_target_that_is_not_there_is_answered_with_the_nearest(stack: Stack) -> None:
    with pytest.raises(NotFound, match=f"no target browser-worker-7:9090 .*Did you mean '{WORKER}'"):
        stack.remove("browser-workers", "browser-worker-7:9090")


def test_an_unknown_job_is_answered_with_the_nearest(stack: Stack) -> None:
    said = (
        "no job 'browser-worker' with a file of targets, only browser-workers and redis. Did you mean 'browser-workers'"
    )
    with pytest.raises(UsageFault, match=said):
        stack.add("browser-worker", NEW)
    with pytest.raises(UsageFault, match=said):
        stack.remove("browser-worker", NEW)


def test_a_job_that_somebody_made_a_file_for_takes_targets_too(stack: Stack) -> None:
    stack.write("own", "[]\n")
    stack.add("own", "host:1234")
    assert yaml.safe_load(stack.path("own").read_text()) == [{"targets": ["host:1234"]}]


def test_a_folder_without_targets_is_no_stack_s(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="has no folder targets/") as caught:
        add_target(LocalStackFolder(str(tmp_path)), LiveWorld().live(), FakeProgress(), "node", NEW, {}, within=WITHIN)
    assert caught.value.remedy == "monops init"


@pytest.mark.parametrize(
    ("job", "address"),
    [
        ("browser-workers", "host"),
        ("browser-workers", "host:0"),
        ("browser-workers", "host:65536"),
        ("browser-workers", "http://host:9090/metrics"),
        ("browser-workers", "host:9090/metrics"),
        ("browser-workers", "two words:9090"),
        ("browser-workers", "host:9090\n"),
        ("browser-workers", ""),
        ("redis", "redis:6379"),
        ("redis", "redis://"),
        ("redis", "http://redis:6379"),
    ],
)
def test_what_is_no_address_is_refused_with_the_form(stack: Stack, job: str, address: str) -> None:
    before = stack.path(job).read_bytes()
    with pytest.raises(UsageFault, match=r"is no target: write ") as caught:
        stack.add(job, address)
    assert caught.value.remedy.startswith(f"monops targets add {job} ")
    assert stack.path(job).read_bytes() == before


def test_a_password_never_gets_into_the_file_nor_into_the_message(stack: Stack) -> None:
    with pytest.raises(UsageFault, match="a password does not belong into a file of targets") as caught:
        stack.add("redis", "redis://:hunter2@redis:6379")
    assert "hunter2" not in caught.value.message + caught.value.remedy
    assert stack.path("redis").read_text() == "[]\n"


@pytest.mark.parametrize(
    "labels", [{"zone-a": "x"}, {"1st": "x"}, {"": "x"}, {"zone\n": "x"}, {"zone": "a\nb"}, {"zone": "\udc80"}]
)
def test_a_label_that_prometheus_would_refuse_with_the_whole_file_is_refused_first(
    stack: Stack, labels: dict[str, str]
) -> None:
    before = stack.path("browser-workers").read_bytes()
    with pytest.raises(UsageFault):
        stack.add("browser-workers", NEW, labels)
    assert stack.path("browser-workers").read_bytes() == before


def test_a_file_that_is_not_utf_8_is_left_alone(stack: Stack) -> None:
    stack.path("browser-workers").write_bytes(b"# f\xfcr\n- targets: [a:1]\n")
    with pytest.raises(ConfigurationError, match=r"browser-workers.yml is not UTF-8: .* at byte 3"):
        stack.add("browser-workers", NEW)
    assert stack.path("browser-workers").read_bytes() == b"# f\xfcr\n- targets: [a:1]\n"


def test_the_end_of_lines_stays_as_it_is(stack: Stack) -> None:
    stack.path("browser-workers").write_bytes(b"- targets:\r\n    - a:1\r\n")
    stack.add("browser-workers", NEW)
    assert stack.path("browser-workers").read_bytes() == b"- targets:\r\n    - a:1\r\n    - browser-worker-2:9090\r\n"
