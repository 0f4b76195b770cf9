"""Secrets that are written out in configuration files: where they are, never what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import yaml

from monops.domain.yaml_text import FastLoader

#: Keys of Prometheus's and Alertmanager's configuration whose values are secret, and have a sister with `_file`.
_KEYS = frozenset({
    "password", "bearer_token", "credentials", "client_secret", "api_key", "api_secret", "routing_key", "service_key",
    "auth_token", "bot_token", "secret_key", "smtp_auth_password", "smtp_auth_secret", "slack_api_url",
    "opsgenie_api_key", "victorops_api_key", "webhook_url", "user_key", "token",
})  # fmt: skip
#: Hosts whose URLs let anybody write who knows them.
_HOOKS = re.compile(r"https://(hooks\.slack\.com|discord(app)?\.com/api/webhooks|[\w.-]*webhook\.office\.com)/")
#: A password inside a URL that is not a variable's.
_URL_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^:/@\s]*:(?!\$)[^/\s@]+@", re.IGNORECASE)
#: Variables and flags whose values are secret. Narrower than what is removed from texts: this is an accusation.
_NAME = re.compile(
    r"(pass|passwd|password|requirepass|secret|secret_?key|token|api_?key|access_?key|webhook_url)$", re.I
)
_PLAIN = ("", "true", "false", "yes", "no", "on", "off", "none", "null")


class _Lenient(FastLoader):  # type: ignore[misc]
    """Compose has tags of its own: !reset, !override."""


_Lenient.add_multi_constructor("!", lambda *_: None)


@lru_cache(maxsize=64)
def parsed(text: str) -> Mapping[str, Any]:
    """A configuration file as a mapping; empty for what is none."""
    try:
        found = yaml.load(text, Loader=_Lenient)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, Mapping) else {}


def written_out(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, key) of every secret in the configuration of Prometheus or Alertmanager."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            where = f"{path}.{key}" if path else str(key)
            if isinstance(inner, str):
                if _is_secret(str(key), inner):
                    yield where, str(key)
            else:
                yield from written_out(inner, where)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if isinstance(inner, str):
                if _URL_PASSWORD.search(inner):
                    yield f"{path}[{index}]", "password"
            else:
                yield from written_out(inner, f"{path}[{index}]")


def _is_secret(key: str, value: str) -> bool:
    if value.strip().startswith(("<", "$")) or not value.strip():
        return False
    return key in _KEYS or _HOOKS.match(value) is not None or _URL_PASSWORD.search(value) is not None


def secret_variables(service: Mapping[str, Any]) -> Iterator[str]:
    """The names of variables of a service in a Compose file whose secret values are written out."""
    environment = service.get("environment") or {}
    pairs = environment.items() if isinstance(environment, Mapping) else (str(one).split("=", 1) for one in environment)
    for name, *values in pairs:
        value = "" if not values or values[0] is None else str(values[0]).strip()
        if _is_literal(str(name), value):
            yield str(name)


def secret_flags(service: Mapping[str, Any]) -> Iterator[str]:
    """The flags in the command of a service whose secret values are written out."""
    command = service.get("command") or ()
    words = command.split() if isinstance(command, str) else [str(word) for word in command]
    before = ""
    for word in words:
        flag, equals, value = word.partition("=")
        if flag.startswith("-") and equals and _is_literal(flag, value):
            yield flag
        elif before.startswith("-") and "=" not in before and not word.startswith("-") and _is_literal(before, word):
            yield before
        before = word


def _is_literal(name: str, value: str) -> bool:
    """Whether a secret is there itself, not the variable or the file that has it."""
    if "$" in value or value.lower() in _PLAIN:
        return False
    if _URL_PASSWORD.search(value) or _HOOKS.match(value):
        return True
    is_number = value.isdigit() and "pass" not in name.lower()
    return _NAME.search(name) is not None and not is_number
