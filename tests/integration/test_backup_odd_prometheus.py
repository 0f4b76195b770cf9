"""Prometheus as it also comes: without its admin API, with files of another owner, in an image without a shell."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.restored import analyze, unpack
from tests.integration.support import (
    TESTBED,
    Monops,
    Stack,
    command,
    docker,
    running_stack,
    some_blocks,
    source_record,
    wait_until,
)
from tests.integration.web import answers, fetch

pytestmark = [pytest.mark.engine, pytest.mark.slow]


@pytest.fixture(scope="module")
def odd_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose admin API is off, with an out-of-order window."""
    folder = tmp_path_factory.mktemp("odd")
    with running_stack(
        folder / "stack",
        "prometheus",
        data=some_blocks(folder / "data", 2),
        environment={"PROMETHEUS_EXTRA_FLAG": "--log.level=info"},
    ) as started:
        config = started.folder / "prometheus" / "prometheus.yml"
        config.write_text(config.read_text() + "\nstorage:\n  tsdb:\n    out_of_order_time_window: 30m\n")
        fetch(f"{started.prometheus}/-/reload", method="POST")
        yield started


def test_admin_api_off_means_live_with_the_reason(odd_stack: Stack, tmp_path: Path) -> None:
    monops, store = Monops(tmp_path / "monops", odd_stack.project), tmp_path / "store"
    ran = monops.backup("prometheus", "--to", store)
    assert ran.source("prometheus")["capture"] == "live"
    assert any("its admin API is off" in warning for warning in ran.warnings), ran.stderr
    assert any("admin API is off" in text for text in source_record(store, ran.snapshot, "prometheus")["warnings"])
    ran = monops.run("backup", "prometheus", "--capture", "snapshot", "--to", store)
    ran.is_one_error(1, "admin API is off")
    assert "--web.enable-admin-api" in ran.remedies[0]
    odd_stack.is_undisturbed(monops)


def test_out_of_order_window_is_warned_of(odd_stack: Stack, tmp_path: Path) -> None:
    monops, store = Monops(tmp_path / "monops", odd_stack.project), tmp_path / "store"
    odd_stack.environment["PROMETHEUS_EXTRA_FLAG"] = "--web.enable-admin-api"
    odd_stack.up("prometheus")
    ran = monops.backup("prometheus", "--to", store)
    assert ran.source("prometheus")["capture"] == "snapshot"
    assert any("out-of-order" in warning for warning in ran.warnings), ran.stderr
    assert any("out-of-order" in text for text in source_record(store, ran.snapshot, "prometheus")["warnings"])


def test_blocks_of_another_owner_fall_back_to_live(odd_stack: Stack, tmp_path: Path) -> None:
    """The kernel forbids hard links to files of others (fs.protected_hardlinks): the server cannot snapshot."""
    if Path("/proc/sys/fs/protected_hardlinks").read_text().strip() != "1":
        pytest.skip("fs.protected_hardlinks is off here")
    odd_stack.environment["PROMETHEUS_EXTRA_FLAG"] = "--web.enable-admin-api"
    odd_stack.up("prometheus")
    volume = odd_stack.mountpoint("prometheus")
    for path in volume.glob("01*/**/*"):
        os.chown(path, 12345, 12345)
    monops, store = Monops(tmp_path / "monops", odd_stack.project), tmp_path / "store"
    ran = monops.backup("prometheus", "--to", store)
    assert ran.source("prometheus")["capture"] == "live"
    assert any("belong to another user" in warning and "live instead" in warning for warning in ran.warnings)
    odd_stack.is_undisturbed(monops)
    ran = monops.run("backup", "prometheus", "--capture", "snapshot", "--to", store)
    ran.is_one_error(1, "belong to another user")
    assert "chown" in ran.remedies[0]
    odd_stack.is_undisturbed(monops)


def test_an_image_without_a_shell_is_read_through_the_engine(odd_stack: Stack, tmp_path: Path) -> None:
    """Like Prometheus's distroless images: nothing can be run in it but the server."""
    name = f"{odd_stack.project}-distroless"
    image = f"{name}:latest"
    rootfs = tmp_path / "rootfs"
    _import_without_shell(odd_stack.container("prometheus"), rootfs, image)
    flags = ("--config.file=/dev/null", "--storage.tsdb.path=/prometheus", "--web.enable-admin-api")
    labels = (f"--label=com.docker.compose.project={name}", "--label=com.docker.compose.service=prometheus")
    data = some_blocks(tmp_path / "tsdb", 2)
    try:
        docker("volume", "create", name)
        command(TESTBED, "load", data, name)
        docker(
            "run", "-d", "--name", name, "--user", "65534", "--volume", f"{name}:/prometheus",
            "--publish", "127.0.0.1:0:9090", *labels, image, "/bin/prometheus", *flags,
        )  # fmt: skip
        address = docker("port", name, "9090/tcp").splitlines()[0]
        wait_until(lambda: answers(f"http://{address}/-/ready"), "Prometheus")
        monops, store = Monops(tmp_path / "monops", name, {"MONOPS_REACH": "archive"}), tmp_path / "store"
        ran = monops.backup("prometheus", "--to", store)
        assert ran.source("prometheus")["capture"] == "live"
        assert any("no image at hand has a shell" in warning for warning in ran.warnings), ran.stderr
        restored = unpack(store, ran.snapshot, "prometheus", tmp_path / "restored")
        analyze(restored, [b["ulid"] for b in source_record(store, ran.snapshot, "prometheus")["blocks"]])
        assert len(source_record(store, ran.snapshot, "prometheus")["blocks"]) == 2
        ran = monops.run("backup", "prometheus", "--capture", "snapshot", "--to", store)
        ran.is_one_error(1, "no image at hand has a shell")
    finally:
        docker("rm", "-fv", name)
        docker("volume", "rm", name)
        docker("rmi", image)


def _import_without_shell(container: str, rootfs: Path, image: str) -> None:
    rootfs.mkdir()
    with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as exporting:
        subprocess.run(["tar", "-xf", "-", "-C", rootfs], stdin=exporting.stdout, check=True)
    for folder in ("bin", "usr/bin", "sbin", "usr/sbin"):
        for path in (rootfs / folder).iterdir() if (rootfs / folder).is_dir() else []:
            if path.name not in ("prometheus",) and not path.is_dir():
                path.unlink()
    with subprocess.Popen(["tar", "-C", rootfs, "-cf", "-", "."], stdout=subprocess.PIPE) as packing:
        subprocess.run(["docker", "import", "-", image], stdin=packing.stdout, check=True, capture_output=True)
