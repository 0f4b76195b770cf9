"""Docker Compose's messages in monops's own words; which client is asked, with which files."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from monops.domain.errors import ConfigurationError, EngineError, EngineUnreachable, MonopsError
from monops.domain.ports import Compose
from monops.edges.compose_cli import ComposeCli

#: case -> what was written to stderr.
SAID = {
    name: said
    for name, _, said in (
        part.partition("\n")
        for part in (Path(__file__).parents[2] / "fixtures" / "compose-messages.txt").read_text().split("=== ")[1:]
    )
}


@dataclass
class Docker:
    """A folder with a `docker` that answers what it is told."""

    bin: Path
    folder: Path

    def says(self, stderr: str = "", *, stdout: str = "", code: int = 1, version: str = "2.40.3-3") -> None:
        """To everything but the question for its version; what it was asked stays in `asked`."""
        self.bin.mkdir(exist_ok=True)
        (self.bin / "docker").write_text(
            "#!/bin/sh\n"
            f'if [ "$1 $2" = "compose version" ]; then echo {shlex.quote(version)}; exit; fi\n'
            f"printf '%s\\n' \"$@\" > {shlex.quote(str(self.folder / 'asked'))}\n"
            f"env > {shlex.quote(str(self.folder / 'environment'))}\n"
            f"printf %s {shlex.quote(stdout)}\nprintf %s {shlex.quote(stderr)} >&2\nexit {code}\n"
        )
        (self.bin / "docker").chmod(0o755)

    @property
    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()

    def compose(self, *, file: str = "stack/docker-compose.monitoring.yml", **environment: str) -> ComposeCli:
        path = f"{self.bin}:/usr/bin:/bin"
        return ComposeCli(file, {"PATH": path, **environment}, project=None)


@pytest.fixture
def docker(tmp_path: Path) -> Docker:
    made = Docker(tmp_path / "bin", tmp_path)
    made.says(code=0)
    return made


def fault(docker: Docker, stderr: str, act: Callable[[Compose], object] = lambda c: c.up(())) -> MonopsError:
    """What becomes of a message."""
    docker.says(stderr)
    with pytest.raises(MonopsError) as raised:
        act(docker.compose())
    assert raised.value.remedy
    return raised.value


@pytest.mark.parametrize(
    ("case", "kind", "message", "remedy"),
    [
        (
            "port of another container",
            EngineError,
            "port 3001 on 127.0.0.1 is taken by another program",
            "ss -ltnp 'sport = :3001'",
        ),
        (
            "port of another program",
            EngineError,
            "port 17777 on 0.0.0.0 is taken by another program",
            "ss -ltnp 'sport = :17777'",
        ),
        (
            "address of another machine",
            EngineError,
            "this machine does not have the address 10.99.99.99, where the ports should listen",
            "monops init --bind ADDRESS",
        ),
        (
            "no network",
            EngineError,
            "the main system's network nope_default is not there",
            "monops init --network NAME",
        ),
        ("name in use", EngineError, "another container is called ai-prometheus", "--filter name=ai-prometheus"),
        (
            "no shared mount",
            EngineError,
            "this machine's / does not pass mounts on, so the node exporter cannot follow it",
            "set HOST_MOUNT_OPTIONS=ro in .env",
        ),
        (
            "no image",
            EngineError,
            "an image cannot be had: No such image: grafana/grafana:12.4.0",
            "monops stack pull",
        ),
        (
            "too little memory",
            EngineError,
            "Docker refuses a limit: Minimum memory limit allowed is 6MB",
            "monops init --memory SERVICE=SIZE",
        ),
        ("no engine at a socket", EngineUnreachable, "no Docker engine answers at unix:///nonexistent", "docker info"),
        ("no engine at a port", EngineUnreachable, "no Docker engine answers at tcp://127.0.0.1:1", "docker info"),
        ("not allowed", EngineUnreachable, "not allowed to talk to Docker", "usermod -aG docker"),
        ("no service", EngineError, "the Compose file has no service nosuch", "monops stack status"),
        (
            "something new after a warning",
            EngineError,
            "docker compose failed: something new",
            "docker compose -f stack/docker-compose.monitoring.yml config --quiet",
        ),
        ("nothing", EngineError, "docker compose failed: it says nothing", "docker compose -f"),
    ],
)
def test_what_the_engine_says_becomes_a_sentence_and_a_way_out(
    docker: Docker, case: str, kind: type[MonopsError], message: str, remedy: str
) -> None:
    found = fault(docker, SAID[case])
    assert type(found) is kind
    assert found.message == message
    assert remedy in found.remedy


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("not YAML", "is not a Compose file: yaml: line 1: did not find expected key"),
        (
            "not a mapping",
            "is not a Compose file: yaml: unmarshal errors: line 1: cannot unmarshal !!seq into cli.named",
        ),
        ("unknown key", "services.web additional properties 'imagge' not allowed"),
        ("wrong type", "services.web.ports must be a array"),
        ("undefined network", 'service "web" refers to undefined network x: invalid compose project'),
        ("empty file", "is not a Compose file: empty compose file"),
        ("bad variable", "is not a Compose file: invalid interpolation format for services.web.image. You may need to"),
        ("bad address", "is not right: Invalid ip address ::1: address ::1:: too many colons in address"),
        ("bad env", "is not right: failed to read /srv/.env: line 2: key cannot contain a space"),
        ("variable missing", "the variable GRAFANA_IMAGE is not set"),
    ],
)
@pytest.mark.parametrize("asked", ["model", "text"])
def test_a_file_that_is_wrong_is_a_matter_of_configuration(docker: Docker, case: str, message: str, asked: str) -> None:
    found = fault(docker, SAID[case], lambda compose: compose.model() if asked == "model" else compose.text())
    assert type(found) is ConfigurationError
    assert message in found.message
    assert "stack/docker-compose.monitoring.yml" in found.message


def test_a_missing_variable_is_brought_back_with_its_file(docker: Docker) -> None:
    assert fault(docker, SAID["variable missing"], lambda c: c.model()).remedy == "monops init --replace .env"


def test_a_password_in_a_message_is_not_repeated(docker: Docker) -> None:
    found = fault(docker, "Error response from daemon: cannot reach redis://:hunter2@redis:6379\n")
    assert "hunter2" not in found.message


def test_the_image_that_is_missing_is_found_with_its_tag_and_without(docker: Docker) -> None:
    docker.says(SAID["images missing"], stdout='["prom/prometheus:v3.5.3"] sha256:dd78\n')
    images = ("prom/prometheus:v3.5.3", "nosuch:1", "plain", "nosuch:12")
    assert docker.compose().missing_images(images) == ("nosuch:1", "plain")


@pytest.mark.parametrize("case", ["no engine at a socket", "no engine at a port", "not allowed"])
def test_an_engine_that_does_not_answer_is_not_taken_for_missing_images(docker: Docker, case: str) -> None:
    assert type(fault(docker, SAID[case], lambda compose: compose.missing_images(("a",)))) is EngineUnreachable


def test_a_pull_that_failed_has_shown_why_itself(docker: Docker, capfd: pytest.CaptureFixture[str]) -> None:
    found = fault(docker, " web Error Get registry: no such host\n", lambda compose: compose.pull(("web",)))
    assert found.message == "docker compose pull failed; the lines above say why"
    assert "no such host" in capfd.readouterr().err


def test_what_a_service_answers_to_a_post_is_told_and_consent_is_nothing(docker: Docker) -> None:
    docker.says(SAID["reload refused"])
    assert "HTTP/1.1 500" in docker.compose().post("prometheus", "http://127.0.0.1:9090/-/reload")
    docker.says(code=0)
    assert docker.compose().post("prometheus", "http://127.0.0.1:9090/-/reload") == ""


@pytest.mark.parametrize("code", [0, 130, 255])
def test_logs_that_nobody_reads_on_or_that_are_interrupted_are_no_error(docker: Docker, code: int) -> None:
    docker.says(code=code)
    docker.compose().logs((), follow=True, tail=1)


def test_logs_of_a_service_that_is_not_there_are_an_error(docker: Docker) -> None:
    found = fault(docker, SAID["no service"], lambda compose: compose.logs(("x",), follow=False, tail=1))
    assert found.message == "the Compose file has no service nosuch"


# --- which client, which files ---------------------------------------------------------------------


def test_the_first_client_that_has_compose_2_is_taken(docker: Docker, tmp_path: Path) -> None:
    for name, script in (("old", "exit 1"), ("v1", "echo 1.29.2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "docker").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name / "docker").chmod(0o755)
    docker.says(stdout="{}", code=0)
    path = f"{tmp_path}/none:{tmp_path}/old:{tmp_path}/v1:{docker.bin}"
    assert docker.compose(PATH=path + ":/usr/bin:/bin").model() == {}
    with pytest.raises(EngineError, match=r"no docker command with Compose v2 in PATH \(.*/old/docker is without it\)"):
        docker.compose(PATH=f"{tmp_path}/old:{tmp_path}/v1").model()
    with pytest.raises(EngineError, match=r"in PATH$") as raised:
        docker.compose(PATH=str(tmp_path / "none")).model()
    assert "docker compose version" in raised.value.remedy


def named(docker: Docker, **environment: str) -> list[str]:
    """The files that Compose is given."""
    docker.says(stdout="{}", code=0)
    docker.compose(file=f"{docker.folder}/docker-compose.monitoring.yml", **environment).model()
    words = docker.asked
    assert words[words.index("--project-directory") + 1] == str(docker.folder)
    found = [words[place + 1] for place, word in enumerate(words) if word == "--file"]
    return [Path(path).name for path in found if Path(path).parent == docker.folder]


@pytest.mark.parametrize(
    ("env", "files"),
    [
        (None, ["docker-compose.monitoring.yml"]),
        ("A=1\n", ["docker-compose.monitoring.yml"]),
        ("COMPOSE_FILE=docker-compose.monitoring.yml\n", ["docker-compose.monitoring.yml"]),
        (
            "COMPOSE_FILE=docker-compose.monitoring.yml:mine.yml\nA=1\n",
            ["docker-compose.monitoring.yml", "mine.yml"],
        ),
        ("COMPOSE_FILE=another.yml\n", ["docker-compose.monitoring.yml"]),
    ],
)
def test_files_that_a_person_added_beside_the_stacks_own_are_used_too(
    docker: Docker, env: str | None, files: list[str]
) -> None:
    if env is not None:
        (docker.folder / ".env").write_text(env)
    assert named(docker) == files


def test_the_file_of_another_stack_in_the_environment_does_not_win(docker: Docker) -> None:
    assert named(docker, COMPOSE_FILE="/srv/other.yml") == ["docker-compose.monitoring.yml"]
    assert "COMPOSE_FILE=" not in (docker.folder / "environment").read_text()


def test_a_path_with_a_comma_and_quotes_can_be_mounted_and_named(docker: Docker) -> None:
    docker.says(code=0)
    docker.compose().own("image", '/srv/a,"b"', {"secrets/it's": 472})
    assert 'type=bind,"source=/srv/a,""b""",target=/own' in docker.asked
    assert any("'secrets/it'\"'\"'s'" in word for word in docker.asked)
