"""What of `docker inspect` is needed to make a container again, with nothing secret in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: Names of variables and flags whose values are secret.
_SECRET_NAME = re.compile(r"pass|secret|token|credential|api_?key|private|auth|dsn|webhook|cookie|salt", re.IGNORECASE)
#: A password inside a URL: `redis://user:password@host`.
_URL_PASSWORD = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^:/@\s]*:)[^@/\s]+(?=@)", re.IGNORECASE)
_REMOVED = "<removed>"
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
    return {
        "Name": str(raw.get("Name", "")).lstrip("/"),
        "ImageId": raw.get("Image"),
        "Config": {name: config[name] for name in _CONFIG_FIELDS if config.get(name)}
        | {
            "Cmd": [without_secret(word) for word in config.get("Cmd") or ()],
            "Env": [without_secret(pair) for pair in config.get("Env") or ()],
            "Labels": {k: v for k, v in (config.get("Labels") or {}).items() if not _SECRET_NAME.search(k)},
        },
        "HostConfig": {name: host[name] for name in _HOST_FIELDS if host.get(name)},
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
    """`NAME=value` or `--flag=value` with the value removed if the name sounds secret; passwords in URLs removed."""
    name, equals, value = text.partition("=")
    # A file that holds a secret is no secret itself: PASSWORD_FILE, --password-file.
    if equals and value and _SECRET_NAME.search(name) and not re.search(r"_file$|-file$|__FILE$", name, re.IGNORECASE):
        return f"{name}={_REMOVED}"
    return _URL_PASSWORD.sub(rf"\g<head>{_REMOVED}", text)


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
