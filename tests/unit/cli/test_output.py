"""What a person and a program read: one golden file per command and form."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.golden_file import same_as_golden

from monops.cli.commands import backup as backup_command
from monops.cli.commands import snapshots as snapshots_command
from monops.cli.commands import verify as verify_command
from monops.cli.commands.backup import exit_code
from monops.cli.settings import Settings
from monops.cli.show import ago, show_json, table
from monops.domain.errors import CaptureError, Damaged, Locked, NotFound, StoreFull
from monops.domain.exits import Exit
from monops.ops.backup import BackupReport, RunReport, SourceReport
from monops.ops.snapshots import SnapshotLine, SnapshotReport
from monops.ops.verify import Fault, VerifyReport

TEXT, JSON = Settings(), Settings(output="json")
SNAPSHOT = "20261123T010203Z-mon-1-ab12"


def source(name: str, capture: str = "snapshot", *, error: CaptureError | None = None) -> SourceReport:
    return SourceReport(
        name=name,
        capture="" if error else capture,
        bytes_read=0 if error else 872_519_680,
        bytes_new=0 if error else 203_101,
        objects_new=0 if error else 3,
        objects_reused=0 if error else 112,
        error=error,
    )


def made(*sources: SourceReport, to: str = "/srv/backups") -> RunReport:
    return RunReport(destination=to, snapshot=SNAPSHOT, sources=sources, seconds=12.3456, error=None)


FULL = StoreFull("no space left in /mnt/usb", remedy="free space there: df -h /mnt/usb")
NO_DATABASE = CaptureError("graf holds no grafana.db", remedy="docker volume ls")
REPORTS = {
    "backup": BackupReport((made(source("prometheus"), source("grafana", "live")),), ()),
    "backup-in-part": BackupReport(
        (
            made(source("prometheus"), source("grafana", error=NO_DATABASE)),
            RunReport(
                destination="/mnt/usb",
                snapshot=None,
                sources=(source("prometheus"), source("grafana", error=NO_DATABASE)),
                seconds=12.3456,
                error=FULL,
            ),
        ),
        ("started p-grafana-1 again, which an interrupted run had stopped",),
    ),
    "backup-failed": BackupReport(
        (
            RunReport(
                destination="s3://bucket/mon",
                snapshot=None,
                sources=(source("grafana", error=NO_DATABASE),),
                seconds=0.5,
                error=None,
            ),
        ),
        (),
    ),
}


def golden(name: str, captured: pytest.CaptureFixture[str], form: str) -> None:
    out, err = captured.readouterr()
    if form == "json":
        document = json.loads(out)
        assert document["schema"] == 1
        same_as_golden(f"{name}.json", out)
    else:
        same_as_golden(f"{name}.txt", out + (f"--- stderr\n{err}" if err else ""))


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("name", list(REPORTS))
def test_a_backup_is_shown(capsys: pytest.CaptureFixture[str], name: str, form: str) -> None:
    backup_command._show(JSON if form == "json" else TEXT, REPORTS[name])
    golden(name, capsys, form)


def line(number: int, *, complete: bool = True) -> SnapshotLine:
    return SnapshotLine(
        id=f"2026112{number}T010203Z-mon-1-ab1{number}",
        taken_at=datetime(2026, 11, 20 + number, 1, 2, 3, tzinfo=UTC),
        host="mon-1",
        sources=("prometheus", "grafana"),
        bytes_inside=872_519_680 + number,
        bytes_stored=203_101_000,
        bytes_new=number * 1500,
        complete=complete,
    )


LISTS = {
    "snapshots": SnapshotReport(
        destination="/srv/backups",
        now=datetime(2026, 11, 23, 4, 2, 3, tzinfo=UTC),
        lines=(line(1), line(2, complete=False), line(3)),
        unreadable={},
    ),
    "snapshots-empty": SnapshotReport(
        destination="/srv/backups", now=datetime(2026, 11, 23, tzinfo=UTC), lines=(), unreadable={}
    ),
}


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("name", list(LISTS))
def test_snapshots_are_shown(capsys: pytest.CaptureFixture[str], name: str, form: str) -> None:
    report = LISTS[name]
    if form == "json":
        show_json("snapshots", ok=True, result=snapshots_command._result(report))
    else:
        print("\n".join(snapshots_command._lines(report)))
    golden(name, capsys, form)


FAULTS = (
    Fault(snapshot=SNAPSHOT, object="", kind="manifest", detail="manifest x does not match its own checksum"),
    Fault(snapshot=SNAPSHOT, object="objects/grafana/x.tar.zst", kind="missing", detail="it is not there"),
)
SOUND = VerifyReport(
    destination="/srv/backups",
    level="read",
    snapshots=(SNAPSHOT,),
    objects=12,
    bytes_read=872_519_680,
    faults=(),
    seconds=1.2345,
)
CHECKS = {
    "verify": SOUND,
    "verify-stored": dataclasses.replace(SOUND, level="stored", bytes_read=0),
    "verify-faults": dataclasses.replace(SOUND, faults=FAULTS),
}


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("name", list(CHECKS))
def test_what_verify_found_is_shown(capsys: pytest.CaptureFixture[str], name: str, form: str) -> None:
    report = CHECKS[name]
    if form == "json":
        show_json("verify", ok=not report.faults, result=verify_command._result(report))
    else:
        print("\n".join(verify_command._lines(report)))
    golden(name, capsys, form)


# --- exit codes of a backup ----------------------------------------------------------------------


def failed(error: Locked | NotFound | StoreFull) -> RunReport:
    return RunReport(destination="x", snapshot=None, sources=(), seconds=0, error=error)


@pytest.mark.parametrize(
    ("runs", "code"),
    [
        ([made(source("a"))], Exit.DONE),
        ([made(source("a")), made(source("a"))], Exit.DONE),
        ([made(source("a", error=NO_DATABASE), source("b"))], Exit.PARTLY),
        ([made(source("a")), failed(FULL)], Exit.PARTLY),
        ([failed(Locked("x")), failed(FULL)], Exit.LOCKED),
        ([failed(NotFound("x"))], Exit.MISSING),
        ([failed(FULL)], Exit.FAILED),
        ([RunReport(destination="x", snapshot=None, sources=(), seconds=0, error=None)], Exit.FAILED),
    ],
)
def test_the_exit_code_says_how_much_was_done(runs: list[RunReport], code: Exit) -> None:
    assert exit_code(BackupReport(tuple(runs), ())) is code


# --- words ---------------------------------------------------------------------------------------


def test_a_table_is_aligned_and_has_no_trailing_spaces() -> None:
    assert table(("name", "size"), [("a", "1 B"), ("longer", "10 KiB"), ("x", "")], right=(1,)) == [
        "name      size",
        "a          1 B",
        "longer  10 KiB",
        "x",
    ]
    assert table(("a", "b"), []) == ["a  b"]


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (timedelta(seconds=-5), "0s ago"),
        (timedelta(seconds=59), "59s ago"),
        (timedelta(minutes=59, seconds=59), "59m ago"),
        (timedelta(hours=23), "23h ago"),
        (timedelta(days=40), "40d ago"),
    ],
)
def test_an_age_is_told_by_its_largest_unit(span: timedelta, shown: str) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    assert ago(now - span, now) == shown


def test_an_unreadable_manifest_is_in_the_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    report = dataclasses.replace(LISTS["snapshots"], unreadable={SNAPSHOT: Damaged("x", remedy="y")})
    show_json("snapshots", ok=False, result=snapshots_command._result(report))
    assert json.loads(capsys.readouterr().out)["result"]["unreadable"] == [SNAPSHOT]
