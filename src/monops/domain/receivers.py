"""Receivers of Alertmanager: which kinds there are, what a person may say of them, and what the server says back.

Source: prometheus.io/docs/alerting/latest/configuration; prometheus/alertmanager, config/config.go (`Receiver`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import yaml

from monops.domain.errors import ConfigurationError, UsageFault
from monops.domain.nearest import did_you_mean, listed
from monops.domain.rebuild import without_secret_value
from monops.domain.routing import Routing, read_matchers, read_routing
from monops.domain.settled import flattened, is_secret_setting, last_part
from monops.domain.yaml_nodes import NULL
from monops.domain.yaml_text import read_yaml

#: Those of Alertmanager 0.33. Others are asked of the running version.
KINDS = (
    "discord", "email", "incidentio", "jira", "mattermost", "msteams", "msteamsv2", "opsgenie", "pagerduty", "pushover",
    "rocketchat", "slack", "sns", "telegram", "victorops", "webex", "webhook", "wechat",
)  # fmt: skip
#: Settings whose value Alertmanager hides although their name does not say so.
HIDDEN = frozenset({"url", "api_url"})
#: kind -> the setting that is its one secret, where monops asks for it by --url-file or --password-file.
SECRET_OF = {"slack": "api_url", "webhook": "url", "email": "auth_password", "discord": "webhook_url",
             "msteams": "webhook_url", "msteamsv2": "webhook_url", "mattermost": "webhook_url"}  # fmt: skip
#: A setting of an email receiver -> its name among the settings for all.
GLOBAL_EMAIL = {
    "smarthost": "smtp_smarthost",
    "from": "smtp_from",
    "auth_username": "smtp_auth_username",
    "auth_password": "smtp_auth_password",
    "auth_password_file": "smtp_auth_password_file",
    "require_tls": "smtp_require_tls",
}
_NAME = re.compile(r"[\w][\w .@:/-]*", re.ASCII)
_TOKEN = re.compile(r"(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{16,}", re.ASCII)
_ADDRESS = re.compile(r"[^@\s,<>]+@[^@\s,<>]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person asked for."""

    kind: str
    name: str
    #: Path below the integration -> value.
    settings: Mapping[tuple[str, ...], Any]
    #: Conditions of routes that shall lead to it, as they were typed.
    routes: tuple[str, ...] = ()
    is_default: bool = False


def check_name(name: str) -> str:
    """Raises UsageFault for a name that nobody could type again."""
    if not _NAME.fullmatch(name):
        raise UsageFault(f"{name!r} is no name for a receiver: letters, digits, - and _", remedy="--name on-call")
    return name


def check_kind(kind: str) -> str:
    """Raises UsageFault for a kind that is a misspelt one; one that is quite new may be known to the server."""
    if not re.fullmatch(r"[a-z][a-z0-9]*", kind):
        raise UsageFault(
            f"{kind!r} is no type of receiver." + did_you_mean(kind, KINDS), remedy="monops receivers set --help"
        )
    return kind


def unknown_kind(kind: str, version: str) -> UsageFault:
    return UsageFault(
        f"{version} knows no receiver of type {kind!r}, but {listed(KINDS)}." + did_you_mean(kind, KINDS),
        remedy="monops receivers set --help",
    )


def check_url(text: str, what: str, right: str = "--url-file FILE") -> str:
    """An http address. Raises UsageFault, without showing it: it may be a secret. `right` is the option that has it."""
    try:
        parts = urlsplit(text)
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_right = False
    if not is_right or any(char.isspace() for char in text):
        raise UsageFault(f"{what} is no address of http or https", remedy=right)
    return text


def check_open_url(text: str) -> str:
    """An address that may be written into the configuration. Raises UsageFault for one that holds a secret."""
    shown = without_secret_value("", text, "") if "@" not in text else ""
    check_url(text, f"--url {shown}".strip(), "--url http://host.docker.internal:9097/alerts")
    if _holds_secret(text):
        raise UsageFault(
            "the address given with --url holds a secret, and what is typed is seen by all (ps, the shell's history)",
            remedy="--url-file FILE",
        )
    return text


def _holds_secret(address: str) -> bool:
    """Whether an address is one that only who may post should know."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return True
    has_token = any(_TOKEN.fullmatch(part) for part in parts.path.split("/"))
    is_named = bool(parts.username or parts.password or parts.query)
    return is_named or has_token or without_secret_value("", address, "") != address


def check_addresses(text: str) -> str:
    """Addresses of mail, with commas between. Raises UsageFault."""
    for one in text.split(","):
        if not _ADDRESS.fullmatch(one.strip()) and "<" not in one and "{{" not in one:
            raise UsageFault(f"{one.strip()!r} is no address of mail", remedy="--to admin@example.com")
    return text


def check_smarthost(text: str) -> str:
    """`host:port`. Raises UsageFault."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageFault(f"--smarthost {text!r} wants HOST:PORT", remedy="--smarthost smtp.example.com:587")
    return text


def read_settings(
    words: Sequence[str], secret_option: Callable[[str], str] = "--secret {}=FILE".format
) -> dict[tuple[str, ...], Any]:
    """`--set http_config.proxy_url=…` words. Values as `_value` has them.

    Raises UsageFault for what is no setting, and for a secret: those go into files, by `secret_option` of their name.
    """
    found: dict[tuple[str, ...], Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        path = tuple(name.split("."))
        if not equals or not all(re.fullmatch(r"[a-z][a-z0-9_]*", part) for part in path):
            raise UsageFault(f"--set wants NAME=VALUE, not {name!r}", remedy="--set http_config.follow_redirects=false")
        found[path] = _value(value)
        for inner, said in flattened(found[path], name):
            last = last_part(inner)
            if is_secret_setting(last) or (last in HIDDEN and _holds_secret(said)):
                raise UsageFault(
                    f"{inner} is a secret, and what is typed is seen by all (ps, the shell's history)",
                    # An item of a list has no option of its own.
                    remedy=secret_option(inner) if "[" not in inner else "--help",
                )
    return found


def _value(text: str) -> Any:
    """A number, a switch, or a list or mapping in brackets; any other text, `#ops` or `{{ .X }}`, is itself."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return text
    if isinstance(node, yaml.CollectionNode) and text[:1] in ("[", "{") and not text.startswith("{{"):
        return _meant(node)
    return _plain(text)


def _meant(node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [_meant(item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _meant(value) for key, value in node.value}
    if node.tag == NULL:
        return None
    is_quoted = isinstance(node, yaml.ScalarNode) and node.style is not None
    return str(node.value) if is_quoted else _plain(str(node.value))


def _plain(text: str) -> Any:
    """A switch; or a number, where it is written as numbers are: `+4915112345678`, `0123` and `12:30` are text."""
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # ValueError: the form of a date, and none: 2001-99-99
        return text
    if isinstance(found, bool) or (isinstance(found, int | float) and str(found) == text):
        return found
    return text


def check_matchers(text: str) -> str:
    """Conditions as Alertmanager writes them: `severity="critical"`. Raises UsageFault."""
    try:
        matchers = read_matchers(text)
    except ValueError as error:
        raise UsageFault(f"--route {error}", remedy="--route severity=critical") from error
    if not matchers:
        raise UsageFault("--route says no condition", remedy="--route severity=critical")
    return ", ".join(map(str, matchers))


def routing_of(text: str, file: str) -> Routing:
    """Raises ConfigurationError."""
    try:
        return read_routing(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error}", remedy="monops doctor --only alertmanager"
        ) from error


def readings(text: str) -> dict[str, str]:
    """Receivers and routes of a configuration, a file's or the one in force, as names and values."""
    content = read_yaml(text)
    found: dict[str, str] = {}
    for item in content.get("receivers") or ():
        name = str(item.get("name"))
        kinds = [key.removesuffix("_configs") for key, value in item.items() if key.endswith("_configs") and value]
        found[f"receiver {name}"] = ", ".join(sorted(kinds)) or "tells nobody"
        for key in item:
            if key.endswith("_configs"):
                found.update((f"receiver {name}: {inner}", value) for inner, value in flattened(item[key] or [], key))
    found.update((f"global {name}", value) for name, value in flattened(content.get("global") or {}))
    for path in read_routing(text).root.walk():
        conditions = " > ".join(map(str, path[1:])) or "any alert"
        here, number = f"route {conditions}", 2
        while here in found:
            here, number = f"route {conditions} ({number})", number + 1
        found[here] = path[-1].receiver + (", and goes on" if path[-1].goes_on else "")
    return found
