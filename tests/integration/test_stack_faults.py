"""`monops stack` where something is wrong: each a sentence, a way out and the right exit code; data are never lost."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.stack_bed import Bed, bed, typing
from tests.integration.support import docker

pytestmark = pytest.mark.engine


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Bed]:
    """A folder with nothing in it."""
    if problem := engine_problem():
        pytest.skip(problem)
    with bed(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def down(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """The files of a stack of three, which does not run. Leave them as they are."""
    if problem := engine_problem():
        pytest.skip(problem)
    with bed(tmp_path_factory.mktemp("down")) as made:
        made.init(only=("prometheus", "grafana", "alertmanager"))
        yield made


# --- before anything starts ------------------------------------------------------------------------


def test_without_an_engine_every_command_that_needs_one_says_so(down: Bed) -> None:
    for verb in ("up", "status", "down"):
        ran = down.stack(verb, DOCKER_HOST="unix:///nonexistent")
        ran.is_one_error(1, "no Docker engine answers at unix:///nonexistent")
        assert ran.remedies == ["start it: sudo systemctl start docker; docker info"]
    assert down.stack("config", DOCKER_HOST="unix:///nonexistent").code == 0


def test_a_broken_compose_file_is_a_matter_of_configuration(down: Bed) -> None:
    place = "monitoring/docker-compose.monitoring.yml"
    with down.spoilt("docker-compose.monitoring.yml", "services:\n  web:\n    image: redis\n   ports: [\n"):
        down.stack("up").is_one_error(12, f"{place} is not a Compose file: yaml: line")
    with down.spoilt("docker-compose.monitoring.yml", "services:\n  web:\n    imagge: redis\n"):
        down.stack("config").is_one_error(12, place, "additional properties 'imagge' not allowed")


def test_a_deleted_env_file_is_brought_back_by_the_remedy(down: Bed) -> None:
    (down.folder / ".env").unlink()
    ran = down.stack("status")
    ran.is_one_error(12, "the variable", "is not set", "from the .env beside it")
    assert ran.remedies == ["monops init --replace .env"]
    assert down.monops.run(*ran.remedies[0].split()[1:], "--yes").code == 0
    assert down.stack("status").code == 4


def test_a_folder_without_a_stack_says_how_to_get_one(tmp_path: Path) -> None:
    made = Bed(tmp_path)
    ran = made.stack("status")
    ran.is_one_error(2, "there is no docker-compose.monitoring.yml here or above")
    assert "monops init" in ran.remedies[0]


def test_a_stack_that_does_not_run_is_shown_with_one_way_out(down: Bed) -> None:
    ran = down.stack("status", as_json=False)
    assert ran.code == 4
    assert ran.stdout.splitlines()[-3:] == [
        "prometheus, grafana and alertmanager: no container",
        "  try: monops stack up",
        f"{down.name}: 0 of 3 services well",
    ]


def test_a_network_of_the_main_system_that_is_missing_stops_it_before_anything_is_made(fresh: Bed) -> None:
    fresh.init("--network", f"{fresh.name}-main", only=("prometheus",))
    fresh.stack("up").is_one_error(1, f"the main system's network '{fresh.name}-main' is not there")
    assert fresh.started() == {}
    docker("network", "create", "--label", f"com.docker.compose.project={fresh.name}", f"{fresh.name}-main")
    fresh.up()
    networks = fresh.inspect("prometheus")["NetworkSettings"]["Networks"]
    assert set(networks) == {f"{fresh.name}_monitoring", f"{fresh.name}-main"}


def test_an_image_that_cannot_be_had_is_said(fresh: Bed) -> None:
    fresh.init("--image", "PROMETHEUS_IMAGE=localhost:1/no/such:1", only=("prometheus",))
    ran = fresh.stack("up")
    ran.is_one_error(1, "docker compose pull failed; the lines above say why")
    assert "pulling localhost:1/no/such:1" in ran.stderr
    assert fresh.started() == {}


# --- while it starts -------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_named(fresh: Bed) -> None:
    fresh.init(only=("prometheus",))
    with socket.create_server(("127.0.0.1", fresh.ports["prometheus"])):
        ran = fresh.stack("up")
    ran.is_one_error(1, f"port {fresh.ports['prometheus']} on 127.0.0.1 is taken by another program")
    assert f"ss -ltnp 'sport = :{fresh.ports['prometheus']}'" in ran.remedies[0]


def test_a_port_on_the_hosts_own_network_that_is_taken_is_the_reason_given(fresh: Bed) -> None:
    fresh.init(only=("prometheus", "node-exporter"))
    address = re.search(r"NODE_EXPORTER_ADDRESS=(\S+)", (fresh.folder / ".env").read_text())
    assert address is not None
    with socket.create_server((address[1], fresh.ports["node-exporter"])):
        ran = fresh.stack("up", "node-exporter")
    assert ran.code == 1
    (sick,) = ran.result["services"]
    assert "address already in use" in sick["reason"]


def test_ctrl_c_while_it_starts_ends_it_quietly(fresh: Bed) -> None:
    fresh.init(only=("prometheus", "grafana"))
    process = fresh.monops.start("stack", "up", as_json=False)
    assert process.stderr is not None
    assert process.stderr.readline().startswith(b"starting prometheus")
    process.send_signal(signal.SIGINT)
    ran = fresh.monops.ended(process)
    assert ran.code == 130, ran
    assert ran.errors == ["interrupted"]
    # What it had begun is no hindrance.
    fresh.up()


# --- taking it down --------------------------------------------------------------------------------


def answer(made: Bed, *lines: str) -> tuple[int, str]:
    """`stack down --volumes` with a person at a terminal."""
    return typing(made, "".join(line + "\n" for line in lines), "stack", "down", "--volumes")


def test_down_keeps_the_data_and_deletes_them_only_when_the_name_is_typed(fresh: Bed) -> None:
    fresh.init(only=("prometheus",))
    fresh.up()
    volumes = {f"{fresh.name}_prometheus-data"}
    ran = fresh.stack("down", "--volumes")
    ran.is_one_error(2, f"{fresh.name}_prometheus-data", "nobody is at a terminal to confirm it")
    assert f"monops stack down --volumes --confirm {fresh.name}" in ran.remedies[0]

    (fresh.root / "taken").write_text("a file, not a folder")
    code, shown = answer(fresh, "y", str(fresh.root / "taken"))
    assert "Back them up first?" in shown
    assert code != 0, "the backup failed"
    code, shown = answer(fresh, "n", "monitoring")
    assert (code, fresh.volumes()) == (2, volumes), "that is not its name"
    assert len(fresh.started()) == 1, "nothing was stopped so far"

    code, shown = answer(fresh, "y", str(fresh.root / "backups"), fresh.name)
    assert (code, fresh.started(), fresh.volumes()) == (0, {}, set()), shown
    assert f"{fresh.name} is down, its data are deleted" in shown
    assert len(list((fresh.root / "backups" / "snapshots").iterdir())) == 1


def test_down_without_more_keeps_the_data_and_names_what_is_not_in_the_file(down: Bed) -> None:
    docker("volume", "create", "--label", f"com.docker.compose.project={down.name}", f"{down.name}_prometheus-data")
    down.run_stranger("old")
    ran = down.stack("down")
    assert ran.code == 0, ran
    assert ran.result == {"project": down.name, "volumes_deleted": False, "left": [down.container("old")]}
    assert down.volumes() == {f"{down.name}_prometheus-data"}
    down.stack("down", "--volumes", "--confirm", "monitoring").is_one_error(2, "nothing was deleted")
    assert down.stack("down", "--volumes", "--confirm", down.name).code == 0
    assert down.volumes() == set()
    docker("rm", "-f", down.container("old"))
