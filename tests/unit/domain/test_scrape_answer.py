"""Why an answer is of no use: status, encryption, form, size."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.domain.test_scrape_cause import BLIND, beside, worker
from tests.unit.domain.test_scrape_error import CLASSES, down

from monops.checks._healthy import HEALTHY
from monops.domain.cause import Cause
from monops.domain.facts import Facts
from monops.domain.scrape_cause import root_cause


def cause(
    kind: str, facts: Facts = HEALTHY, *, url: str = "http://web:80/metrics", text: str = "", at: int = 0
) -> Cause:
    """The cause of the nth text of a class."""
    texts = [each for name, each in CLASSES if name == kind]
    return root_cause(down(url, text or texts[at]), facts)


def test_redis_itself_is_not_its_exporter() -> None:
    found = cause("not_http", url="http://redis:6379/metrics")
    assert "its exporter" in found.sentence
    assert found.fix.command == "monops targets add redis redis:6379"
    assert cause("conn.reset", url="http://redis:6379/metrics", at=1).sentence == found.sentence


def test_other_programs_without_http_are_told() -> None:
    text = 'Get "http://web:22/metrics": malformed HTTP response "SSH-2.0-x"'
    assert "SSH-2.0-x" in cause("not_http", url="http://web:22/metrics", text=text).sentence
    assert "PostgreSQL itself" in cause("not_http", url="http://web:5432/metrics", text=text).sentence


def test_a_wrong_scheme_is_told_both_ways() -> None:
    found = cause("not_http", at=1)
    assert found.kind == "tls.missing"
    assert "scheme: https" in found.fix.say
    assert "scheme: http in" in cause("tls.plain", url="https://web:80/metrics").fix.say


def test_certificates_are_told_with_their_names_and_times() -> None:
    assert "server_name: good.example" in cause("tls.name").fix.say
    assert "2026-11-22" in cause("tls.expired").sentence
    early = "x509: certificate has expired or is not yet valid: current time 2026-01-01T00:00:00Z is before 2027-01-01"
    assert "only" in cause("tls.expired", text=early).sentence


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("400 Bad Request", "http.status"),
        ("401 Unauthorized", "auth.missing"),
        ("403 Forbidden", "auth.refused"),
        ("404 Not Found", "http.path"),
        ("405 Method Not Allowed", "http.path"),
        ("302 Found", "http.redirect"),
        ("429 Too Many Requests", "http.status"),
        ("503 Service Unavailable", "http.status"),
    ],
)
def test_every_status_has_its_cause(status: str, kind: str) -> None:
    assert cause("http.status", text=f"server returned HTTP status {status}").kind == kind


def test_wrong_credentials_are_told_from_none() -> None:
    config = "scrape_configs:\n- job_name: browser-workers\n  basic_auth: {username: x, password: <secret>}\n"
    text = "server returned HTTP status 401 Unauthorized"
    assert cause("", replace(HEALTHY, prometheus_config=config), text=text).kind == "auth.wrong"
    assert "sends none" in cause("", text=text).sentence
    assert "none or wrong" in cause("", replace(HEALTHY, prometheus_config=BLIND), text=text).sentence


def test_an_error_of_the_program_leads_to_its_log() -> None:
    text = "server returned HTTP status 500 Internal Server Error"
    found = cause("", beside(worker()), url="http://browser-worker-1:9090/metrics", text=text)
    assert found.fix.command == "docker logs --tail 50 app-browser-worker-1"


def test_a_lost_connection_leads_to_the_container_s_log() -> None:
    found = cause("conn.reset", beside(worker(restarts=3)), url="http://browser-worker-1:9090/metrics")
    assert "https" in found.sentence
    assert any("3 restarts" in line for line in found.evidence)


def test_a_web_page_and_json_are_told_whatever_the_version() -> None:
    assert cause("ctype.bad").kind == "answer.html"
    assert cause("parse.html").kind == "answer.html"
    assert cause("parse.json").kind == "answer.json"
    assert cause("parse.start").kind == "answer.other"
    text = 'received unsupported Content-Type "application/json" and no fallback_scrape_protocol specified for target'
    found = cause("", text=text)
    assert found.kind == "answer.json"
    assert "fallback" not in found.fix.say


def test_a_missing_type_has_a_way_round() -> None:
    assert "fallback_scrape_protocol" in cause("ctype.blank").fix.say
    assert "fallback_scrape_protocol" in cause("ctype.bad", at=1).fix.say


def test_a_bad_line_is_shown() -> None:
    assert "'foo bar'" in cause("parse.value", at=1).sentence
    assert '"bar"' in cause("parse.value").sentence
    assert "foo{a=b" in cause("parse.label", at=1).sentence
    assert '"a" is there twice' in cause("parse.label", at=3).sentence
    assert '"x"' in cause("parse.type").sentence


def test_a_limit_is_told_with_the_metric_and_its_setting() -> None:
    assert "7 of 4, metric foo" in cause("limit.label").sentence
    assert "label instance" in cause("limit.label", at=1).sentence
    assert "raise label_value_length_limit" in cause("limit.label", at=2).fix.say
    config = "scrape_configs:\n- job_name: browser-workers\n  sample_limit: 10\n"
    found = cause("limit.sample", replace(HEALTHY, prometheus_config=config))
    assert "by sample_limit: 10" in found.sentence
    assert found.about == "job browser-workers"


def test_credentials_that_cannot_be_read_are_told_with_their_file() -> None:
    assert "/nope" in cause("auth.file").sentence
    assert "/p" in cause("auth.file", at=1).sentence


def test_no_password_of_an_address_is_shown() -> None:
    found = root_cause(down("http://web:80/metrics", 'Get "http://user:hunter2@web:80/metrics": EOF'), HEALTHY)
    assert "hunter2" not in " ".join(found.evidence)
