"""Every class of scrape error by its literal text, and that each has a cause with evidence and a fix."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from monops.checks._healthy import HEALTHY, NOW
from monops.checks._healthy import target as healthy_target
from monops.domain.facts import Facts, Target
from monops.domain.scrape_cause import root_cause
from monops.domain.scrape_error import classify

DNS = "127.0.0.11:53"

#: As written by Prometheus 3.5.3, and by 2.42 where that differs.
CLASSES = [
    ("dns.no_host", f'Get "http://web:80/metrics": dial tcp: lookup web on {DNS}: no such host'),
    ("dns.default_bridge", 'Get "http://web:80/metrics": dial tcp: lookup web on 10.0.0.2:53: no such host'),
    ("dns.misbehaving", f'Get "http://web:80/metrics": dial tcp: lookup web on {DNS}: server misbehaving'),
    (
        "dns.timeout",
        f'Get "http://web:80/metrics": dial tcp: lookup web on {DNS}: read udp 127.0.0.1:4->{DNS}: i/o timeout',
    ),
    (
        "net.none",
        'Get "http://[2001:db8::1]:80/metrics": dial tcp [2001:db8::1]:80: connect: network is unreachable',
    ),
    (
        "net.none",
        f'Get "http://web:80/": dial tcp: lookup web on {DNS}: dial udp {DNS}: connect: network is unreachable',
    ),
    ("net.no_route", 'Get "http://172.21.0.77:8000/": dial tcp 172.21.0.77:8000: connect: no route to host'),
    ("tcp.refused", 'Get "http://web:9999/metrics": dial tcp 172.21.0.2:9999: connect: connection refused'),
    ("tcp.refused", 'Get "http://localhost:8000/metrics": dial tcp [::1]:8000: connect: connection refused'),
    ("tcp.timeout", 'Get "http://172.20.0.2:9100/metrics": dial tcp 172.20.0.2:9100: i/o timeout'),
    ("timeout.headers", 'Get "http://web:80/metrics": context deadline exceeded'),
    ("timeout.body", "context deadline exceeded"),
    ("conn.reset", 'Get "http://web:80/": read tcp 172.21.0.3:43348->172.21.0.2:80: read: connection reset by peer'),
    ("conn.reset", 'Get "http://web:80/": EOF'),
    ("conn.reset", 'Get "https://web:80/": write tcp 172.21.0.3:5->172.21.0.2:80: write: connection reset by peer'),
    (
        "not_http",
        (
            'Get "http://redis:6379/metrics": net/http: HTTP/1.x transport connection broken: malformed HTTP status '
            'code "wrong"'
        ),
    ),
    ("not_http", 'Get "http://web:80/": malformed HTTP response "\\x15\\x03\\x01\\x00\\x02\\x02\\x16"'),
    ("tls.plain", 'Get "https://web:80/metrics": tls: first record does not look like a TLS handshake'),
    ("tls.plain", 'Get "https://web:80/metrics": http: server gave HTTP response to HTTPS client'),
    ("tls.unknown_ca", 'Get "https://web/": x509: certificate signed by unknown authority'),
    (
        "tls.name",
        'Get "https://web/": tls: failed to verify certificate: x509: certificate is valid for good.example, not web',
    ),
    (
        "tls.name",
        'Get "https://1.2.3.4/": x509: cannot validate certificate for 1.2.3.4 because it doesn\'t contain any IP SANs',
    ),
    (
        "tls.expired",
        (
            'Get "https://web/": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: '
            "current time 2026-11-23T06:26:16Z is after 2026-11-22T06:24:13Z"
        ),
    ),
    ("tls.client_certificate", 'Get "https://web/": remote error: tls: certificate required'),
    ("tls.other", 'Get "https://web/": tls: no cipher suite supported by both client and server'),
    ("http.status", "server returned HTTP status 404 Not Found"),
    ("http.redirect", 'Get "/redirect": stopped after 10 redirects'),
    (
        "ctype.blank",
        "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target",
    ),
    (
        "ctype.bad",
        (
            'received unsupported Content-Type "text/html; charset=utf-8" and no fallback_scrape_protocol specified '
            "for target"
        ),
    ),
    (
        "ctype.bad",
        'cannot parse Content-Type "text; =" and no fallback_scrape_protocol for target\nmime: invalid media parameter',
    ),
    ("parse.start", '"INVALID" is not a valid start token'),
    ("parse.html", 'expected a valid start token, got "<" ("INVALID") while parsing: "<"'),
    ("parse.json", 'expected equal, got ":" ("INVALID") while parsing: "{\\"a\\":"'),
    ("parse.value", 'strconv.ParseFloat: parsing "bar": invalid syntax'),
    ("parse.value", 'strconv.ParseFloat: parsing "bar": invalid syntax while parsing: "foo bar"'),
    ("parse.label", 'expected label value, got "INVALID"'),
    ("parse.label", 'expected label value, got "b" ("INVALID") while parsing: "foo{a=b"'),
    ("parse.label", 'invalid UTF-8 label value: "\\"\\xff\\xfe\\""'),
    ("parse.label", 'label name "a" is not unique: invalid sample'),
    ("parse.type", 'invalid metric type "x"'),
    ("parse.om_eof", "data does not end with # EOF"),
    ("parse.gzip", "unexpected EOF"),
    ("parse.gzip", "gzip: invalid header"),
    ("limit.sample", "sample limit exceeded"),
    ("limit.bucket", "histogram bucket limit exceeded"),
    ("limit.label", "label_limit exceeded (metric: foo, number of labels: 7, limit: 4)"),
    ("limit.label", "label_name_length_limit exceeded (metric: foo, label name: instance, length: 13, limit: 8)"),
    (
        "limit.label",
        'label_value_length_limit exceeded (metric: foo, label name: instance, value: "web:80", length: 13, limit: 4)',
    ),
    ("limit.target", "target_limit exceeded (number of targets: 2, limit: 1)"),
    ("limit.body", "body size limit exceeded"),
    ("series.invalid", "missing metric name (__name__ label)"),
    ("series.invalid", "invalid metric name or label names: {a b}"),
    (
        "auth.file",
        (
            'Get "http://web/": unable to read authorization credentials: unable to read file /nope: open /nope: no '
            "such file or directory"
        ),
    ),
    ("auth.file", 'Get "http://web/": unable to read basic auth password: open /p: permission denied'),
    ("proxy", f'Get "http://web/": proxyconnect tcp: dial tcp: lookup nope on {DNS}: no such host'),
    ("config", 'scrape timeout cannot be greater than scrape interval ("15s" > "10s")'),
    ("other", "something that nobody has seen"),
]


def down(url: str, text: str, **changes: Any) -> Target:
    """A target of the file browser-workers.yml that is down."""
    address = url.split("/")[2]
    found = healthy_target("browser-workers", address, address, url=url, health="down", last_error=text)
    there = {**found.discovered, "__meta_filepath": "/etc/prometheus/targets/browser-workers.yml"}
    return replace(found, discovered=there, **changes)


@pytest.mark.parametrize(("kind", "text"), CLASSES)
def test_a_text_has_its_class(kind: str, text: str) -> None:
    assert classify(text).kind == kind


@pytest.mark.parametrize("facts", [HEALTHY, Facts(now=NOW, project="monitoring")], ids=["all known", "nothing known"])
@pytest.mark.parametrize("text", [text for _, text in CLASSES])
def test_every_text_has_a_sentence_evidence_and_a_fix(text: str, facts: Facts) -> None:
    found = root_cause(down("http://web:80/metrics", text), facts)
    assert found.sentence
    assert not found.sentence.endswith(".")
    assert "\n" not in found.sentence
    assert found.about
    assert any(text.splitlines()[0] in line for line in found.evidence)
    assert found.fix.say.endswith(".")
    assert found.fix.command
