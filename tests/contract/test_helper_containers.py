"""What a helper container leaves behind on the real engine: nothing, and nobody's volume goes with it."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from monops.domain.errors import MonopsError
from monops.edges.clock import LocalMachine
from monops.edges.docker_engine import DockerEngine

pytestmark = pytest.mark.engine

# Its Dockerfile declares a volume, so every container of it gets one without a name.
IMAGE_WITH_A_VOLUME = "prom/prometheus:v3.5.3"
UNNAMED = "com.docker.volume.anonymous"


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    import docker

    try:
        made = docker.from_env()
        made.images.get(IMAGE_WITH_A_VOLUME)
    except docker.errors.DockerException as error:
        pytest.skip(f"no engine with {IMAGE_WITH_A_VOLUME}: {error}")
    yield made
    made.close()


@pytest.fixture
def edge() -> DockerEngine:
    made = DockerEngine(dict(os.environ), LocalMachine(environment={}))
    try:
        made.volumes()
    except MonopsError as error:
        pytest.skip(f"no Docker engine: {error.message}")
    return made


@pytest.mark.parametrize("labels", [{}, {UNNAMED: ""}], ids=["a named volume", "an unnamed volume of the stack"])
def test_a_helper_leaves_no_volume_of_its_image_and_keeps_the_one_it_was_given(
    client: Any, edge: DockerEngine, labels: dict[str, str]
) -> None:
    volume = client.volumes.create(labels=labels)
    try:
        with edge.mounted(volume.name, IMAGE_WITH_A_VOLUME, writable=True) as container:
            mounts = client.api.inspect_container(container)["Mounts"]
            of_the_image = {mount["Name"] for mount in mounts} - {volume.name}
            assert of_the_image, "the image declares no volume, so this shows nothing"
        edge.script(volume.name, [IMAGE_WITH_A_VOLUME], "touch /proc/self/cwd/x", writable=True)
        left = {found.name for found in client.volumes.list()}
        assert not of_the_image & left
        assert volume.name in left
    finally:
        volume.remove(force=True)
