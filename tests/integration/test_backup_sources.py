"""Alertmanager's silences, the stack's own files, tarballs: what a backup holds besides blocks and databases."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.restored import analyze, members, unpack, unpack_file
from tests.integration.support import GRAFANA_PASSWORD, REDIS_PASSWORD, Monops, Stack, source_record, wait_until
from tests.integration.web import fetch

pytestmark = [pytest.mark.engine, pytest.mark.slow]


def test_silences_are_in_a_stopped_capture_of_alertmanager(stack: Stack, monops: Monops, tmp_path: Path) -> None:
    store, comment = tmp_path / "store", "moving-the-rack-tonight"
    _silence(stack.url("alertmanager", 9093), comment)
    ran = monops.backup("alertmanager", "--capture", "stop", "--to", store)
    assert source_record(store, ran.snapshot, "alertmanager")["capture"] == "stop"
    stack.is_undisturbed(monops)
    restored = unpack(store, ran.snapshot, "alertmanager", tmp_path / "restored")
    assert comment.encode() in (restored / "silences").read_bytes()
    url = stack.url("alertmanager", 9093)
    wait_until(lambda: _comments(url) == [comment], "the silence after the restart")


def test_config_holds_what_rebuilds_the_stack_and_no_secret(stack: Stack, monops: Monops, tmp_path: Path) -> None:
    store = tmp_path / "store"
    ran = monops.backup("config", "--compression", "none", "--to", store)
    restored = unpack(store, ran.snapshot, "config", tmp_path / "restored")
    provisioning = "grafana/provisioning"
    same = {
        "compose/docker-compose.monitoring.yml": "docker-compose.monitoring.yml",
        "compose/override.yml": "override.yml",
        "prometheus/etc/prometheus/prometheus.yml": "prometheus/prometheus.yml",
        "prometheus/etc/prometheus/rules/monitoring.yml": "prometheus/rules/monitoring.yml",
        "alertmanager/etc/alertmanager/alertmanager.yml": "alertmanager/alertmanager.yml",
        f"grafana/etc/{provisioning}/dashboards/provider.yml": f"{provisioning}/dashboards/provider.yml",
        f"grafana/etc/{provisioning}/dashboards/stack.json": f"{provisioning}/dashboards/stack.json",
        f"grafana/etc/{provisioning}/datasources/prometheus.yml": f"{provisioning}/datasources/prometheus.yml",
    }
    for stored, original in same.items():
        assert (restored / stored).read_bytes() == (stack.folder / original).read_bytes(), stored
    facts = {path.stem: json.loads(path.read_text()) for path in (restored / "containers").glob("*.json")}
    assert set(facts) == set(stack.states())
    assert "--web.enable-admin-api" in facts["prometheus"]["Config"]["Cmd"]
    # This .env names images only; one that can hold a secret is left out of a plain backup.
    assert (restored / "compose" / ".env").read_bytes() == (stack.folder / ".env").read_bytes()
    for path in store.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert GRAFANA_PASSWORD.encode() not in content, path
            assert REDIS_PASSWORD.encode() not in content, path


def test_tarballs_hold_one_source_each(stack: Stack, monops: Monops, tmp_path: Path) -> None:
    target = tmp_path / "tarballs"
    ran = monops.backup("--format", "tarball", "--to", target)
    names = sorted(path.name for path in target.iterdir())
    assert [name.partition("-")[0] for name in names] == ["alertmanager", "config", "grafana", "prometheus"]
    assert all(name.endswith(f"-{ran.snapshot}.tar.zst") for name in names)
    assert ran.source("prometheus")["bytes_read"] >= 200_000_000
    stack.is_undisturbed(monops)
    (path,) = target.glob("prometheus-*")
    unpack_file(path, tmp_path / "restored")
    ulids = {path.name for path in (tmp_path / "restored").iterdir()}
    assert ulids >= stack.blocks()
    analyze(tmp_path / "restored", sorted(ulids)[:2])


@pytest.mark.parametrize(("packing", "suffix"), [("gzip:1", "gz"), ("none", "tar"), ("zstd:1", "zst")])
def test_a_stream_to_stdout_is_one_tarball_and_nothing_else(
    stack: Stack, monops: Monops, tmp_path: Path, packing: str, suffix: str
) -> None:
    path = tmp_path / f"grafana.{suffix}"
    process = monops.start("backup", "grafana", "--to", "-", "--compression", packing, as_json=False)
    assert process.stdout is not None
    with path.open("wb") as file:
        while chunk := process.stdout.read(1 << 16):
            file.write(chunk)
    ran = monops.ended(process)
    assert ran.code == 0, ran
    assert "grafana.db" in members(path)
    stack.is_undisturbed(monops)


def test_a_reader_of_stdout_that_goes_away_leaves_nothing_behind(stack: Stack, monops: Monops) -> None:
    process = monops.start("backup", "prometheus", "--to", "-", as_json=False)
    assert process.stdout is not None
    assert process.stderr is not None
    assert len(process.stdout.read(1_000_000)) == 1_000_000
    process.stdout.close()
    process.stdout = None
    said = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=120)
    assert b"Traceback" not in said
    wait_until(lambda: not stack.snapshots_left(), "the snapshot is removed")
    wait_until(lambda: not monops.notes, "the journal is empty")
    stack.is_undisturbed(monops)


def test_a_stream_takes_one_source(monops: Monops) -> None:
    monops.run("backup", "--to", "-").is_one_error(2, "one source")


def _silence(alertmanager: str, comment: str) -> None:
    now = datetime.now(UTC)
    body = {
        "matchers": [{"name": "alertname", "value": "Anything", "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=2)).isoformat(),
        "createdBy": "tests",
        "comment": comment,
    }
    request = urllib.request.Request(
        f"{alertmanager}/api/v2/silences", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        assert answer.status == 200


def _comments(alertmanager: str) -> list[str]:
    try:
        found: list[dict[str, Any]] = fetch(f"{alertmanager}/api/v2/silences")
    except OSError:
        return []
    return [silence["comment"] for silence in found]
