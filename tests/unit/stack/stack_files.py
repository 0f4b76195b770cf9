"""The stack's files for some choices, read back: what Compose, Prometheus and people find in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from monops.domain.stack import COMPOSE_FILE
from monops.stack.files import shipped
from monops.stack.options import StackOptions

#: `$$`, `${NAME}`, `${NAME:-default}` and `${NAME:?why}`. Source: compose-spec.io, interpolation.
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\})")


@dataclass(frozen=True)
class Files:
    """Everything that `shipped` gives for these choices."""

    options: StackOptions

    @cached_property
    def texts(self) -> dict[str, str]:
        return {file.path: file.text for file in shipped(self.options)}

    @cached_property
    def environment(self) -> dict[str, str]:
        """What .env sets."""
        lines = (line for line in self.texts[".env"].splitlines() if line and not line.startswith("#"))
        return dict(line.split("=", 1) for line in lines)

    @cached_property
    def compose(self) -> dict[str, Any]:
        """The Compose file with the variables of .env in it. Fails for one that is needed and not there."""
        found: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(self._value, self.texts[COMPOSE_FILE]))
        return found

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.compose["services"]
        return found

    @property
    def scrapes(self) -> dict[str, dict[str, Any]]:
        """job -> its part of prometheus.yml."""
        return {job["job_name"]: job for job in self.yaml("prometheus.yml")["scrape_configs"]}

    @property
    def rules(self) -> Iterator[dict[str, Any]]:
        """Every rule of every file."""
        for path in self.texts:
            if path.startswith("rules/"):
                yield from (rule for group in self.yaml(path)["groups"] for rule in group["rules"])

    def yaml(self, path: str) -> Any:
        return yaml.safe_load(self.texts[path])

    def mounts(self, service: str) -> list[tuple[str, str]]:
        """(what, where) of a service's volumes."""
        return [tuple(mount.split(":")[:2]) for mount in self.services[service].get("volumes", ())]

    def ports(self) -> dict[str, list[str]]:
        return {name: service["ports"] for name, service in self.services.items() if "ports" in service}

    def _value(self, found: re.Match[str]) -> str:
        if found["name"] is None:
            return "$"
        value = self.environment.get(found["name"], "")
        if not value and found["kind"] == "?":
            raise AssertionError(f"{found['name']} is not in .env")
        return value or (found["rest"] if found["kind"] == "-" else "")
