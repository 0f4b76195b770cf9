"""Metrics as Prometheus reads them from a file: writing, and reading back what monops wrote.

Source: prometheus.io/docs/instrumenting/exposition_formats, "Text-based format".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One value."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Family:
    """What a metric is, and its values."""

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]


def written(families: Iterable[Family]) -> str:
    """The text; families without a value are left out."""
    lines: list[str] = []
    for family in families:
        if not family.samples:
            continue
        about = family.help.replace("\\", "\\\\").replace("\n", "\\n")
        lines += [f"# HELP {family.name} {about}", f"# TYPE {family.name} {family.kind}"]
        for sample in sorted(family.samples, key=lambda one: sorted(one.labels.items())):
            labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(sample.labels.items()))
            # Whole numbers as such: a Unix time in scientific notation would lose its seconds.
            value = f"{sample.value:.0f}" if sample.value == int(sample.value) else repr(sample.value)
            lines.append(f"{sample.name}{{{labels}}} {value}" if labels else f"{sample.name} {value}")
    return "\n".join(lines) + "\n" if lines else ""


def read(text: str) -> tuple[Sample, ...]:
    """The samples of a text that `written` made; lines that are none are passed over."""
    found = []
    for line in text.splitlines():
        match = _SAMPLE.match(line)
        if match is None or line.startswith("#"):
            continue
        labels = {name: _plain(value) for name, value in _LABEL.findall(match["labels"] or "")}
        try:
            found.append(Sample(match["name"], labels, float(match["value"])))
        except ValueError:
            continue
    return tuple(found)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _plain(text: str) -> str:
    return re.sub(r'\\[\\"n]', lambda found: _ESCAPES[found[0]], text)
