"""What Prometheus answers, read as monops needs it."""

from __future__ import annotations

from tests.fakes.web_services import web_services

from monops.domain.ports import Origin
from monops.edges.http_client import new_session
from monops.edges.http_prometheus import HttpPrometheus


def test_targets_are_known_by_what_they_were_before_relabelling() -> None:
    dropped = {"__address__": "b:1", "job": "node"}
    active = {"scrapePool": "node", "labels": {"instance": "a"}, "discoveredLabels": {"__address__": "a:1", "job": "x"}}
    with web_services() as web, new_session() as session:
        web.data(
            "/api/v1/targets",
            {
                "activeTargets": [active],
                # With the job's name of its own since 3.0.
                "droppedTargets": [{"discoveredLabels": dropped}, {"discoveredLabels": dropped, "scrapePool": "c"}],
            },
        )
        found = HttpPrometheus(web.url, session).discovered()
    assert found.scraped == {Origin("node", "a:1")}
    assert found.dropped == {Origin("node", "b:1"), Origin("c", "b:1")}


def test_without_targets_there_are_none() -> None:
    with web_services() as web, new_session() as session:
        web.data("/api/v1/targets", {"activeTargets": [], "droppedTargets": None})
        found = HttpPrometheus(web.url, session).discovered()
    assert (found.scraped, found.dropped) == (frozenset(), frozenset())
