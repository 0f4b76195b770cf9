"""The test of every data source succeeds.

It is Grafana's own: what the button "Save & test" does. Where it fails, every panel on that data source is empty or
shows an error. The message and the containers together tell a wrong name from a wrong port and a wrong password.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from monops.checks._addresses import why_not_there
from monops.checks._alerting import tidy
from monops.checks.grafana_data_source_url import is_own_address, with_source
from monops.domain.check import Check, Sick
from monops.domain.facts import DataSource, Facts, known
from monops.domain.finding import Finding, Fix, Severity

#: Words of the message -> what they mean. The first that is found counts.
_MEANING = (
    ("no such host", "its name does not resolve from Grafana's container"),
    ("server misbehaving", "its name does not resolve from Grafana's container"),
    ("connection refused", "nothing listens at its address"),
    ("no route to host", "Grafana and it share no network"),
    ("network is unreachable", "Grafana and it share no network"),
    ("i/o timeout", "it does not answer: Grafana and it share no network, or a firewall is between"),
    ("deadline exceeded", "it does not answer in time"),
    ("timeout", "it does not answer in time"),
    ("unsupported protocol scheme", "its address has no http:// before it"),
    ("certificate", "its certificate is not trusted"),
    ("HTTP response to HTTPS client", "its address says https and it speaks http"),
    ("401", "it wants a password that Grafana does not have"),
    ("403", "it does not let Grafana in"),
    ("404", "something else than it is at its address, or its path is wrong"),
    ("503", "it is not ready yet"),
    ("502", "a proxy before it does not reach it"),
)


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each data source whose test fails."""
    for source in known(facts.grafana_data_sources):
        # With Grafana's own address it cannot succeed: another check says so.
        if source.health == "ERROR" and not is_own_address(facts, source):
            yield Finding(
                severity=Severity.ERROR,
                subject=f"data source {source.name}",
                cause=_why(facts, source),
                evidence=(
                    f"/api/datasources/uid/{source.uid}/health: {tidy(source.message) or 'ERROR, no message'}",
                    f"/api/datasources: url {tidy(source.url)}",
                ),
                fix=Fix(
                    say="Mend its url in grafana/provisioning/datasources and restart Grafana, or start what it asks.",
                    command="monops stack status",
                ),
            )


def _why(facts: Facts, source: DataSource) -> str:
    try:
        parts = urlsplit(source.url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "its url is none"
    found = why_not_there(facts, host, port, meant=source.type, asker="grafana")
    if found:
        return found
    return next((why for words, why in _MEANING if words in source.message), "Grafana's test of it fails")


def _failing(facts: Facts, message: str, url: str = "http://prometheus:9090") -> Facts:
    text = f"{message} - There was an error returned querying the Prometheus API."
    return with_source(facts, health="ERROR", message=text, url=url, up_series=None)


CHECK = Check(
    id="grafana.data_source_health",
    well="the test of every data source succeeds",
    reads=("grafana_data_sources", "containers"),
    looks_at=("neighbours",),
    needs=("grafana",),
    judge=judge,
    sick=(
        Sick(
            what="a mistyped name",
            facts=lambda facts: _failing(facts, "dial tcp: lookup promtheus: no such host", "http://promtheus:9090"),
            severity=Severity.ERROR,
            says="Did you mean 'prometheus'?",
        ),
        Sick(
            what="a wrong port",
            facts=lambda facts: _failing(facts, "connect: connection refused", "http://prometheus:9091"),
            severity=Severity.ERROR,
            says="nothing listens on port 9091",
        ),
        Sick(
            what="a network that the two do not share",
            facts=lambda facts: _failing(facts, "dial tcp 172.20.0.2:9090: i/o timeout"),
            severity=Severity.ERROR,
            says="share no network",
        ),
        Sick(
            what="a message that nobody has met",
            facts=lambda facts: _failing(facts, "something new"),
            severity=Severity.ERROR,
            says="Grafana's test of it fails",
        ),
    ),
)
