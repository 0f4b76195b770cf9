"""What Grafana is asked, with which login, and what is told of it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping

import pytest
from tests.fakes.web_services import WebServices, web_services

from monops.domain.errors import ServiceError, ServiceUnreachable
from monops.domain.ports.inspection import Reader
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
    place = Place(service="grafana", url=grafana.url, container=None, host="127.0.0.1", is_local=True)
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
