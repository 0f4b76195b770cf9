"""What checks found, in forms that other programs read: SARIF, JUnit and Markdown. One model, three writers."""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, indent, tostring

Level = Literal["error", "warning", "note"]
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
#: XML has no way to write these, and programs' logs hold them.
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One check or rule."""

    id: str
    #: One line.
    title: str
    #: Paragraphs.
    help: str = ""
    #: Where its page is, from the root of the repository.
    page: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Something that was found."""

    rule: str
    level: Level
    #: One sentence.
    message: str
    #: The object: `container ai-grafana`.
    subject: str
    #: Whether the run fails by it.
    fails: bool
    evidence: tuple[str, ...] = ()
    #: What to do, and the command to paste.
    fix: str = ""
    command: str = ""
    file: str | None = None
    #: From 1.
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """A rule of which nothing could be told: neither passed nor failed."""

    rule: str
    reason: str
    #: Whether the rule itself is broken.
    crashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that one run tells. A rule without a result, unanswered or skipped, has passed."""

    #: `monops doctor`.
    tool: str
    version: str
    #: What was looked at: `the stack monitoring`.
    subject: str
    rules: tuple[Rule, ...]
    results: tuple[Result, ...] = ()
    unanswered: tuple[Unanswered, ...] = ()
    #: rule's id -> why it makes no sense here.
    skipped: Mapping[str, str]

    def every_rule(self) -> tuple[Rule, ...]:
        """The rules, and those that only a result names: nothing that was found may be lost for want of a title."""
        found = {rule.id: rule for rule in self.rules}
        for name in (*(one.rule for one in self.results), *(one.rule for one in self.unanswered)):
            found.setdefault(name, Rule(id=name, title=name))
        return tuple(found.values())


def written(report: Report, form: str) -> str:
    """The report as one document, with a new line at its end."""
    return {"sarif": as_sarif, "junit": as_junit, "markdown": as_markdown}[form](report)


# --- SARIF 2.1.0 ---------------------------------------------------------------------------------
# Source: docs.oasis-open.org/sarif/sarif/v2.1.0.


def as_sarif(report: Report) -> str:
    """For code scanning and editors. What could not be told is of the kind "open", what was left out is not there."""
    rules = report.every_rule()
    places = {rule.id: place for place, rule in enumerate(rules)}
    prints = _fingerprints(report.results)
    run = {
        "tool": {
            "driver": {
                "name": report.tool,
                "version": report.version,
                "rules": [_sarif_rule(rule) for rule in rules],
            }
        },
        "invocations": [_invocation(report)],
        "columnKind": "unicodeCodePoints",
        "results": [
            *(_sarif_result(one, places, print_) for one, print_ in zip(report.results, prints, strict=True)),
            *(_sarif_unanswered(one, places) for one in report.unanswered),
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    text = "\n\n".join(part for part in (rule.title, rule.help, rule.page and f"See {rule.page}") if part)
    return {"id": rule.id, "shortDescription": {"text": rule.title}, "help": {"text": text}}


def _sarif_result(one: Result, places: Mapping[str, int], fingerprint: str) -> dict[str, Any]:
    lines = [f"{one.subject}: {one.message}", *one.evidence]
    if one.fix:
        lines.append(f"Fix: {one.fix}" + (f" {one.command}" if one.command else ""))
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": one.subject, "kind": "resource"}]}
    if one.file is not None:
        physical: dict[str, Any] = {"artifactLocation": {"uri": quote(os.fsencode(one.file))}}
        if one.line is not None:
            physical["region"] = {"startLine": one.line}
        location["physicalLocation"] = physical
    return {
        "ruleId": one.rule,
        "ruleIndex": places[one.rule],
        "level": one.level,
        "message": {"text": "\n".join(lines)},
        "locations": [location],
        "partialFingerprints": {"monopsFinding/v1": fingerprint},
    }


def _sarif_unanswered(one: Unanswered, places: Mapping[str, int]) -> dict[str, Any]:
    return {
        "ruleId": one.rule,
        "ruleIndex": places[one.rule],
        "kind": "open",
        "level": "none",
        "message": {"text": f"This could not be told: {one.reason}"},
    }


def _invocation(report: Report) -> dict[str, Any]:
    notes = [
        {
            "descriptor": {"id": one.rule},
            "level": "error" if one.crashed else "warning",
            "message": {"text": f"{one.rule} {'crashed' if one.crashed else 'could not be told'}: {one.reason}"},
        }
        for one in report.unanswered
    ]
    return {
        "executionSuccessful": not any(one.crashed for one in report.unanswered),
        "toolExecutionNotifications": notes,
    }


def _fingerprints(results: Iterable[Result]) -> list[str]:
    """The same for the same trouble at each run: by rule and object, not by numbers in the message."""
    seen: Counter[tuple[str, str]] = Counter()
    prints = []
    for one in results:
        key = (one.rule, one.subject)
        text = "\x00".join((*key, str(seen[key])))
        seen[key] += 1
        prints.append(hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32])
    return prints


# --- JUnit ---------------------------------------------------------------------------------------


def as_junit(report: Report) -> str:
    """For CI servers: a test case for each rule. What could not be told is an error, never a pass."""
    unanswered = {one.rule: one for one in report.unanswered}
    suites: dict[str, list[Element]] = {}
    for rule in report.every_rule():
        group, _, name = rule.id.partition(".")
        case = Element("testcase", classname=f"{report.tool.replace(' ', '.')}.{group}", name=rule.id)
        found = [one for one in report.results if one.rule == rule.id]
        _fill(case, found, unanswered.get(rule.id), report.skipped.get(rule.id))
        suites.setdefault(group if name else report.tool, []).append(case)
    root = Element("testsuites", name=_xml(f"{report.tool}: {report.subject}"))
    _count(root, [case for cases in suites.values() for case in cases])
    for group, cases in suites.items():
        suite = SubElement(root, "testsuite", name=group)
        _count(suite, cases)
        suite.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
        suite.extend(cases)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _fill(case: Element, found: list[Result], unknown: Unanswered | None, skipped: str | None) -> None:
    failing = [one for one in found if one.fails]
    if unknown is not None:
        kind = "crashed" if unknown.crashed else "unknown"
        SubElement(case, "error", type=kind, message=_xml(unknown.reason))
    elif skipped is not None:
        SubElement(case, "skipped", message=_xml(skipped))
    elif failing:
        first = f"{failing[0].subject}: {failing[0].message}"
        more = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
        failure = SubElement(case, "failure", type=failing[0].level, message=_xml(first + more))
        failure.text = _xml("\n\n".join(_paragraph(one) for one in failing))
    rest = [one for one in found if not one.fails]
    if rest:
        SubElement(case, "system-out").text = _xml("\n\n".join(_paragraph(one) for one in rest))


def _count(element: Element, cases: list[Element]) -> None:
    element.set("tests", str(len(cases)))
    element.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    element.set("errors", str(sum(case.find("error") is not None for case in cases)))


def _paragraph(one: Result) -> str:
    place = f"{one.file}:{one.line}: " if one.file and one.line else f"{one.file}: " if one.file else ""
    lines = [f"{place}{one.level}: {one.subject}: {one.message}", *(f"  {line}" for line in one.evidence)]
    if one.fix:
        lines.append(f"  fix: {one.fix}")
    if one.command:
        lines.append(f"    {one.command}")
    return "\n".join(lines)


def _xml(text: str) -> str:
    return _NOT_IN_XML.sub("", text)


# --- Markdown ------------------------------------------------------------------------------------

_ORDER: tuple[Level, ...] = ("error", "warning", "note")


def as_markdown(report: Report) -> str:
    """To paste into an issue or a chat."""
    asked = len(report.every_rule()) - len(report.skipped)
    counts = Counter(one.level for one in report.results)
    said = [f"{counts[level]} {level}{'s' if counts[level] > 1 else ''}" for level in _ORDER if counts[level]]
    if report.unanswered:
        said.append(f"{len(report.unanswered)} could not be told")
    parts = [
        f"# {_text(report.tool)}: {_text(report.subject)}\n",
        f"{asked} asked: {', '.join(said) or 'nothing found'} ({_text(report.tool)} {_text(report.version)}).\n",
    ]
    if report.results:
        rows = sorted(report.results, key=lambda one: _ORDER.index(one.level))
        parts += ["| | what | why | what to do | check |", "| --- | --- | --- | --- | --- |"]
        parts += [_row(one) for one in rows]
        parts.append("")
    if report.unanswered:
        parts += ["## Could not be told\n", "| check | why |", "| --- | --- |"]
        parts += [f"| {_code(one.rule)} | {_text(one.reason)} |" for one in report.unanswered]
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def _row(one: Result) -> str:
    place = f" ({_code(one.file + (f':{one.line}' if one.line else ''))})" if one.file else ""
    fix = " ".join(part for part in (_text(one.fix), _code(one.command)) if part)
    return f"| {one.level} | {_text(one.subject)}{place} | {_text(one.message)} | {fix} | {_code(one.rule)} |"


def _text(text: str) -> str:
    """Words in a cell: on one line, and nothing in them is markup."""
    flat = " ".join(text.split())
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", html.escape(flat, quote=False))


def _code(text: str) -> str:
    """Code in a cell: fenced by more backticks than it has, its bars escaped as tables want it."""
    flat = " ".join(text.split()).replace("|", "\\|")
    if not flat:
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", flat)), default=0) + 1)
    space = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{space}{flat}{space}{fence}"
