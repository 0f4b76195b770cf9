"""What a probe means beside what Prometheus says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from monops.checks._healthy import AT, NOW, target
from monops.domain.facts import Target
from monops.domain.probing import Probed, Probing, Task, Verdict, judged, seen, tasks_of, unsent

UP = target("app", "app:9090", "app:9090")
NO_HOST = 'Get "http://app:9090/metrics": dial tcp: lookup app on 127.0.0.11:53: no such host'
REFUSED = 'Get "http://app:9090/metrics": dial tcp 172.20.0.9:9090: connect: connection refused'
SLOW = 'Get "http://app:9090/metrics": context deadline exceeded'


def down(text: str, **changes: Any) -> Target:
    return replace(UP, health="down", last_error=text, **changes)


CONNECTED = Probed(dns="ok", addresses=("172.20.0.9",), tcp="ok", address="172.20.0.9:9090", seconds=0.012)
WELL = replace(CONNECTED, http="ok", status=200, content_type="text/plain; version=0.0.4", samples=42)
UNRESOLVED = Probed(dns="failed", error="no such host")
NOBODY = replace(CONNECTED, tcp="refused", error="Connection refused")
SILENT = replace(CONNECTED, tcp="timeout", error="timed out")
REDIS = replace(CONNECTED, http="not_http", beginning="-ERR unknown command")
HANGS = replace(CONNECTED, http="timeout", seconds=5.0)
MISSING = replace(WELL, status=404, samples=1)
LOGIN = replace(WELL, content_type="text/html; charset=utf-8", samples=1, beginning="<html>login</html>")
EMPTY = replace(WELL, samples=0)


def verdict(one: Target, probed: Probed | None, **section: Any) -> Verdict:
    found = {} if probed is None else {one.url: probed}
    return judged(one, Probing(way="namespace", found=found), section, NOW)


@pytest.mark.parametrize(
    ("probed", "stage"),
    [
        (WELL, ""), (UNRESOLVED, "dns"), (NOBODY, "tcp"), (SILENT, "tcp"), (REDIS, "http"), (HANGS, "http"),
        (MISSING, "status"), (LOGIN, "metrics"), (EMPTY, "metrics"), (replace(CONNECTED, tls="failed"), "tls"),
        (replace(WELL, content_type=""), ""), (Probed(), "dns"),
    ],
)  # fmt: skip
def test_the_first_step_that_fails(probed: Probed, stage: str) -> None:
    assert probed.stage == stage
    assert seen(UP, probed)


@pytest.mark.parametrize(
    ("one", "probed", "answers", "says"),
    [
        (UP, WELL, True, "it answers, as Prometheus says: 42 samples in 12 ms"),
        (UP, NOBODY, False, "Prometheus says up by its last scrape 5 s ago, but now app is there, and nothing listens"),
        (down(REFUSED), WELL, True, "Prometheus says down since its last scrape 5 s ago, but it answers now: 42"),
        (down(REFUSED), NOBODY, False, "as Prometheus says: app is there, and nothing listens on port 9090"),
        (down(NO_HOST), UNRESOLVED, False, "as Prometheus says: the name app does not resolve"),
        (down(NO_HOST), NOBODY, False, "at its last scrape 5 s ago it failed otherwise: Get "),
        (down(NO_HOST, last_scrape=0.0), WELL, True, "since its last scrape before, but it answers now"),
        (down(SLOW, timeout=2.0), replace(WELL, seconds=1.9), True, "only too slowly for the scrape_timeout of 2 s"),
        (down(SLOW), WELL, True, "but it answers now"),
        (down("sample limit exceeded"), WELL, True, "does not take the answer: sample limit exceeded"),
        (down("server returned HTTP status 404 Not Found"), MISSING, False, "as Prometheus says: HTTP 404 for /metr"),
        (replace(UP, health="unknown"), WELL, True, "has not scraped it yet; it answers: 42 samples"),
        (replace(UP, health="unknown"), NOBODY, False, "has not scraped it yet; app is there, and nothing listens"),
        (UP, LOGIN, False, "text/html, which begins '<html>login</html>'"),
        (UP, REDIS, False, "answers, and not in HTTP: '-ERR unknown command'"),
    ],
)
def test_the_probe_is_joined_with_what_prometheus_says(one: Target, probed: Probed, answers: bool, says: str) -> None:
    found = verdict(one, probed)
    assert found.answers is answers
    assert says in found.sentence
    assert not found.sentence.endswith(".")


def test_what_could_not_be_asked_is_unknown() -> None:
    assert verdict(UP, None).answers is None
    assert verdict(UP, None).sentence.startswith("unknown: ")
    cannot = Probing(way="", found={}, why_not="only root may enter")
    assert judged(UP, cannot, {}, NOW).sentence == "unknown: it could not be asked, only root may enter"


def test_a_refusal_of_who_sends_no_credentials_proves_nothing() -> None:
    refused = replace(MISSING, status=401)
    assert verdict(UP, refused).answers is False
    found = verdict(UP, refused, basic_auth={"username": "x", "password": "<secret>"})
    assert found.answers is None
    assert "asked without the job's credentials" in found.sentence
    assert verdict(UP, SILENT, proxy_url="http://proxy:3128").answers is None
    assert verdict(UP, WELL, proxy_url="http://proxy:3128").answers is True
    assert unsent({"basic_auth": {}, "authorization": {"credentials": "<secret>"}}) == ("credentials",)


def test_secrets_in_an_address_are_not_shown() -> None:
    one = replace(UP, url="http://app:9090/metrics?token=hunter2-and-more")
    for probed in (MISSING, LOGIN):
        assert "hunter2" not in verdict(one, probed).sentence


def test_each_address_is_asked_once() -> None:
    slow = replace(UP, instance="other", timeout=60.0)
    one = replace(UP, job="tls", url="https://app/metrics?a=b", timeout=2.0)
    tasks = tasks_of([UP, slow, one], {"tls": {"tls_config": {"server_name": "app.example"}}})
    assert [task.url for task in tasks] == [UP.url, one.url]
    assert [task.within for task in tasks] == [10.0, 2.0]
    assert [(t.host, t.port, t.path, t.is_encrypted, t.server_name) for t in tasks] == [
        ("app", 9090, "/metrics", False, ""),
        ("app", 443, "/metrics?a=b", True, "app.example"),
    ]
    assert Task(url="http://[fd00::1]:9090/metrics").host == "fd00::1"
    assert Task(url="http://app:99999/metrics").port == 0
    assert AT > 0
