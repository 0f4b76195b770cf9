"""Metrics as Prometheus reads them from a file: writing, and reading back what monops wrote.

Source: prometheus.io/docs/instrumenting/exposition_formats, "Text-based format".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)", re.ASCII)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"', re.ASCII)
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
            name = f"{sample.name}{{{labels}}}" if labels else sample.name
            lines.append(f"{name} {_number(sample.value)}")
    return "\n".join(lines) + "\n" if lines else ""


def read(text: str) -> tuple[Sample, ...]:
    """The samples of a text that `written` made; lines that are none are passed over."""
    found = []
    for line in text.split("\n"):  # splitlines() would split at what may stand in a label
        match = _SAMPLE.fullmatch(line)
        if match is None:
            continue
        labels = {name: _plain(value) for name, value in _LABEL.findall(match["labels"] or "")}
        try:
            found.append(Sample(match["name"], labels, float(match["value"])))
        except ValueError:
            continue
    return tuple(found)


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    # Whole numbers as such: a Unix time in scientific notation would be hard to read.
    return f"{value:.0f}" if value == int(value) else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _plain(text: str) -> str:
    return re.sub(r'\\[\\"n]', lambda found: _ESCAPES[found[0]], text)
