"""Every alert has a page that says what its rule says, and whose commands can be pasted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from monops.domain.units import parse_duration
from monops.stack.alerts import alerts, records
from monops.stack.alerts.model import Alert
from monops.stack.metrics import BACKUP_METRICS, CONTRACT
from monops.stack.runbook_page import as_html, index_html
from monops.stack.runbooks import pages

PAGES = pages()
ALERTS = {alert.name: alert for alert in alerts()}
HEADINGS = ("Meaning", "Impact", "Diagnosis", "Mitigation")
#: What a page may call: the words behind `monops`, and whether more words follow.
COMMANDS = {
    "stack status": False,
    "stack logs": True,
    "stack restart": True,
    "stack up": False,
    "stack pull": False,
    "stack config": False,
    "limits recommend": False,
    "limits set": True,
    "query": True,
    "alerts list": False,
    "targets add": True,
    "backup": False,
    "snapshots": False,
    "verify": True,
    "restore": True,
    "config check": False,
}
SERVICES = {"prometheus", "grafana", "alertmanager", "node-exporter", "redis-exporter", "cadvisor"}
CONTAINERS = {f"ai-{service}" for service in SERVICES}
#: What changes something, which only a mitigation may.
CHANGING = re.compile(
    r"\b(restart|docker kill|prune|rm|truncate|chown|POST|stop|update|monops (backup|targets add|restore))\b"
    r"|\b(up -d|stack (up|pull))\b"
)
#: Metrics that others define, by how their names begin.
FOREIGN = re.compile(
    r"(up|ALERTS|timestamp)$|(node|container|redis|prometheus|alertmanager)_\w+$|(bullmq|requests|request|api)_\w+_count$"
)
WORDS = {"m": "minute", "h": "hour", "d": "day", "s": "second"}

every_page = pytest.mark.parametrize("name", PAGES)


def _section(name: str, heading: str) -> str:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGES[name], re.MULTILINE | re.DOTALL)
    assert found, f"{name} has no {heading}"
    return found[1]


def _plain(text: str) -> str:
    return " ".join(text.split())


def _fences(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def _commands(name: str) -> Iterator[str]:
    """Every line of a fence, and every command in the text that can be pasted."""
    for fence in _fences(PAGES[name]):
        yield from fence.strip().splitlines()
    prose = re.sub(r"^```.*?^```$", "", PAGES[name], flags=re.MULTILINE | re.DOTALL)
    for span in re.findall(r"`([^`]+)`", prose):
        if re.match(r"(monops|docker|curl|sudo) ", span):
            yield _plain(span)


def _words_of(duration: str) -> str:
    found = re.fullmatch(r"(\d+)([smhd])", duration)
    assert found, duration
    return f"{found[1]} {WORDS[found[2]]}{'' if found[1] == '1' else 's'}"


def _thresholds(alert: Alert) -> Iterator[str]:
    """The limits of a rule as its page has to write them: `> 0.80` is "80%", `> 26 * 3600` is "26 hours"."""
    bare = re.sub(r"\{[^}]*\}", "", alert.expr)
    for first, number, times in re.findall(r"(?:^|\s)(\d+) <|[<>=]=?\s+(\d[\d.]*)(?:\s*\*\s*(\d+))?", bare):
        if times:
            assert times == "3600"
            yield f"{number} hours"
        elif ":ratio" in alert.expr:
            yield f"{float(number):.0%}"
        else:
            yield first or number


def _without_strings(promql: str) -> str:
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', promql)


def _queries(name: str) -> list[str]:
    found = (shlex.split(line) for line in _commands(name) if line.startswith("monops query "))
    return [words[2] for words in found]


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert set(PAGES) == set(ALERTS)
    assert list(PAGES) == sorted(PAGES)


@every_page
def test_a_page_has_the_fixed_headings_and_is_short(name: str) -> None:
    text = PAGES[name]
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"^#+ .*$", outside, re.MULTILINE) == [f"# {name}", *(f"## {heading}" for heading in HEADINGS)]
    assert all(_section(name, heading).strip() for heading in HEADINGS)
    assert 25 <= len(text.splitlines()) <= 60
    assert text.endswith("\n")


@every_page
def test_a_page_says_the_limits_and_times_of_its_rule(name: str) -> None:
    alert = ALERTS[name]
    meaning = _plain(_section(name, "Meaning"))
    for limit in _thresholds(alert):
        assert re.search(rf"(?<![\d.]){re.escape(limit)}(?![\d.]*\d)", meaning), f"{limit} is not in: {meaning}"
    windows = re.findall(r"\[(\w+)\]", alert.expr) + ["5m"] * ("rate5m" in alert.expr)
    for duration in filter(None, (alert.holds_for, *windows)):
        assert parse_duration(duration).total_seconds() > 0
        assert _words_of(duration) in meaning
    assert bool(alert.holds_for) != ("at once" in meaning)
    assert f"Severity {alert.severity}, for the {alert.team} team" in meaning


def test_every_rule_with_a_limit_is_understood() -> None:
    without = {name for name, alert in ALERTS.items() if not list(_thresholds(alert))}
    assert without == {"Watchdog", "BackupMissing"}
    assert list(_thresholds(ALERTS["SessionExpiringSoon"])) == ["0", "24 hours"]
    assert list(_thresholds(ALERTS["QuotaExceeded"])) == ["100%"]


@every_page
def test_diagnosis_asks_about_what_the_rule_measures_and_changes_nothing(name: str) -> None:
    fences = _fences(_section(name, "Diagnosis"))
    assert any("monops query" in fence for fence in fences)
    measured = set(re.findall(r"[a-z][\w:]*_[\w:]+|^up\b", re.sub(r"\{.*?\}|\bby \(.*?\)", "", ALERTS[name].expr)))
    if name != "Watchdog":
        assert (
            any(re.search(rf"\b{re.escape(metric)}\b", PAGES[name]) for metric in measured) or "__name__" in PAGES[name]
        )
    assert not [fence for fence in fences if CHANGING.search(fence)]


@every_page
def test_only_commands_that_monops_has_are_used(name: str) -> None:
    for line in _commands(name):
        for words in re.findall(r"\bmonops ([a-z].*)", line):
            used = [command for command in COMMANDS if re.match(rf"{command}\b", words)]
            assert used, f"{name}: monops {words}"
            rest = words.removeprefix(used[0]).strip()
            assert bool(rest) == COMMANDS[used[0]] or not rest, f"{name}: monops {words}"
            service = re.match(r"stack (?:logs|restart) (\S+)", words)
            assert not service or service[1] in {*SERVICES, "SERVICE"}, f"{name}: {line}"


@every_page
def test_nothing_that_deletes_data_can_be_pasted(name: str) -> None:
    deletes = re.compile(r"--volumes|\bdown -|volume (rm|prune)|system prune|\brm -|FLUSHALL")
    assert not any(deletes.search(fence) for fence in _fences(PAGES[name]))
    for sentence in re.split(r"(?<=[.:])\s", PAGES[name]):
        assert not deletes.search(sentence) or "never" in sentence.lower(), sentence


@every_page
def test_queries_are_whole_and_name_metrics_that_are_there(name: str) -> None:
    ours = {series for metric in (*CONTRACT, *BACKUP_METRICS) for series in metric.series}
    ours |= {record.name for record in records()}
    for query in _queries(name):
        bare = _without_strings(query)
        open_now: list[str] = []
        for mark in re.findall(r"[()\[\]{}]", bare):
            if mark in "([{":
                open_now.append(mark)
            else:
                assert open_now, query
                assert open_now.pop() + mark in ("()", "[]", "{}"), query
        assert not open_now, query
        assert query.count('"') % 2 == 0, query
        selectors = re.sub(r"\{[^}]*\}|\b(by|without|on|ignoring) \([^)]*\)|\[[^\]]*\]", " ", bare)
        for metric in re.findall(r"[a-zA-Z_][\w:]*(?![\w:]*\s*\()", selectors):
            assert metric in ours or FOREIGN.match(metric) or metric == "time", f"{metric} in {query}"


@every_page
def test_containers_and_files_are_those_of_the_stack(name: str) -> None:
    assert set(re.findall(r"(?<![\w-])ai-[\w-]+", PAGES[name])) <= CONTAINERS
    assert not re.search(r"localhost:(?!9090|9093|3001|8080)", PAGES[name])
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[name]):
        assert target.removesuffix(".md") in PAGES, target


@every_page
def test_fences_are_shell_and_can_be_read_by_a_shell(name: str) -> None:
    assert len(re.findall(r"^```", PAGES[name], re.MULTILINE)) == 2 * len(_fences(PAGES[name]))
    for fence in _fences(PAGES[name]):
        for line in fence.strip().splitlines():
            assert shlex.split(line), line


class _Elements(HTMLParser):
    """Which elements a page has, that they are closed in order, and where it leads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open_now: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(html)
        self.close()
        assert not self.open_now, self.open_now

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in ("meta", "br", "hr", "img", "link"):
            self.open_now.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open_now
        assert self.open_now.pop() == tag


@every_page
def test_every_page_becomes_html_that_needs_nothing_from_outside(name: str) -> None:
    html = as_html(name, PAGES[name])
    found = _Elements(html)
    assert {"title", "style", "main", "h1", "pre"} <= found.names
    assert not found.names & {"script", "link", "img", "iframe"}
    assert found.links[0] == "index.html"
    assert set(found.links) <= {"index.html", *(f"{other}.html" for other in PAGES)}
    assert "url(" not in html
    assert "@import" not in html
    assert f"<title>{name} " in html
    assert html.count("<pre>") == len(_fences(PAGES[name]))


def test_html_in_a_page_is_shown_not_passed_through() -> None:
    html = as_html(
        "A<b", "# A\n\n<script>alert(1)</script>\n\ntext <img src=x onerror=y> [link](javascript:alert(1))\n"
    )
    assert "&lt;script&gt;" in html
    assert not _Elements(html).names & {"script", "img"}
    assert _Elements(html).links == ["index.html"]
    assert "<title>A&lt;b" in html


def test_only_links_to_other_pages_are_rewritten() -> None:
    html = as_html("A", "[a](B.md) [b](https://example.org/C.md) `D.md`\n")
    assert _Elements(html).links == ["index.html", "B.html", "https://example.org/C.md"]
    assert "D.md" in html


def test_the_index_links_every_page_by_group_with_what_the_alert_says() -> None:
    html = index_html((*PAGES, "MyOwn"))
    links = _Elements(html).links
    assert sorted(links) == sorted(f"{name}.html" for name in (*PAGES, "MyOwn"))
    assert links[-1] == "MyOwn.html"
    assert "Processor of <var>instance</var> is busy" in html
    assert "{{" not in html


def test_the_index_shows_only_what_is_there() -> None:
    html = index_html(["Watchdog"])
    assert _Elements(html).links == ["Watchdog.html"]
    assert "<h2>System</h2>" not in html
