"""What the text of a failed scrape says: its class, and what the text names.

Source: prometheus/prometheus, scrape/scrape.go and model/textparse, 2.42 to 3.14; Go's net, net/http and crypto/tls.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeError:
    """The class of a text, and the parts of it that matter."""

    #: `tcp.refused`; `other` for a text that no class knows.
    kind: str
    text: str
    #: Part -> text: `address`, `port`, `line`, …
    parts: Mapping[str, str]


_LOOKUP = r"lookup (?P<name>\S+?)\.?(?: on (?P<server>\S+))?: "
_DIAL = r"dial tcp \[?(?P<address>[^\s\]]+?)\]?:(?P<port>\d+): "
_PARSING = r'(?:.*? while parsing: "(?P<line>.*)")?'
_TIMES = r"(?:: current time \S+ is (?P<side>\w+) (?P<time>\S+))?"
_METRIC = r"metric: (?P<metric>.+?), "
_LABEL = r"label name: (?P<label>.+?),.* length: (?P<count>\d+), limit: (?P<limit>\d+)"

#: In this order: the first that fits is the class.
_CLASSES: tuple[tuple[str, str], ...] = (
    ("auth.file", r"unable to read [\w ]+:? .*?(?P<file>/\S+?)?: (?P<why>no such file|permission)"),
    ("proxy", r"proxyconnect tcp: (?P<why>.*)"),
    ("dns.no_host", r"lookup (?P<name>\S+?)\.?(?: on (?P<server>127\.0\.0\.11:53))?: no such host"),
    ("dns.default_bridge", _LOOKUP + "no such host"),
    ("dns.misbehaving", _LOOKUP + "server misbehaving"),
    ("dns.timeout", _LOOKUP + r"(?:read udp .*|dial udp .*)?i/o timeout"),
    ("net.none", r"(?:" + _DIAL + r".*)?network is unreachable"),
    ("net.no_route", r"(?:" + _DIAL + r".*)?no route to host"),
    ("tcp.refused", _DIAL + "connect: connection refused"),
    ("tcp.timeout", _DIAL + r"(?:i/o timeout|connect: connection timed out)"),
    ("timeout.headers", r'^Get ".*": (?:context deadline exceeded|.*awaiting (?:response )?headers)'),
    ("timeout.body", r"^context deadline exceeded"),
    ("tls.client_certificate", r"remote error: tls: (?P<why>.*)"),
    ("conn.reset", r'connection reset by peer|broken pipe|^Get ".*": (?:unexpected )?EOF$|closed idle connection'),
    ("not_http", r"malformed HTTP (?:status code|response|version) (?P<answer>.*)"),
    ("tls.plain", r"first record does not look like a TLS handshake|server gave HTTP response to HTTPS client"),
    ("tls.unknown_ca", r"x509: certificate (?:signed by unknown authority|is not trusted)"),
    ("tls.name", r"x509: certificate is valid for (?P<valid>.+), not (?P<name>\S+)"),
    ("tls.name", r"x509: (?:cannot validate certificate for (?P<name>\S+)|certificate is not valid for any|.*Common)"),
    ("tls.expired", r"certificate has expired or is not yet valid" + _TIMES),
    ("tls.other", r"\b(?:tls|x509): (?P<why>.*)"),
    ("http.status", r"server returned HTTP status (?P<status>\d{3}.*)"),
    ("http.redirect", r"stopped after \d+ redirects"),
    ("ctype.blank", r"non-compliant scrape target sending blank Content-Type"),
    ("ctype.bad", r'(?:received unsupported|cannot parse) Content-Type "(?P<type>.*?)" and no fallback'),
    ("limit.sample", r"sample limit exceeded"),
    ("limit.bucket", r"histogram bucket limit exceeded"),
    ("limit.label", r"label_limit exceeded \(" + _METRIC + r"number of labels: (?P<count>\d+), limit: (?P<limit>\d+)"),
    ("limit.label", r"label_(?:name|value)_length_limit exceeded \(" + _METRIC + _LABEL),
    ("limit.target", r"target_limit exceeded \(number of targets: (?P<count>\d+), limit: (?P<limit>\d+)"),
    ("limit.body", r"body size limit exceeded"),
    ("series.invalid", r"missing metric name|invalid metric name or label names"),
    ("parse.html", r'got "<"|while parsing: "<'),
    ("parse.json", r'got "[{\[]"|while parsing: "(?P<line>[{\[].*)"'),
    ("parse.start", r'"INVALID" is not a valid start token|expected a valid start token' + _PARSING),
    ("parse.value", r'strconv\.Parse\w+: parsing (?P<value>".*?"): ' + _PARSING),
    ("parse.label", r"expected label|invalid UTF-8 label value: (?P<value>.*)"),
    ("parse.label", r'label name (?P<label>".*") is not unique'),
    ("parse.type", r"invalid metric type (?P<value>\".*?\")"),
    ("parse.om_eof", r"data does not end with # EOF"),
    ("parse.gzip", r"^unexpected EOF|gzip: invalid"),
    ("parse.other", r'while parsing: "(?P<line>.*)"|expected [\w ]+, got '),
    ("config", r"scrape timeout cannot be greater than scrape interval|invalid label value for|^no address"),
)  # fmt: skip
_COMPILED = tuple((kind, re.compile(pattern, re.DOTALL)) for kind, pattern in _CLASSES)
_LINE = re.compile(r'while parsing: "(?P<line>.*)"', re.DOTALL)


def classify(text: str) -> ScrapeError:
    """The class of `lastError`."""
    for kind, pattern in _COMPILED:
        if match := pattern.search(text):
            parts = {name: part for name, part in match.groupdict().items() if part}
            if "line" not in parts and (line := _LINE.search(text)):
                parts["line"] = line["line"]
            return ScrapeError(kind=kind, text=text, parts=parts)
    return ScrapeError(kind="other", text=text, parts={})
