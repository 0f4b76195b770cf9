"""An engine elsewhere that does not answer: it is asked once, and for seconds only."""

from __future__ import annotations

from typing import Any

import docker
import pytest

from monops.domain.errors import EngineUnreachable
from monops.edges.docker_reader import WITHIN, DockerReader


def test_an_engine_that_does_not_answer_is_connected_to_once_and_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []

    def connect(*, environment: Any, timeout: float) -> None:
        tried.append(timeout)
        raise TimeoutError("timed out")

    monkeypatch.setattr(docker, "from_env", connect)
    reader = DockerReader({"DOCKER_HOST": "tcp://192.0.2.1:2375"})
    for path in ("/info", "/version", "/networks"):
        with pytest.raises(EngineUnreachable, match=r"no Docker engine answers at tcp://192\.0\.2\.1:2375"):
            reader.json(path)
    assert tried == [WITHIN]
