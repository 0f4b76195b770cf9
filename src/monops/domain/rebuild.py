"""What of `docker inspect` is needed to make a container again, with nothing secret in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monops.domain.ports import Mount

#: Names of variables and flags whose values are secret.
_SECRET_NAME = re.compile(
    r"pass|secret|token|credential|api_?key|access_?key|private|auth|dsn|webhook|cookie|salt", re.IGNORECASE
)
#: Names of files that hold a secret: PASSWORD_FILE, --password-file. They are no secrets themselves.
_FILE_NAME = re.compile(r"[_-]file$", re.IGNORECASE)
#: A password inside a URL: `redis://user:password@host`.
_URL_PASSWORD = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^:/@\s]*:)[^/\s]+(?=@)", re.IGNORECASE)
#: A flag or an assignment inside a longer text, as in `sh -c "redis-server --requirepass hunter2"`.
_INSIDE = re.compile(
    r"""(?P<name>(?<![\w-])--?[\w.-]+|\b\w+(?==))(?P<between>=|\s+)(?!-)(?P<value>"[^"]*"|'[^']*'|[^\s"']+)"""
)
#: One parameter of a URL: `?module=http&token=abc` has two.
_PARAMETER = re.compile(r"""(?P<name>(?<=[?&])[\w.%-]+)(?P<between>=)(?P<value>[^&#\s"']+)""")
#: `redis-cli -a PASSWORD`: a name that says nothing.
_REDIS_CLI = re.compile(r"(?P<head>\bredis-cli\b.*?\s-a\s+)\S+")
_REMOVED = "<removed>"
#: Words that are no secret whatever the name: GF_AUTH_ANONYMOUS_ENABLED=true.
_PLAIN = ("", "true", "false", "yes", "no", "on", "off")
_HOST_FIELDS = (
    "Binds", "NetworkMode", "PortBindings", "RestartPolicy", "LogConfig", "Memory", "MemoryReservation", "MemorySwap",
    "NanoCpus", "CpuShares", "PidsLimit", "Privileged", "PidMode", "CapAdd", "CapDrop", "Devices", "ExtraHosts",
    "ReadonlyRootfs", "SecurityOpt", "Tmpfs", "Ulimits", "ShmSize",
)  # fmt: skip
_CONFIG_FIELDS = ("Image", "User", "WorkingDir", "Entrypoint", "ExposedPorts", "Healthcheck", "Hostname", "StopSignal")


def rebuild_facts(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The reduced inspection of one container. Values of variables and flags that sound secret are removed."""
    config, host = raw.get("Config") or {}, raw.get("HostConfig") or {}
    networks = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    labels = {k: without_secret(str(v)) for k, v in (config.get("Labels") or {}).items() if not _SECRET_NAME.search(k)}
    return {
        "Name": str(raw.get("Name", "")).lstrip("/"),
        "ImageId": raw.get("Image"),
        "Config": {name: _without_secrets(config[name]) for name in _CONFIG_FIELDS if config.get(name)}
        | {
            "Cmd": _without_secrets(config.get("Cmd") or ()),
            "Env": [without_secret(pair) for pair in config.get("Env") or ()],
            "Labels": labels,
        },
        "HostConfig": {name: _without_secrets(host[name]) for name in _HOST_FIELDS if host.get(name)},
        "Mounts": [
            {
                key: mount.get(key)
                for key in ("Type", "Name", "Source", "Destination", "RW")
                if mount.get(key) is not None
            }
            for mount in raw.get("Mounts") or ()
        ],
        "Networks": {name: {"Aliases": found.get("Aliases")} for name, found in networks.items()},
    }


def without_secret(text: str) -> str:
    """`NAME=value` or `--flag=value` with the value removed if the name sounds secret; so are those inside a longer
    text, and passwords and parameters of URLs."""
    name, equals, value = text.partition("=")
    if equals and " " not in name and "://" not in name and _is_secret(name, value):
        return f"{name}={_REMOVED}"
    text = _INSIDE.sub(_without_value, _PARAMETER.sub(_without_value, text))
    return without_url_password(_REDIS_CLI.sub(rf"\g<head>{_REMOVED}", text))


#: An address that is a secret by itself: whoever knows it can post.
_WEBHOOK = re.compile(
    r"(?P<head>https?://(?:hooks\.slack\.com|discord(?:app)?\.com/api/webhooks|[\w.-]*webhook\.office\.com))/[^\s\"']+"
)


def without_secret_value(name: str, value: str, head: str) -> str:
    """`head` and `value`, the value removed if `name`, its key in a file, sounds secret; and what is secret in it."""
    if name and sounds_secret(name, value):
        return head + _REMOVED
    return head + without_secret_address(without_secret(value))


def without_secret_address(text: str) -> str:
    """Addresses in a text without their passwords, and without the path where the whole address is a secret."""
    return _WEBHOOK.sub(rf"\g<head>/{_REMOVED}", without_url_password(text))


def without_url_password(text: str, instead: str = _REMOVED) -> str:
    """`redis://user:<removed>@host`."""
    return _URL_PASSWORD.sub(rf"\g<head>{instead}", text)


def sounds_secret(name: str, value: str) -> bool:
    """Whether the value of a key in a file is a secret by the key's name; a path and a comment are none."""
    bare = value.strip().strip("|>\"'")
    return _is_secret(name, value) and bool(bare) and not value.lstrip().startswith(("/", "#"))


def words_without_secrets(words: Sequence[str]) -> list[str]:
    """A command's words; a flag and its value may be two."""
    found: list[str] = []
    for word in words:
        before = found[-1] if found else ""
        is_value = not word.startswith("-") and (
            (before.startswith("-") and "=" not in before and _is_secret(before, word))
            or (before == "-a" and any(w.endswith("redis-cli") for w in found))
        )
        found.append(_REMOVED if is_value else without_secret(word))
    return found


def _without_secrets(value: Any, name: str = "") -> Any:
    """The same for all that JSON can hold."""
    if isinstance(value, Mapping):
        return {key: _without_secrets(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        if all(isinstance(word, str) for word in value):
            return words_without_secrets(value)
        return [_without_secrets(inner) for inner in value]
    if isinstance(value, str):
        return _REMOVED if _is_secret(name, value) else without_secret(value)
    return value


def _is_secret(name: str, value: str) -> bool:
    return bool(_SECRET_NAME.search(name)) and not _FILE_NAME.search(name) and value.strip("\"'").lower() not in _PLAIN


def _without_value(match: re.Match[str]) -> str:
    if not _is_secret(match["name"], match["value"]):
        return match[0]
    return f"{match['name']}{match['between']}{_REMOVED}"


#: Variables that say where and what, never with which password.
_HARMLESS = re.compile(r"^(COMPOSE_\w+|\w+_(IMAGE|PORT|ADDRESS|URL|USER|PREFIX|OPTIONS)|IMAGE|PORT)$")
_HARMLESS_URL = re.compile(r"^https?://[\w.-]+(:\d+)?/?$")


def is_harmless_environment(data: bytes) -> bool:
    """Whether a `.env` file holds nothing but images, ports, addresses and the like. In doubt it does not."""
    for line in data.decode("utf-8", errors="replace").splitlines():
        name, _, value = line.partition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not _HARMLESS.match(name) or _SECRET_NAME.search(name):
            return False
        # A path or a query can be a token: the address of a Slack webhook is nothing else.
        if name.endswith("_URL") and not _HARMLESS_URL.match(value):
            return False
    return True


def is_secret_mount(mount: Mount) -> bool:
    """Whether a container has secrets there: what Compose mounts as such, and files that are by their name."""
    return f"{mount.destination}/".startswith("/run/secrets/") or is_secret_file(mount.source)


def is_secret_file(path: str) -> bool:
    """Whether a file of the stack holds secrets by its name: `.env`, anything in `secrets/`, keys."""
    parts = path.lower().split("/")
    name = parts[-1]
    return (
        name == ".env"
        or name.startswith(".env.")
        or any(part in ("secrets", ".secrets") for part in parts[:-1])
        or name.endswith((".key", ".pem.key", ".p12"))
        or name in ("htpasswd", ".htpasswd", ".pgpass", ".netrc")
    )
