"""No receiver in use has an example where its address should be.

Configurations begin as copies: `admin@example.com`, `<webhook-id>`, `changeme`. Alertmanager sends there without a
word. Only receivers that a route leads to are looked at, in the configuration in force and in the file, where addresses
are not hidden. What is found is named by its setting, and never shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from monops.checks._alerting import container_of, receivers_in_use, routing_of, with_routing
from monops.checks._reading import flag
from monops.checks.alertmanager_config_reload import CONFIG_FILE
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Unknown, known
from monops.domain.finding import Finding, Fix, Severity
from monops.domain.routing import Routing, read_routing

_PLACEHOLDER = re.compile(
    r"(?P<word>\bexample\.(?:com|org|net)\b|change[-_ ]?me\b|<(?!secret>)[a-z][\w -]*>|\byour[-_ ]\w+|x{4,}"
    r"|\bplaceholder\b|\bT0{6,}/B0{6,}\b)",
    re.IGNORECASE,
)
#: Settings that say where to; texts and titles may hold anything.
_WHERE = (
    "to", "from", "smarthost", "auth_username", "url", "api_url", "webhook_url", "channel", "room_id", "chat_id",
    "user_key", "token", "routing_key", "service_key", "api_key", "bot_token",
)  # fmt: skip


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each receiver."""
    found: dict[str, list[str]] = {}
    for routing in _routings(facts):
        for name in sorted(receivers_in_use(routing)):
            receiver = routing.receivers.get(name)
            for kind, settings in receiver.integrations if receiver is not None else ():
                found.setdefault(name, []).extend(f"{kind}: {one}" for one in _examples(settings))
    for name, examples in found.items():
        if examples:
            yield Finding(
                severity=Severity.ERROR,
                subject=f"receiver {name}",
                cause="an example stands where its address should be, so what is sent there reaches nobody",
                evidence=tuple(f"alertmanager.yml: {one}" for one in dict.fromkeys(examples)),
                fix=Fix(
                    say=f"Put the real values of {name} into alertmanager.yml or its secrets, and reload Alertmanager."
                ),
            )


def _routings(facts: Facts) -> Iterator[Routing]:
    yield routing_of(facts)
    if isinstance(facts.container_files, Unknown):
        return
    one = container_of(facts, "alertmanager")
    path = (flag(one, "config.file") if one is not None else None) or CONFIG_FILE
    try:
        yield read_routing(facts.container_files.get(f"alertmanager:{path}", ""))
    except ValueError:
        return


def _examples(settings: Mapping[str, Any]) -> Iterator[str]:
    for name in _WHERE:
        match = _PLACEHOLDER.search(str(settings.get(name) or ""))
        if match:
            yield f"{name} has {match['word']} in it"


def _mail(facts: Facts, to: str) -> Facts:
    email = f"- name: webhook\n  email_configs:\n  - {{to: {to}, smarthost: mail.intern:25}}\n"
    return with_routing(facts, "- name: webhook\n", email)


def _in_the_file(facts: Facts) -> Facts:
    url = "https://hooks.slack.com/services/T00000000/B00000000/XXXX"
    text = _mail(facts, "a@b.c").alertmanager_status
    config = known(text).config.replace("email_configs:\n  - {to: a@b.c, ", f"slack_configs:\n  - {{api_url: '{url}', ")
    return replace(facts, container_files={**known(facts.container_files), f"alertmanager:{CONFIG_FILE}": config})


CHECK = Check(
    id="alertmanager.placeholders",
    well="no receiver in use has an example for its address",
    reads=("alertmanager_status",),
    looks_at=("container_files",),
    needs=("alertmanager",),
    judge=judge,
    # An unused receiver may keep its example.
    healthy=lambda facts: with_routing(
        facts, "receivers:\n", "receivers:\n- name: unused\n  email_configs: [{to: admin@example.com}]\n"
    ),
    sick=(
        Sick(
            what="mail to an example",
            facts=lambda facts: _mail(facts, "admin@example.com"),
            severity=Severity.ERROR,
            says="an example stands where its address should be",
        ),
        Sick(
            what="an example that is hidden in the configuration in force",
            facts=_in_the_file,
            severity=Severity.ERROR,
            says="an example stands where its address should be",
        ),
    ),
)
