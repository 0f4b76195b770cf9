"""The files of targets, as a container has them, are read as its processes may read them."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.support import docker

from monops.domain.errors import NotFound
from monops.domain.facts import ListeningSocket, TargetFile
from monops.edges import inspect_target_files
from monops.edges.docker_reader import DockerReader
from monops.edges.inspect_container import seen_closely, seen_from_outside
from monops.edges.inspect_files import ConfigFiles
from monops.edges.inspect_members import Members
from monops.edges.inspect_target_files import TargetFiles

pytestmark = pytest.mark.engine

CONFIG = """\
scrape_configs:
  - job_name: relative
    file_sd_configs: [{files: [targets/*.yml]}]
  - job_name: absolute
    file_sd_configs: [{files: [/etc/prometheus/more/one.json, /etc/prometheus/nowhere/*.yml]}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Prometheus's configuration, and files of targets."""
    files = {
        "prometheus.yml": CONFIG,
        "targets/good.yml": "- targets: [a:1]\n",
        "targets/secret.yml": "- targets: [b:1]\n",
        "targets/notes.txt": "not meant",
        "more/one.json": "[]",
        "more/two.json": "[]",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, mode=0o755)
        path.write_text(text)
        path.chmod(0o644)
    tmp_path.chmod(0o755)
    (tmp_path / "targets/secret.yml").chmod(0o600)
    return tmp_path


@pytest.fixture(params=["65534:65534", "0:0"])
def container(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """Something that has the files as Prometheus would, as a user and as root without any right."""
    name = f"target-files-{secrets.token_hex(4)}"
    words = ("--user", request.param, "--cap-drop", "ALL", "--volume", f"{folder}:/etc/prometheus:ro")
    os.chown(folder / "targets/secret.yml", 1234, 1234)
    docker("run", "-d", "--init", "--name", name, *words, "--entrypoint", "sleep", "redis:8.0.2", "600")
    try:
        yield name
    finally:
        docker("rm", "-fv", name)


def files_of(name: str) -> TargetFiles:
    reader = DockerReader(os.environ)
    members = Members(reader, project="nobody", named={"prometheus": name}, file=None)
    return TargetFiles(reader, members, ConfigFiles(reader, members, compose_file=None))


def test_files_that_the_jobs_name_are_read_and_what_prometheus_may_not_read_is_told(container: str) -> None:
    assert files_of(container).read() == {
        "/etc/prometheus/targets/good.yml": TargetFile(text="- targets: [a:1]\n"),
        "/etc/prometheus/targets/secret.yml": TargetFile(text="- targets: [b:1]\n", is_readable=False),
        "/etc/prometheus/more/one.json": TargetFile(text="[]"),
    }


def test_a_folder_that_prometheus_may_not_enter_hides_all_that_is_in_it(container: str, folder: Path) -> None:
    (folder / "more").chmod(0o700)
    os.chown(folder / "more", 1234, 1234)
    assert not files_of(container).read()["/etc/prometheus/more/one.json"].is_readable


def test_out_of_an_archive_the_files_are_the_same(container: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = files_of(container).read()
    monkeypatch.setattr(inspect_target_files, "is_process_of", lambda *_: False)
    archived = files_of(container).read()
    assert {path: file.text for path, file in archived.items()} == {p: file.text for p, file in looked_at.items()}


def test_without_a_container_of_prometheus_nothing_is_claimed() -> None:
    with pytest.raises(NotFound):
        files_of("no-such-container").read()


def test_where_a_neighbour_listens_is_told_where_it_can_be_reached() -> None:
    name = f"neighbour-{secrets.token_hex(4)}"
    docker("network", "create", name)
    docker("run", "-d", "--name", name, "--network", name, "redis:8.0.2", "redis-server", "--port", "7000")
    try:
        reader = DockerReader(os.environ)
        docker("exec", name, "sh", "-c", "until redis-cli -p 7000 ping; do :; done")
        near = seen_from_outside(reader, reader.inspect(name), frozenset({name}))
        far = seen_from_outside(reader, reader.inspect(name), frozenset({"another"}))
        assert {(one.address, one.port) for one in near.sockets or ()} == {("0.0.0.0", 7000), ("::", 7000)}
        assert isinstance((near.sockets or ())[0], ListeningSocket)
        assert far.sockets is None
        docker("stop", name)
        again = DockerReader(os.environ)
        ended = seen_from_outside(again, again.inspect(name), frozenset({name}))
        assert any("bye bye" in line for line in ended.log), ended.log
    finally:
        docker("rm", "-fv", name)
        docker("network", "rm", name)


def test_the_modes_of_secrets_are_told_as_far_as_others_come_to_them() -> None:
    # Not a folder of pytest's: others may not go through those.
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "secrets"
        place.mkdir(mode=0o755)
        for name, mode in (("open", 0o644), ("own", 0o600)):
            (place / name).write_text("x")
            (place / name).chmod(mode)
        name = f"secrets-{secrets.token_hex(4)}"
        docker("run", "-d", "--init", "--name", name, "-v", f"{place}:/run/secrets:ro", "redis:8.0.2", "sleep", "600")
        try:
            reader = DockerReader(os.environ)

            def modes() -> dict[str, int]:
                seen = seen_closely(reader, reader.inspect(name))
                return {Path(path).name: mode for path, mode in seen.secret_modes.items()}

            assert modes() == {"open": 0o640, "own": 0o600}
            Path(folder).chmod(0o711)
            assert modes() == {"open": 0o644, "own": 0o600}
        finally:
            docker("rm", "-fv", name)
