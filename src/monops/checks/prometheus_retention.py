"""Prometheus keeps its data as long, and as much of it, as was asked.

How long it keeps data can be set by flags and, since 3.8, in the configuration file; the file wins. Between 3.8 and
3.10 a time in the file is taken a million times too long. Where nobody set anything it is 15 days, whatever the disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from monops.checks._healthy import CONFIG
from monops.checks._prometheus import SUBJECT, after_edit, with_flag
from monops.domain.check import Check, Sick
from monops.domain.facts import Build, Facts, known
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.prometheus_config import parsed
from monops.domain.units import parse_duration, parse_size

#: What the flags say where nobody set them.
_UNSET = ("", "0s", "0", "0B")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each way in which it is not what was asked."""
    build, effective = known(facts.prometheus_build), known(facts.prometheus_runtime).retention
    flags, in_file = _by_flags(known(facts.prometheus_flags)), _by_file(known(facts.prometheus_config))
    shown = f"/api/v1/status/runtimeinfo: storageRetention {effective}"
    if "time" in in_file and (3, 8) <= build.number[:2] < (3, 11):
        yield Finding(
            severity=Severity.ERROR,
            subject=SUBJECT,
            cause=f"version {build.version} takes the time in the file, {in_file['time']}, a million times too long: "
            "nothing is ever deleted by age",
            evidence=(shown, "fixed in 3.11.0"),
            fix=with_flag("Write --storage.tsdb.retention.time in its command in the Compose file, not in the file."),
        )
        return
    for name, parse in (("time", parse_duration), ("size", parse_size)):
        mine, other = in_file.get(name), flags.get(name)
        if mine and other and _value(parse, mine) != _value(parse, other):
            yield Finding(
                severity=Severity.WARNING,
                subject=SUBJECT,
                cause=f"its retention {name} is {other} by flag and {mine} in the file; the file wins",
                evidence=(shown, f"/api/v1/status/flags: storage.tsdb.retention.{name} {other}"),
                fix=with_flag(f"Remove --storage.tsdb.retention.{name} from its command in the Compose file."),
            )
    if not in_file and not flags:
        yield Finding(
            severity=Severity.INFO,
            subject=SUBJECT,
            cause=f"nobody chose how long it keeps data; it keeps {effective or '15d'}, whatever the disk holds",
            evidence=(shown, "neither flags nor configuration set a retention"),
            fix=Fix(
                say="Choose how long, and how much of the disk.",
                command="monops retention set --time 30d --size 50GB",
                risk=Risk.INTERRUPTS,
            ),
        )
    yield from _not_in_force(facts, {**flags, **in_file}, effective)


def _not_in_force(facts: Facts, asked: Mapping[str, str], effective: str) -> Iterator[Finding]:
    parts = [part.strip() for part in effective.split(" or ") if part.strip()]
    times = [_value(parse_duration, part) for part in parts]
    wanted = _value(parse_duration, asked["time"]) if "time" in asked else None
    if wanted is not None and any(times) and wanted not in times:
        yield Finding(
            severity=Severity.WARNING,
            subject=SUBJECT,
            cause=f"it keeps data for {effective}, and {asked['time']} was asked",
            evidence=(f"/api/v1/status/runtimeinfo: storageRetention {effective}",),
            fix=after_edit(facts, "Let it reload; if that changes nothing, start it anew."),
        )


def _value(parse: Any, text: str) -> object:
    try:
        return parse(text)
    except ValueError:
        return None


def _by_flags(flags: Mapping[str, str]) -> dict[str, str]:
    found = {name: flags.get(f"storage.tsdb.retention.{name}", "") for name in ("time", "size")}
    return {name: value for name, value in found.items() if value not in _UNSET}


def _by_file(config: str) -> dict[str, str]:
    storage = parsed(config).get("storage")
    tsdb = storage.get("tsdb") if isinstance(storage, Mapping) else None
    retention = tsdb.get("retention") if isinstance(tsdb, Mapping) else None
    if not isinstance(retention, Mapping):
        return {}
    return {name: str(value) for name, value in retention.items() if str(value) not in _UNSET}


def _in_file(facts: Facts, version: str, **retention: str) -> Facts:
    lines = "".join(f"      {name}: {value}\n" for name, value in retention.items())
    text = f"{CONFIG}storage:\n  tsdb:\n    retention:\n{lines}"
    return replace(facts, prometheus_build=Build(version=version), prometheus_config=text)


def _kept(facts: Facts, retention: str) -> Facts:
    return replace(facts, prometheus_runtime=replace(known(facts.prometheus_runtime), retention=retention))


CHECK = Check(
    id="prometheus.retention",
    well="it keeps data as long as was asked",
    reads=("prometheus_build", "prometheus_config", "prometheus_flags", "prometheus_runtime"),
    looks_at=("containers",),
    judge=judge,
    needs=("prometheus",),
    sick=(
        Sick(
            what="a time in the file of a version that reads it wrong",
            facts=lambda facts: _in_file(facts, "3.9.1", time="30d"),
            severity=Severity.ERROR,
            says="a million times too long",
        ),
        Sick(
            what="a flag and a file that do not agree",
            facts=lambda facts: _in_file(facts, "3.14.0", size="10GB"),
            severity=Severity.WARNING,
            says="the file wins",
        ),
        Sick(
            what="no retention at all",
            facts=lambda facts: _kept(
                replace(
                    facts,
                    prometheus_flags={"storage.tsdb.retention.time": "0s", "storage.tsdb.retention.size": "0B"},
                ),
                "15d",
            ),
            severity=Severity.INFO,
            says="nobody chose",
        ),
        Sick(
            what="a time that is not in force",
            facts=lambda facts: _kept(facts, "15d or 50GiB"),
            severity=Severity.WARNING,
            says="30d was asked",
        ),
    ),
)
