"""The engine's edge where a container goes while it is asked for: docker-py's own errors stay inside."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from tests.fakes.fake_engine import FakeEngine, container
from tests.fakes.fake_outside import FakeMachine
from tests.fakes.web_services import WebServices, web_services

from monops.domain.errors import EngineError, VolumeMissing
from monops.domain.ports import Capacity, Engine
from monops.edges.docker_engine import DockerEngine

GONE = "no such container"
ACTS: dict[str, Callable[[Engine], object]] = {
    "stop": lambda engine: engine.stop("gone", within=timedelta(seconds=1)),
    "start": lambda engine: engine.start("gone"),
    "update": lambda engine: engine.update("gone", {"Memory": 1 << 30}),
    "signal": lambda engine: engine.signal("gone", "SIGHUP"),
    "pause": lambda engine: engine.pause("gone"),
    "unpause": lambda engine: engine.unpause("gone"),
    "probe": lambda engine: engine.probe("gone"),
    "container": lambda engine: engine.container("gone"),
}


@pytest.fixture
def web() -> Iterator[WebServices]:
    """A Docker API without containers."""
    with web_services() as found:
        found.other = (404, {"message": "No such container: gone"})
        found.answers |= {"/version": (200, {"ApiVersion": "1.44"}), "/v1.44/_ping": (200, "OK")}
        found.answers["/v1.44/containers/json"] = (200, [])
        yield found


@pytest.fixture(params=["real", "fake"])
def engine(request: pytest.FixtureRequest, web: WebServices) -> Engine:
    if request.param == "real":
        return real(web)
    fake = FakeEngine()
    fake.add(container("prometheus", "data"))
    return fake


def real(web: WebServices) -> DockerEngine:
    return DockerEngine({"DOCKER_HOST": web.url.replace("http:", "tcp:")}, FakeMachine())


@pytest.mark.parametrize("act", ACTS)
def test_what_is_asked_of_a_container_that_is_gone_is_missing(engine: Engine, act: str) -> None:
    with pytest.raises(VolumeMissing, match=re.compile("no (such )?container", re.IGNORECASE)) as error:
        ACTS[act](engine)
    assert error.value.remedy == "docker ps --all"


def test_a_container_that_is_gone_has_no_log_and_uses_nothing(engine: Engine) -> None:
    assert engine.logs("gone", 5) == ()
    assert (engine.memory("gone"), engine.processors("gone")) == (None, None)
    assert engine.containers(["gone"]) == ()


def test_files_for_a_container_that_is_gone_are_missing(web: WebServices) -> None:
    with pytest.raises(VolumeMissing, match="No such container"):
        real(web).unarchive("gone", "/", iter([b"tar"]))


def test_a_helper_whose_image_is_gone_names_the_image(web: WebServices) -> None:
    web.answers["/v1.44/volumes/data"] = (200, {"Name": "data", "Mountpoint": "/v", "Labels": None})
    web.answers["/v1.44/containers/create"] = (404, {"message": "No such image: busybox"})
    with (
        pytest.raises(EngineError, match="there is no image busybox") as error,
        real(web).mounted("data", "busybox", writable=False),
    ):
        pass
    assert error.value.remedy == "docker image ls"


@pytest.mark.parametrize(
    ("said", "has_limit"), [({"SwapLimit": False}, False), ({"SwapLimit": True}, True), ({}, True)]
)
def test_what_its_machine_has_is_said(web: WebServices, said: dict[str, bool], has_limit: bool) -> None:
    web.answers["/v1.44/info"] = (200, {"NCPU": 2, "MemTotal": 1 << 30, **said})
    assert real(web).capacity() == Capacity(processors=2, memory=1 << 30, has_swap_limit=has_limit)
