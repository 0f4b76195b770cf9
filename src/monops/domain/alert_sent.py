"""An alert as Prometheus sends it: with the external labels, and relabelled.

Sources: prometheus/prometheus, notifier/manager.go (`relabelAlerts`) and model/relabel/relabel.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monops.domain.go_expression import go_expression
from monops.domain.prometheus_config import parsed

#: What Prometheus fills in and may leave out where it shows its configuration. The separator and the replacement it
#: shows with their usual values, and leaves out where they are empty.
_REGEX, _ACTION = "(.*)", "replace"
#: Groups in a replacement, as Go expands them.
_GROUP = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<braced>\w+)\}|(?P<plain>\w+))")


def labels_as_sent(config: str, labels: Mapping[str, str]) -> tuple[dict[str, str], ...]:
    """The labels with which an alert of a rule reaches each Alertmanager of a configuration in force.

    Nothing for those to which relabelling sends none. Raises ValueError with a sentence where that cannot be judged.
    """
    found = parsed(config)
    if not found:
        raise ValueError("Prometheus shows no configuration that can be read")
    external = _mapping(_mapping(found.get("global")).get("external_labels"))
    alerting = _mapping(found.get("alerting"))
    # One that is there and empty counts as none.
    own = {name: value for name, value in labels.items() if value}
    sent = _relabelled({**{str(name): _text(value) for name, value in external.items()}, **own}, alerting)
    if sent is None:
        return ()
    managers: Sequence[Any] = alerting.get("alertmanagers") or ({},)
    each = [_relabelled(sent, _mapping(manager)) for manager in managers]
    return tuple(labels for labels in each if labels is not None)


def _relabelled(labels: Mapping[str, str], section: Mapping[str, Any]) -> dict[str, str] | None:
    """After the rules of a section; None where they drop the alert. Raises ValueError."""
    current = dict(labels)
    for rule in section.get("alert_relabel_configs") or ():
        step = _step(current, _mapping(rule))
        if step is None:
            return None
        current = {name: value for name, value in step.items() if value}
    return current


def _step(labels: dict[str, str], rule: Mapping[str, Any]) -> dict[str, str] | None:
    action = _text(rule.get("action", _ACTION)).lower()
    # A full stop is a new line as well.
    pattern = go_expression(f"(?s:{_text(rule.get('regex', _REGEX))})")
    sources = [labels.get(_text(name), "") for name in rule.get("source_labels") or ()]
    value = _text(rule.get("separator")).join(sources)
    target = _text(rule.get("target_label"))
    replacement = _text(rule.get("replacement"))
    match = pattern.fullmatch(value)
    match action:
        case "keep" | "drop":
            return labels if (match is not None) is (action == "keep") else None
        case "keepequal" | "dropequal":
            return labels if (labels.get(target, "") == value) is (action == "keepequal") else None
        case "labeldrop":
            return {name: text for name, text in labels.items() if pattern.fullmatch(name) is None}
        case "labelkeep":
            return {name: text for name, text in labels.items() if pattern.fullmatch(name) is not None}
        case "labelmap":
            return labels | dict(_mapped(labels, pattern, replacement))
        case "lowercase" | "uppercase":
            return labels | {target: value.lower() if action == "lowercase" else value.upper()}
        case "replace":
            return labels if match is None else labels | {_filled(target, match): _filled(replacement, match)}
    raise ValueError(f"the action {action} of its alert_relabel_configs cannot be judged")


def _mapped(labels: Mapping[str, str], pattern: re.Pattern[str], replacement: str) -> Iterator[tuple[str, str]]:
    for name, text in labels.items():
        if (match := pattern.fullmatch(name)) is not None:
            yield _filled(replacement, match), text


def _filled(template: str, match: re.Match[str]) -> str:
    """With the groups put in; one that is not there is nothing. Source: pkg.go.dev/regexp, `Regexp.Expand`."""

    def fill(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        name = found["braced"] or found["plain"]
        if name.isdecimal():
            return (match[int(name)] or "") if int(name) <= match.re.groups else ""
        return match.groupdict().get(name) or ""

    return _GROUP.sub(fill, template)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    """What Prometheus reads where it wants a text. Null is none; a yes or no has lost how it was written."""
    if isinstance(value, bool):
        raise ValueError(f"a text of its configuration reads as {value}, so it cannot be judged")
    return "" if value is None else str(value)
