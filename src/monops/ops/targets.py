"""Scrape targets: what Prometheus says of them, and adding or removing one in a file that it reads by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from monops.domain.editing import opened
from monops.domain.errors import ConfigurationError, MonopsError, NotFound, UsageFault
from monops.domain.nearest import did_you_mean, listed
from monops.domain.ports import Progress, ScrapeTarget, StackFolder
from monops.domain.target_file import with_target, without_target
from monops.ops.live import Live
from monops.stack.files import TARGET_FORMS

_HOST_PORT = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?):(\d{1,5})")
_REDIS_URL = re.compile(r"rediss?://[^\s/]+(:\d{1,5})?(/\d+)?")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_EVERY = timedelta(milliseconds=250)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetChange:
    """A file of targets, changed."""

    job: str
    address: str
    file: str
    #: What Prometheus says of it now; None where it does not list it, or could not be asked.
    seen: ScrapeTarget | None
    #: Why it could not be asked.
    unknown: MonopsError | None


def list_targets(live: Live) -> tuple[ScrapeTarget, ...]:
    """Every active target, by job and instance; where there are several Prometheus, once, and down if one of them
    cannot scrape it."""
    return tuple(sorted(joined_targets(live), key=lambda one: (one.job, one.instance)))


def joined_targets(live: Live) -> tuple[ScrapeTarget, ...]:
    """The same, in no order."""
    found: dict[tuple[str, str, str], ScrapeTarget] = {}
    for one in live.of_all(lambda prometheus: prometheus.targets()):
        key = (one.job, one.instance, one.url)
        if key not in found or one.health == "down":
            found[key] = one
    return tuple(found.values())


def add_target(
    folder: StackFolder,
    live: Live,
    progress: Progress,
    job: str,
    address: str,
    labels: Mapping[str, str],
    *,
    within: timedelta,
) -> TargetChange:
    """The target is in the job's file, and what Prometheus made of it by the end of `within`.

    Raises UsageFault for an unknown job, an address that is none, and a label's name that is none.
    """
    path = _path(folder, job)
    _check(job, address)
    _check_labels(labels)
    _edit(folder, path, lambda text: with_target(text, path, address, labels))
    return _seen(live, progress, job, address, f"{folder.path}/{path}", within, wanted=True)


def remove_target(
    folder: StackFolder, live: Live, progress: Progress, job: str, address: str, *, within: timedelta
) -> TargetChange:
    """The target is no longer in the job's file. Raises NotFound with the nearest one."""
    path = _path(folder, job)
    _edit(folder, path, lambda text: without_target(text, path, address))
    return _seen(live, progress, job, address, f"{folder.path}/{path}", within, wanted=False)


def _path(folder: StackFolder, job: str) -> str:
    jobs = tuple(name.removesuffix(".yml") for name in folder.names("targets") if name.endswith(".yml"))
    if not jobs:
        raise NotFound(f"{folder.path} has no folder targets/", remedy="monops init")
    if job not in jobs:
        raise UsageFault(
            f"there is no job {job!r} with a file of targets, only {listed(jobs)}.{did_you_mean(job, jobs)}",
            remedy="monops targets",
        )
    return f"targets/{job}.yml"


def _check(job: str, address: str) -> None:
    form, example = TARGET_FORMS.get(job, ("HOST:PORT", "host:9090"))
    if job == "redis" and "@" in address:
        raise UsageFault(
            "a password does not belong into a file of targets",
            remedy="leave it out, and write it into secrets/redis-exporter/passwords.json",
        )
    found = _HOST_PORT.fullmatch(address)
    is_right = bool(_REDIS_URL.fullmatch(address)) if job == "redis" else bool(found and 0 < int(found[2]) < 65536)
    if not is_right:
        raise UsageFault(f"{address!r} is no target: write {form}", remedy=f"monops targets add {job} {example}")


def _check_labels(labels: Mapping[str, str]) -> None:
    """One that Prometheus refuses would cost it the whole file."""
    for name, value in labels.items():
        if not _LABEL_NAME.fullmatch(name):
            raise UsageFault(f"{name!r} is no name of a label: letters, digits and _", remedy="--label zone=eu-1")
        if not value.isprintable():
            raise UsageFault(f"the label {name} has a value that cannot be printed", remedy=f"--label {name}=text")


def _edit(folder: StackFolder, path: str, change: Callable[[str], str]) -> None:
    try:
        before = (folder.read(path) or b"").decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{folder.path}/{path} is not UTF-8: {error.reason} at byte {error.start}",
            remedy=opened(f"{folder.path}/{path}"),
        ) from error
    folder.write(path, change(before).encode())


def _seen(
    live: Live, progress: Progress, job: str, address: str, file: str, within: timedelta, *, wanted: bool
) -> TargetChange:
    """Prometheus watches the file: it needs a moment, and no reload."""
    is_told = False
    found: ScrapeTarget | None = None
    try:
        deadline = live.clock.monotonic() + within.total_seconds()
        while True:
            found = next((one for one in joined_targets(live) if one.job == job and _is(one, address)), None)
            settled = found is None if not wanted else found is not None and found.health != "unknown"
            if settled or live.clock.monotonic() >= deadline:
                return TargetChange(job=job, address=address, file=file, seen=found, unknown=None)
            if not is_told:
                progress.say(f"waiting for Prometheus to {'scrape' if wanted else 'drop'} {address}")
                is_told = True
            live.clock.sleep(_EVERY)
    except MonopsError as error:
        return TargetChange(job=job, address=address, file=file, seen=None, unknown=error)


def _is(target: ScrapeTarget, address: str) -> bool:
    return address == target.instance or f"//{address}/" in target.url
