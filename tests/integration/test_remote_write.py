"""`monops remote-write` on a running Prometheus, to a real receiver: samples written are found there."""

from __future__ import annotations

import base64
import json
import secrets
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.shipped import NOBODY, free_ports
from tests.integration.stack_bed import Bed, bed
from tests.integration.support import ROOT, Ran, docker, wait_until
from tests.integration.web import fetch

pytestmark = pytest.mark.engine

USER, PASSWORD = "monops", f"hunter2-{secrets.token_hex(4)}"


@dataclass(frozen=True)
class Storage:
    """VictoriaMetrics, which asks who is there."""

    container: str
    port: int

    @property
    def url(self) -> str:
        """For Prometheus."""
        return f"http://{self.container}:8428/api/v1/write"

    def value(self, promql: str) -> float | None:
        """What it answers itself; None for nothing, or no answer in time."""
        words = urllib.parse.urlencode({"query": promql, "latency_offset": "1ms", "nocache": "1"})
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/v1/query?{words}")
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                rows = json.loads(answer.read())["data"]["result"]
        except OSError:
            return None
        return float(rows[0]["value"][1]) if rows else None


def image() -> str:
    """The one that the test bed has."""
    for line in (ROOT / "tests" / "testbed" / "images.env").read_text().splitlines():
        if line.startswith("VICTORIA_METRICS_IMAGE="):
            return line.partition("=")[2]
    raise AssertionError("images.env names no VictoriaMetrics")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """Prometheus as it ships, but quick: it asks every second, and gives a queue that ends one second, not sixty."""
    if problem := engine_problem():
        pytest.skip(problem)
    with bed(tmp_path_factory.mktemp("remote")) as made:
        made.init("--time-scale", "0.1", only=("prometheus",))
        compose = made.folder / "docker-compose.monitoring.yml"
        flag = "      - --web.enable-lifecycle\n"
        text = compose.read_text()
        assert flag in text
        compose.write_text(text.replace(flag, f"{flag}      - --storage.remote.flush-deadline=1s\n"))
        made.up()
        yield made


@pytest.fixture(scope="module")
def storage(stack: Bed) -> Iterator[Storage]:
    """In the stack's network."""
    name, (port,) = f"{stack.name}-storage", free_ports(1)
    label = f"com.docker.compose.project={stack.name}"
    docker("run", "-d", "--name", name, "--label", label, "--network", f"{stack.name}_monitoring",
           "-p", f"127.0.0.1:{port}:8428", "--tmpfs", "/victoria-metrics-data", image(),
           f"-httpAuth.username={USER}", f"-httpAuth.password={PASSWORD}")  # fmt: skip
    try:
        found = Storage(name, port)
        wait_until(lambda: found.value("1") == 1, "VictoriaMetrics")
        yield found
    finally:
        docker("rm", "-fv", name)


@pytest.fixture
def before(stack: Bed) -> Iterator[str]:
    """`prometheus.yml` as it ships; at the end it is in force again."""
    text = config_file(stack).read_text()
    yield text
    config_file(stack).write_text(text)
    for path in kept_secrets(stack).iterdir():
        path.unlink()
    fetch(f"{stack.url('prometheus')}/-/reload", method="POST")


def config_file(stack: Bed) -> Path:
    return stack.folder / "prometheus.yml"


def kept_secrets(stack: Bed) -> Path:
    return stack.folder / "secrets" / "prometheus"


def remote_write(stack: Bed, *words: str | Path, as_json: bool = True, **environment: str) -> Ran:
    """A run that shows no secret, whatever it does."""
    ran = stack.monops.run("remote-write", *words, environment=environment, as_json=as_json)
    assert PASSWORD not in ran.stdout + ran.stderr
    return ran


def with_password(stack: Bed, storage: Storage, *words: str, password: str = PASSWORD) -> Ran:
    path = stack.root / "password"
    path.write_text(password + "\n")
    return remote_write(stack, "set", storage.url, "--basic-auth-user", USER, "--password-file", path, *words, "--yes")


def in_force(stack: Bed) -> str:
    return str(fetch(f"{stack.url('prometheus')}/api/v1/status/config")["data"]["yaml"])


def the_remote(ran: Ran) -> dict[str, Any]:
    found: dict[str, Any] = ran.result["remote"]
    return found


def test_samples_that_are_written_are_found_there(stack: Bed, storage: Storage, before: str) -> None:
    began = time.time()
    ran = with_password(stack, storage, "--name", "longterm", "--send-exemplars")
    assert ran.code == 0, ran
    assert the_remote(ran)["arrived"] > 0
    assert the_remote(ran)["failed"] == 0

    def is_there() -> bool:
        at = storage.value('timestamp(up{job="prometheus"})') or 0
        return at > began and storage.value('up{job="prometheus"}') == 1

    wait_until(is_there, "a sample in VictoriaMetrics")


def test_only_the_new_lines_are_in_the_file_and_the_password_in_one_of_its_own(
    stack: Bed, storage: Storage, before: str
) -> None:
    assert with_password(stack, storage, "--name", "longterm").code == 0
    assert config_file(stack).read_text() == before + (
        "remote_write:\n"
        f"  - url: {storage.url}\n"
        "    name: longterm\n"
        "    basic_auth:\n"
        f"      username: {USER}\n"
        "      password_file: /run/secrets/remote-write-longterm-password\n"
    )
    secret = kept_secrets(stack) / "remote-write-longterm-password"
    assert secret.read_text() == PASSWORD
    assert (secret.stat().st_uid, secret.stat().st_mode & 0o777) == (NOBODY, 0o600)
    assert "name: longterm" in in_force(stack)


def test_undo_ends_it_and_leaves_no_secret(stack: Bed, storage: Storage, before: str) -> None:
    assert with_password(stack, storage).code == 0
    ran = stack.monops.run("undo", "--yes")
    assert ran.code == 0, ran
    assert PASSWORD not in ran.stdout + ran.stderr
    assert config_file(stack).read_text() == before
    assert "remote_write" not in in_force(stack)
    assert not list(kept_secrets(stack).iterdir())


def test_a_wrong_password_is_said_at_once_and_mended_by_the_right_one(
    stack: Bed, storage: Storage, before: str
) -> None:
    ran = with_password(stack, storage, "--name", "longterm", password="not-the-one")
    assert ran.code == 4, ran
    assert "401 Unauthorized" in the_remote(ran)["error"]
    shown = remote_write(stack, "show")
    assert shown.code == 4, shown
    assert shown.result["remotes"][0]["state"] == "fails"
    assert shown.result["remotes"][0]["failed"] > 0
    mended = with_password(stack, storage, "--name", "longterm")
    assert mended.code == 0, mended
    assert [edit["path"].rpartition("/")[2] for edit in mended.result["plan"]["edits"]] == [
        "remote-write-longterm-password"
    ]
    wait_until(lambda: remote_write(stack, "show").code == 0, "a queue that is well again")


def test_a_receiver_that_is_not_there_is_said_and_undo_is_offered(stack: Bed, storage: Storage, before: str) -> None:
    ran = remote_write(stack, "set", f"http://{storage.container}:1/write", "--yes", as_json=False)
    assert ran.code == 4, ran
    assert "connection refused" in ran.stdout
    assert "monops undo" in ran.stdout


def test_a_token_takes_the_place_of_the_password(stack: Bed, storage: Storage, before: str) -> None:
    assert with_password(stack, storage, "--name", "longterm").code == 0
    ran = remote_write(
        stack, "set", storage.url, "--name", "longterm", "--yes", MONOPS_REMOTE_WRITE_TOKEN="a-token-of-somebody"
    )
    # VictoriaMetrics wants a password: the change is made, and what came of it is said.
    assert ran.code == 4, ran
    found = in_force(stack)
    assert "credentials_file: /run/secrets/remote-write-longterm-token" in found
    assert "basic_auth" not in found
    assert "a-token-of-somebody" not in config_file(stack).read_text() + ran.stdout + ran.stderr


def test_remove_takes_one_of_several_by_its_name_or_address(stack: Bed, storage: Storage, before: str) -> None:
    assert with_password(stack, storage, "--name", "longterm").code == 0
    text = config_file(stack).read_text()
    assert with_password(stack, storage, "--name", "second", "--set", "queue_config.max_shards=5").code == 0
    assert "max_shards: 5" in in_force(stack)
    remote_write(stack, "remove", "--yes", as_json=False).is_one_error(2, "there are several: longterm and second")
    remote_write(stack, "remove", "secnd", "--yes", as_json=False).is_one_error(10, "Did you mean 'second'")
    ran = remote_write(stack, "remove", "second", "--yes")
    assert ran.code == 0, ran
    assert ran.result["remotes"] == ["longterm"]
    assert [path.name for path in kept_secrets(stack).iterdir()] == ["remote-write-longterm-password"]
    assert config_file(stack).read_text() == text
    assert remote_write(stack, "remove", "--yes").code == 0
    assert config_file(stack).read_text() == before
    assert not list(kept_secrets(stack).iterdir())


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (("set", "victoria:8428"), 2, "no address"),
        (("set", "http://u:hunter2@a/write"), 2, "holds a secret"),
        (("set", "http://a/write", "--basic-auth-user", "x"), 2, "nobody is at a terminal to ask"),
        (("set", "http://a/write", "--password-file", "x"), 2, "nobody whose it is"),
        (("set", "http://a/write", "--basic-auth-user", "x", "--password-file", "/no/file"), 12, "cannot be read"),
        (("set", "http://a/write", "--set", "basic_auth.password=x"), 2, "is a secret"),
        (("set", "http://a/write", "--set", "basic_auth.password_file=/run/secrets/no"), 1, "there is no secret"),
        (("set", "http://a/write", "--set", "no_such_thing=1"), 12, "promtool refuses"),
        (("remove",), 10, "writes to no remote storage"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_is_wrong_is_said_before_anything_changes(
    stack: Bed, before: str, words: tuple[str, ...], code: int, part: str
) -> None:
    ran = remote_write(stack, *words, "--yes", as_json=False)
    ran.is_one_error(code, part)
    assert "hunter2" not in ran.stderr
    assert config_file(stack).read_text() == before


@pytest.mark.parametrize(
    ("typed", "remedy"),
    [
        ("no_such_thing=1", ""),
        ("max_shards=9", " --set queue_config.max_shards=9"),
        ("queue_config.max_shards=abc", " --set queue_config.max_shards=10"),
        ("remote_timeout=5", " --set remote_timeout=30s"),
    ],
)
def test_a_setting_that_promtool_refuses_is_named_with_the_command_that_is_right(
    stack: Bed, before: str, typed: str, remedy: str
) -> None:
    ran = remote_write(stack, "set", "http://a/write", "--set", typed, "--yes", as_json=False)
    ran.is_one_error(12, f"promtool refuses the setting {typed.partition('=')[0]} in")
    assert ran.remedies == [f"monops remote-write set http://a/write{remedy}"]
    assert config_file(stack).read_text() == before


def test_without_a_terminal_and_without_yes_nothing_changes(stack: Bed, before: str) -> None:
    remote_write(stack, "set", "http://a.example.com/write", as_json=False).is_one_error(2, "nobody is at a terminal")
    assert config_file(stack).read_text() == before


def test_a_stopped_prometheus_is_named(stack: Bed, before: str) -> None:
    docker("stop", "-t", "5", stack.container("prometheus"))
    try:
        ran = remote_write(stack, "set", "http://a.example.com/write", "--yes", as_json=False)
        ran.is_one_error(10, "is exited")
        assert config_file(stack).read_text() == before
    finally:
        docker("start", stack.container("prometheus"))
        wait_until(lambda: _is_ready(stack), "Prometheus")


def _is_ready(stack: Bed) -> bool:
    try:
        return bool(fetch(f"{stack.url('prometheus')}/api/v1/status/buildinfo"))
    except OSError:
        return False
