"""Commands for a person to paste, made of the one that was typed and of what was wrong with it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from monops.domain.rebuild import without_secret_address
from monops.domain.receivers import HIDDEN
from monops.domain.remote_write import secret_option
from monops.domain.settled import is_secret_setting

_UNKNOWN = re.compile(r"field (\w+) not found")
_NO_VALUE = re.compile(r"cannot unmarshal !!\w+ `(?P<value>[^`]*)` into (?P<kind>\w+)")
_NO_DURATION = re.compile(r'not a valid duration string: "(?P<value>[^"]*)"')
_MISSING = re.compile(r"(?:missing|(?<!at most )one of) (\w+_\w+|url|project)\b")
#: What amtool says is missing, where it does not name the setting.
#: Source: prometheus/alertmanager, config/notifiers.go.
_MISSING_IN_WORDS = {
    "missing to address": "to",
    "service or routing key": "routing_key",
    "OpsGenie API Key": "api_key",
    "Wechat Api Secret": "api_secret",
    "Rocketchat TokenID": "token_id",
    "Topic ARN": "topic_arn",
    "Slack API URL": "api_url",
}
#: Settings of a remote write that people look for one level higher.
_QUEUE = frozenset({
    "capacity", "max_shards", "min_shards", "max_samples_per_send", "batch_send_deadline", "min_backoff", "max_backoff",
    "retry_on_http_429", "sample_age_limit",
})  # fmt: skip
#: The commands that take settings.
_RECEIVER, _REMOTE = ("receivers", "set"), ("remote-write", "set")
_LIKE = {"bool": "true", "float64": "0.5"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """What a server's own tool said of a change, for a person."""

    #: The setting that is wrong; "" where that cannot be told.
    setting: str
    #: The command that would be right, or shows what is.
    command: str


def mended(command: str, said: str) -> Mended:
    """From what amtool or promtool said of a change by `receivers set` or `remote-write set`; of other commands, which
    have no option for a setting, their help."""
    found = _UNKNOWN.search(said)
    if not _takes_settings(command):
        return Mended(setting="" if found is None else found[1], command=_help(command))
    if found is not None:
        return _unknown(command, found[1])
    found, like = _NO_VALUE.search(said), ""
    if found is not None:
        like = _LIKE.get(found["kind"], "10")
    elif (found := _NO_DURATION.search(said)) is not None:
        like = "30s"
    if found is not None:
        names = [name for name, value in _settings(command) if value == found["value"]]
        if len(names) == 1:
            return Mended(setting=names[0], command=with_option(command, "--set", f"{names[0]}={like}"))
        return Mended(setting="", command=_help(command))
    missing = next((name for words, name in _MISSING_IN_WORDS.items() if words in said), "")
    if not missing and (found := _MISSING.search(said)) is not None:
        missing = found[1]
    if not missing:
        return Mended(setting="", command=_help(command))
    return Mended(setting=missing, command=_with_missing(command, missing))


def _with_missing(command: str, setting: str) -> str:
    is_remote, is_secret = _REMOTE in pairwise(shlex.split(command)), is_secret_setting(setting)
    if setting == "to":
        return with_option(command, "--to", "admin@example.com")
    if is_remote and setting == "url":
        return _help(command)
    if is_remote and is_secret:
        return f"{command} {secret_option(setting)}"
    if is_secret or setting in HIDDEN:
        return with_option(command, "--secret", f"{setting}=FILE")
    return with_option(command, "--set", f"{setting}={setting.upper()}")


def _unknown(command: str, setting: str) -> Mended:
    typed = [(name, value) for name, value in _settings(command) if name.rpartition(".")[2] == setting]
    if len(typed) != 1:
        return Mended(setting=setting, command=_help(command))
    ((name, value),) = typed
    rest = without_setting(command, name)
    if _REMOTE in pairwise(shlex.split(command)) and name in _QUEUE:
        return Mended(setting=name, command=with_option(rest, "--set", f"queue_config.{name}={value}"))
    return Mended(setting=name, command=rest)


def kept(command: str) -> str:
    """The command as the history has it: without passwords in addresses, as of a proxy."""
    return shlex.join(map(without_secret_address, shlex.split(command)))


def with_option(command: str, flag: str, value: str) -> str:
    """With this option: in the place of the same one, else at the end."""
    words, name = shlex.split(command), value.partition("=")[0]
    for number in range(len(words) - 1):
        is_same = words[number] == flag and (
            flag not in ("--set", "--secret") or words[number + 1].partition("=")[0] == name
        )
        if is_same:
            return shlex.join([*words[: number + 1], value, *words[number + 2 :]])
    return shlex.join([*words, flag, value])


def without_setting(command: str, name: str) -> str:
    """Without `--set name=…`."""
    words = shlex.split(command)
    for number in range(len(words) - 1):
        if words[number] == "--set" and words[number + 1].partition("=")[0] == name:
            return shlex.join([*words[:number], *words[number + 2 :]])
    return command


def _settings(command: str) -> Iterator[tuple[str, str]]:
    words = shlex.split(command)
    for flag, word in pairwise(words):
        if flag == "--set":
            name, _, value = word.partition("=")
            yield name, value


def _takes_settings(command: str) -> bool:
    return not {_REMOTE, _RECEIVER}.isdisjoint(pairwise(shlex.split(command)))


def _help(command: str) -> str:
    words = shlex.split(command)
    # Options of monops itself may stand in front.
    end = next((number + 2 for number, pair in enumerate(pairwise(words)) if pair in (_REMOTE, _RECEIVER)), 3)
    return shlex.join([*words[:end], "--help"])
