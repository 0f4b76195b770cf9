"""The stack's own files: what goes in, and that secrets go in only where the backup is encrypted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.fakes.backup_world import BackupWorld

from monops.domain.errors import MonopsError
from monops.domain.place import Place
from monops.domain.ports import Mount
from monops.domain.stack import Stack, find_stack
from monops.ops.capture import Naming, Target
from monops.ops.capture_config import capture_config

PLAIN = Naming("20261123T010203Z-test-0001", ())
ENCRYPTED = Naming("20261123T010203Z-test-0001", ("age1x",))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A Compose project's folder."""
    made = tmp_path / "stack"
    (made / "rules").mkdir(parents=True)
    (made / "secrets").mkdir()
    for name, content in {
        "docker-compose.yml": "services: {}",
        "prometheus.yml": "global: {}",
        "rules/a.yml": "groups: []",
        "secrets/admin": "hunter2",
        ".env": "PASSWORD=hunter2",
    }.items():
        (made / name).write_text(content)
    return made


@pytest.fixture
def world(tmp_path: Path, home: Path) -> BackupWorld:
    made = BackupWorld(tmp_path)
    labels = {
        "com.docker.compose.project.config_files": str(home / "docker-compose.yml"),
        "com.docker.compose.project.working_dir": str(home),
    }
    mounts = (
        Mount(type="bind", name="", source=str(home / "prometheus.yml"), destination="/etc/prometheus/prometheus.yml"),
        Mount(type="bind", name="", source=str(home / "rules"), destination="/etc/prometheus/rules"),
        Mount(type="bind", name="", source=str(home / "secrets"), destination="/run/secrets", writable=False),
        Mount(type="bind", name="", source="/proc", destination="/host/proc", writable=False),
    )
    raw = {"Name": "/p-prometheus-1", "Config": {"Env": ["TOKEN=hunter2"], "Cmd": ["--requirepass", "hunter2"]}}
    made.change("prometheus", mounts=mounts, labels=labels, raw=raw)
    return made


def stack_of(world: BackupWorld) -> Stack:
    return find_stack(world.engine.found.values(), project=None)


def contents(
    world: BackupWorld, naming: Naming = PLAIN, place: Place | None = None
) -> tuple[dict[str, bytes], list[str]]:
    target = Target(name="config", place=place or Place(), container=None, mode="live")
    with capture_config(world.outside(), stack_of(world), target, naming) as capture:
        packs = [pack for phase in capture.phases for pack in phase]
        return {path: data for pack in packs for path, data in pack.inline.items()}, capture.warnings


def test_mounted_files_compose_files_and_containers_go_in(world: BackupWorld) -> None:
    found, _ = contents(world)
    assert set(found) == {
        "prometheus/etc/prometheus/prometheus.yml",
        "prometheus/etc/prometheus/rules/a.yml",
        "compose/docker-compose.yml",
        "containers/prometheus.json",
        "containers/grafana.json",
        "containers/alertmanager.json",
    }
    assert found["prometheus/etc/prometheus/rules/a.yml"] == b"groups: []"
    assert json.loads(found["containers/prometheus.json"])["Name"] == "p-prometheus-1"


def test_secrets_are_left_out_of_a_plain_backup_and_named(world: BackupWorld, home: Path) -> None:
    found, warnings = contents(world)
    assert b"hunter2" not in b"".join(found.values())
    (warning,) = [line for line in warnings if "not encrypted" in line]
    assert f"{home}/.env" in warning
    assert f"{home}/secrets/admin" in warning
    assert warning in world.progress.warned


@pytest.mark.parametrize(
    ("text", "goes_in"),
    [
        (
            "# images\nPROMETHEUS_IMAGE=prom/prometheus:v3.5.3\nGRAFANA_PORT=3001\nGRAFANA_URL=http://localhost:3001\n",
            True,
        ),
        ("PROMETHEUS_IMAGE=x\nSLACK_URL=https://hooks.slack.com/services/T0/B0/hunter2\n", False),
        ("GRAFANA_URL=http://admin:hunter2@localhost:3001\n", False),
        ("SOMETHING=hunter2\n", False),
        ("API_TOKEN_PORT=hunter2\n", False),
    ],
)
def test_an_env_file_of_images_and_ports_goes_into_a_plain_backup(
    world: BackupWorld, home: Path, text: str, goes_in: bool
) -> None:
    (home / ".env").write_text(text)
    found, warnings = contents(world)
    assert ("compose/.env" in found) is goes_in
    assert any(f"{home}/.env" in line for line in warnings) is not goes_in
    assert b"hunter2" not in b"".join(found.values())


def test_a_store_of_backups_and_old_versions_in_a_mounted_folder_are_left_out(world: BackupWorld, home: Path) -> None:
    for name in (
        "rules/backups/monops.json",
        "rules/backups/objects/x.tar",
        "rules/.monops/before/1/a.yml",
        "rules/.monops/changes/0001.json",
    ):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("old")
    found, _ = contents(world)
    assert "prometheus/etc/prometheus/rules/a.yml" in found
    assert b"old" not in found.values()


@pytest.mark.parametrize("source", ["secrets/admin", "elsewhere"])
def test_a_secret_that_is_mounted_alone_is_left_out_too(world: BackupWorld, home: Path, source: str) -> None:
    (home / "elsewhere").write_text("hunter2")
    secret = Mount(type="bind", name="", source=str(home / source), destination="/run/secrets/x", writable=False)
    renamed = Mount(
        type="bind", name="", source=str(home / "secrets/admin"), destination="/etc/grafana/y", writable=False
    )
    world.change("prometheus", mounts=(secret, renamed))
    found, _ = contents(world)
    assert b"hunter2" not in b"".join(found.values())


def test_a_private_key_is_known_by_its_content_whatever_it_is_called(world: BackupWorld, home: Path) -> None:
    (home / "rules/client.pem").write_text("-----BEGIN PRIVATE KEY-----\nhunter2\n")
    (home / "rules/ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    found, warnings = contents(world)
    assert "prometheus/etc/prometheus/rules/ca.pem" in found
    assert b"hunter2" not in b"".join(found.values())
    assert any("client.pem" in warning for warning in warnings)


def test_files_of_secrets_go_into_an_encrypted_backup(world: BackupWorld) -> None:
    found, warnings = contents(world, ENCRYPTED)
    assert found["compose/.env"] == b"PASSWORD=hunter2"
    assert not any("not encrypted" in line for line in warnings)
    assert b"hunter2" not in found["containers/prometheus.json"]


def test_everything_has_its_folders_before_it(world: BackupWorld) -> None:
    target = Target(name="config", place=Place(), container=None, mode="live")
    with capture_config(world.outside(), stack_of(world), target, PLAIN) as capture:
        (pack,) = [pack for phase in capture.phases for pack in phase]
    seen: set[str] = set()
    for entry in pack.entries:
        assert entry.path.rpartition("/")[0] in seen | {""}
        seen.add(entry.path)
    assert all(entry.mode < 0o10000 for entry in pack.entries)


def test_a_folder_may_be_named_in_the_configuration(world: BackupWorld, home: Path) -> None:
    found, _ = contents(world, place=Place(path=str(home)))
    assert found["docker-compose.yml"] == b"services: {}"
    assert found["rules/a.yml"] == b"groups: []"


def test_a_file_that_is_too_large_for_configuration_is_named(world: BackupWorld, home: Path) -> None:
    with (home / "rules/huge").open("wb") as file:
        file.truncate((32 << 20) + 1)
    found, warnings = contents(world)
    assert not any("huge" in path for path in found)
    assert any("huge" in line and "too large" in line for line in warnings)


def test_a_file_on_another_host_is_named(world: BackupWorld, home: Path) -> None:
    (home / "docker-compose.yml").rename(home / "moved.yml")
    mount = Mount(type="bind", name="", source="/not/here/x.yml", destination="/etc/prometheus/x.yml")
    container = world.engine.found["id-prometheus"]
    world.change("prometheus", mounts=(*container.mounts, mount))
    _, warnings = contents(world)
    assert any("/not/here/x.yml" in line and "is not in the backup" in line for line in warnings)


def test_nothing_at_all_is_an_error(world: BackupWorld) -> None:
    target = Target(name="config", place=Place(), container=None, mode="live")
    with pytest.raises(MonopsError, match="no configuration files"):
        opened(world, None, target)


def opened(world: BackupWorld, stack: Stack | None, target: Target) -> None:
    with capture_config(world.outside(), stack, target, PLAIN):
        pass
