"""What a backup leaves for Prometheus in the textfile folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.fakes.fake_outside import FakeProgress

from monops.domain.errors import CaptureError, MonopsError, StoreFull
from monops.domain.exposition import read
from monops.edges.stack_folder import LocalStackFolder
from monops.ops.backup import BackupReport, RunReport, SourceReport
from monops.ops.tell_prometheus import tell_failure, tell_report
from monops.stack.metrics import BACKUP_METRICS

TO = "/srv/backups"
BROKEN = CaptureError("no grafana.db", remedy="-")
FULL = StoreFull("no space left", remedy="-")


def source(name: str, *, inside: int = 1000, new: int = 10, error: MonopsError | None = None) -> SourceReport:
    return SourceReport(
        name=name,
        capture="live",
        bytes_read=7,
        bytes_new=new,
        objects_new=1,
        objects_reused=0,
        error=error,
        bytes_inside=inside,
    )


def run(*sources: SourceReport, to: str = TO, error: MonopsError | None = None, stored: bool = True) -> RunReport:
    return RunReport(
        destination=to, snapshot="20261123T010203Z-x" if stored else None, sources=sources, seconds=1.23456, error=error
    )


@dataclass
class Textfile:
    """The folder, and what stands in it."""

    folder: Path
    progress: FakeProgress = field(default_factory=FakeProgress)

    def report(self, *runs: RunReport, now: float = 100.0) -> None:
        tell_report(BackupReport(runs, ()), LocalStackFolder(str(self.folder)), self.progress, now)

    def failure(self, *destinations: str, now: float = 100.0) -> None:
        tell_failure(destinations or (TO,), LocalStackFolder(str(self.folder)), self.progress, now)

    def values(self, to: str = TO) -> dict[tuple[str, str], float]:
        """(metric without `monops_backup_last_`, source) -> value."""
        found = [sample for path in self.folder.glob("*.prom") for sample in read(path.read_text())]
        return {
            (sample.name.removeprefix("monops_backup_last_"), sample.labels.get("source", "")): sample.value
            for sample in found
            if sample.labels["destination"] == to
        }

    @property
    def text(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.iterdir()))


@pytest.fixture
def textfile(tmp_path: Path) -> Textfile:
    return Textfile(tmp_path / "textfile")


def good(name: str, at: float, *, inside: float = 1000, new: float = 10) -> dict[tuple[str, str], float]:
    return {
        ("run_timestamp_seconds", name): at,
        ("success_timestamp_seconds", name): at,
        ("run_success", name): 1,
        ("size_bytes", name): inside,
        ("stored_bytes", name): new,
    }


def failed(name: str, at: float) -> dict[tuple[str, str], float]:
    return {("run_timestamp_seconds", name): at, ("run_success", name): 0}


DURATION = {("duration_seconds", ""): 1.235}


def test_a_good_backup_is_told_source_by_source(textfile: Textfile) -> None:
    textfile.report(run(source("prometheus", inside=5000, new=50), source("grafana")), now=1795413723.5)
    at = 1795413723.5
    assert textfile.values() == good("prometheus", at, inside=5000, new=50) | good("grafana", at) | DURATION


def test_the_file_is_one_that_the_node_exporter_takes(textfile: Textfile) -> None:
    textfile.report(run(source("prometheus")))
    (path,) = textfile.folder.iterdir()
    assert path.suffix == ".prom"
    assert path.stat().st_mode & 0o444 == 0o444
    lines = path.read_text().splitlines()
    assert [line.split()[2] for line in lines if line.startswith("# TYPE")] == [one.name for one in BACKUP_METRICS]
    assert f'monops_backup_last_run_success{{destination="{TO}",source="prometheus"}} 1' in lines


def test_what_is_known_of_other_sources_stays(textfile: Textfile) -> None:
    textfile.report(run(source("prometheus"), source("grafana")), now=100)
    textfile.report(run(source("grafana", inside=2000)), now=200)
    assert textfile.values() == good("prometheus", 100) | good("grafana", 200, inside=2000) | DURATION


def test_a_source_that_failed_keeps_the_time_and_size_of_its_last_success(textfile: Textfile) -> None:
    textfile.report(run(source("prometheus"), source("grafana")), now=100)
    textfile.report(run(source("prometheus"), source("grafana", inside=0, new=0, error=BROKEN)), now=200)
    assert textfile.values() == good("prometheus", 200) | good("grafana", 100) | failed("grafana", 200) | DURATION


def test_a_source_that_never_succeeded_has_no_time_of_success(textfile: Textfile) -> None:
    textfile.report(run(source("grafana", error=BROKEN), stored=False))
    assert textfile.values() == failed("grafana", 100) | DURATION


def test_a_destination_that_failed_has_no_good_source_though_they_were_read(textfile: Textfile) -> None:
    textfile.report(run(source("prometheus"), source("grafana"), error=FULL, stored=False))
    assert textfile.values() == failed("prometheus", 100) | failed("grafana", 100) | DURATION


def test_each_destination_has_its_own_values(textfile: Textfile) -> None:
    full = run(source("prometheus"), to="/mnt/usb", error=FULL, stored=False)
    textfile.report(run(source("prometheus")), full, now=100)
    assert textfile.values() == good("prometheus", 100) | DURATION
    assert textfile.values("/mnt/usb") == failed("prometheus", 100) | DURATION
    assert len(list(textfile.folder.iterdir())) == 2


def test_a_run_that_failed_early_marks_every_source_that_is_known(textfile: Textfile) -> None:
    textfile.report(run(source("prometheus"), source("grafana")), now=100)
    textfile.failure(now=200)
    values = textfile.values()
    for name in ("prometheus", "grafana"):
        assert good(name, 100) | failed(name, 200) == {key: value for key, value in values.items() if key[1] == name}
    assert {name for _, name in values} == {"prometheus", "grafana", ""}


def test_a_run_without_a_single_source_is_such_a_failure(textfile: Textfile) -> None:
    textfile.report(run(source("prometheus")), now=100)
    textfile.report(run(error=FULL, stored=False), now=200)
    assert textfile.values() == good("prometheus", 100) | failed("prometheus", 200) | DURATION


def test_the_very_first_run_that_fails_early_is_told_of_all_until_one_succeeds(textfile: Textfile) -> None:
    textfile.failure(now=100)
    assert textfile.values() == failed("all", 100)
    textfile.failure(now=200)
    assert textfile.values() == failed("all", 200)
    textfile.report(run(source("prometheus")), now=300)
    assert textfile.values() == good("prometheus", 300) | DURATION


def test_a_failure_is_told_of_every_destination(textfile: Textfile) -> None:
    textfile.failure(TO, "s3://bucket/mon", now=100)
    assert textfile.values() == failed("all", 100)
    assert textfile.values("s3://bucket/mon") == failed("all", 100)


def test_a_password_in_the_destination_is_not_shown_anywhere(textfile: Textfile) -> None:
    secret = "https://me:hunter2@s3.example.net/bucket"
    textfile.report(run(source("prometheus"), to=secret))
    textfile.failure(secret)
    assert "hunter2" not in textfile.text
    assert textfile.values("https://me:<removed>@s3.example.net/bucket")["run_success", "prometheus"] == 0
    assert len(list(textfile.folder.iterdir())) == 1


def test_a_destination_with_odd_characters_can_be_read_again(textfile: Textfile) -> None:
    odd = '/srv/ba"ck\\ups/ä b'
    textfile.report(run(source("prometheus"), to=odd), now=100)
    textfile.report(run(source("grafana"), to=odd), now=200)
    assert textfile.values(odd) == good("prometheus", 100) | good("grafana", 200) | DURATION


def test_a_folder_that_cannot_be_written_to_is_a_warning_for_each_destination(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    textfile = Textfile(tmp_path / "file" / "textfile")
    textfile.report(run(source("prometheus")), run(source("prometheus"), to="/mnt/usb"))
    textfile.failure()
    assert len(textfile.progress.warned) == 3
    assert all(
        said.startswith("Prometheus does not hear of this backup: cannot write ") for said in textfile.progress.warned
    )


def test_a_file_that_somebody_spoilt_is_written_anew(textfile: Textfile) -> None:
    textfile.report(run(source("prometheus")), now=100)
    (path,) = textfile.folder.iterdir()
    path.write_bytes(b"\xff\xfe spoilt {\n")
    textfile.report(run(source("prometheus")), now=200)
    assert textfile.values() == good("prometheus", 200) | DURATION
