"""What Grafana is asked, with which login, and what is told of it."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.fakes.web_services import WebServices, web_services

from monops.domain.errors import ServiceError, ServiceUnreachable
from monops.domain.ports import Container
from monops.domain.ports.inspection import Reader
from monops.edges.docker_items import container_of
from monops.edges.http_pool import HttpPool, NobodyThere
from monops.edges.inspect_grafana import GrafanaInspector
from monops.edges.inspect_http import Asked, Place

SECRET = "glsa_secret"
HEALTHY = {"database": "ok", "version": "12.3.0"}


@pytest.fixture
def grafana() -> Iterator[WebServices]:
    """A Grafana that lets everybody in."""
    with web_services() as found:
        found.answers |= {"/api/health": (200, HEALTHY), "/api/org": (200, {"id": 1})}
        yield found


def readers(grafana: WebServices, **environment: str) -> Mapping[str, Reader]:
    return readers_of(grafana, None, **environment)


def readers_of(grafana: WebServices, container: Container | None, **environment: str) -> Mapping[str, Reader]:
    place = Place(service="grafana", url=grafana.url, container=container, host="127.0.0.1", is_local=True)
    return GrafanaInspector(Asked(place), environment, shares_host=lambda: True, compose_file=None).readers()


def test_a_token_with_a_line_end_after_it_is_sent_without(grafana: WebServices) -> None:
    assert readers(grafana, MONOPS_GRAFANA_TOKEN=f"{SECRET}\r\n")["grafana_login"]() == 200
    assert grafana.logins["/api/org"] == [f"Bearer {SECRET}"]


def test_a_password_with_a_line_end_after_it_is_sent_without(grafana: WebServices) -> None:
    assert readers(grafana, MONOPS_GRAFANA_PASSWORD="hunter22\n")["grafana_login"]() == 200
    assert grafana.logins["/api/org"] == ["Basic " + base64.b64encode(b"admin:hunter22").decode()]


@pytest.mark.parametrize("token", [f"{SECRET}\n{SECRET}", f"{SECRET}\u2019"])
def test_a_token_that_cannot_be_sent_is_not_told(grafana: WebServices, token: str) -> None:
    with pytest.raises(ServiceUnreachable, match="a header that HTTP cannot send") as raised:
        readers(grafana, MONOPS_GRAFANA_TOKEN=token)["grafana_login"]()
    shown: BaseException | None = raised.value
    while shown is not None:
        assert SECRET not in str(shown)
        shown = shown.__cause__
    with pytest.raises(NobodyThere) as sent:
        HttpPool(grafana.url).get("/", within=3, headers={"Authorization": token})
    assert sent.value.__suppress_context__


@pytest.mark.parametrize("answer", [(200, "Cockpit"), (200, {"status": "ok"}), (404, "not found"), (302, "")])
def test_another_program_in_grafanas_place_is_sent_no_password(
    grafana: WebServices, answer: tuple[int, object]
) -> None:
    grafana.answers["/api/health"] = answer
    found = readers(grafana, MONOPS_GRAFANA_PASSWORD="hunter22")

    for name in ("grafana_login", "grafana_default_password", "grafana_data_sources", "grafana_dashboards"):
        with pytest.raises(ServiceError, match="is not Grafana"):
            found[name]()
    assert [login for logins in grafana.logins.values() for login in logins if login] == []


def test_a_grafana_whose_database_is_sick_is_a_grafana(grafana: WebServices) -> None:
    grafana.answers["/api/health"] = (503, {"database": "failing"})
    assert readers(grafana, MONOPS_GRAFANA_PASSWORD="hunter22")["grafana_login"]() == 200


# --- the password that everybody knows ------------------------------------------------------------


def refusing(grafana: WebServices) -> None:
    grafana.answers["/api/org"] = (401, {"message": "Invalid username or password"})


def in_container(**variables: str) -> Container:
    """A Grafana's container with these variables."""
    return container_of(
        {
            "Id": "1",
            "Name": "/grafana",
            "Config": {"Image": "grafana/grafana", "Env": [f"{name}={value}" for name, value in variables.items()]},
            "State": {"Status": "running"},
        }
    )


def test_the_right_password_tells_and_no_other_is_tried(grafana: WebServices, tmp_path: Path) -> None:
    state = {"MONOPS_STATE_DIR": str(tmp_path)}
    assert readers(grafana, MONOPS_GRAFANA_PASSWORD="hunter22", **state)["grafana_default_password"]() is False
    assert readers(grafana, MONOPS_GRAFANA_PASSWORD="admin", **state)["grafana_default_password"]() is True
    assert len(grafana.logins["/api/org"]) == 2


def test_after_a_refused_login_the_default_password_is_not_tried_as_well(grafana: WebServices) -> None:
    refusing(grafana)
    with pytest.raises(ServiceError, match="five wrong logins lock"):
        readers(grafana, MONOPS_GRAFANA_PASSWORD="hunter22")["grafana_default_password"]()
    assert grafana.logins["/api/org"] == ["Basic " + base64.b64encode(b"admin:hunter22").decode()]


def test_a_refused_default_password_is_another_one(grafana: WebServices) -> None:
    refusing(grafana)
    assert readers(grafana, MONOPS_GRAFANA_PASSWORD="admin")["grafana_default_password"]() is False
    assert len(grafana.logins["/api/org"]) == 1


def test_beside_a_token_a_password_that_the_stack_gives_is_believed(grafana: WebServices) -> None:
    container = in_container(GF_SECURITY_ADMIN_PASSWORD="hunter22")
    assert readers_of(grafana, container, MONOPS_GRAFANA_TOKEN=SECRET)["grafana_default_password"]() is False
    assert "/api/org" not in grafana.logins


def test_where_nothing_tells_the_default_password_is_tried_once_in_five_minutes(
    grafana: WebServices, tmp_path: Path
) -> None:
    refusing(grafana)
    for _ in range(6):
        found = readers(grafana, MONOPS_STATE_DIR=str(tmp_path / "state"))["grafana_default_password"]()
        assert found is False
    assert len(grafana.logins["/api/org"]) == 1

    (note,) = (tmp_path / "state").iterdir()
    os.utime(note, (0, 0))
    grafana.answers["/api/org"] = (200, {"id": 1})
    for _ in range(2):  # a right login locks nobody out: it is told each time
        found = readers(grafana, MONOPS_STATE_DIR=str(tmp_path / "state"))["grafana_default_password"]()
        assert found is True


def test_the_default_password_is_not_tried_where_that_cannot_be_noted(grafana: WebServices, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(ServiceError, match="cannot be noted"):
        readers(grafana, MONOPS_STATE_DIR=str(tmp_path / "state"))["grafana_default_password"]()
    assert "/api/org" not in grafana.logins
