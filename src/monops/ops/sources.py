"""Which sources there are: from the configuration, and from the stack that runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monops.domain.errors import EngineError, EngineUnreachable, MonopsError, NotFound, UsageFault
from monops.domain.nearest import did_you_mean, listed
from monops.domain.place import Place
from monops.domain.stack import SOURCES, Stack, data_place, find_stack_among
from monops.ops.capture import Target
from monops.ops.outside import Outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the person and the configuration say about sources."""

    #: As asked for; empty for all there are.
    names: tuple[str, ...] = ()
    #: How to capture, from the command line; None leaves it to `modes`.
    mode: str | None = None
    #: service -> how to capture, from the configuration.
    modes: Mapping[str, str] = field(default_factory=dict)
    project: str | None = None
    #: service -> container name, from the configuration.
    containers: Mapping[str, str] = field(default_factory=dict)
    #: service -> volume name, from the configuration.
    volumes: Mapping[str, str] = field(default_factory=dict)
    #: source -> plain directory, from the configuration.
    paths: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """The sources that can be captured, and the stack they belong to, if any."""

    targets: tuple[Target, ...]
    stack: Stack | None
    #: Asked for by name and not to be had, with the reason.
    failed: Mapping[str, MonopsError] = field(default_factory=dict)


def find_sources(outside: Outside, selection: Selection) -> Found:
    """The targets, in a fixed order. Raises UsageFault for an unknown name, NotFound and EngineError."""
    for name in selection.names:
        if name not in SOURCES:
            raise UsageFault(
                f"there is no source {name!r}.{did_you_mean(name, SOURCES)}", remedy=f"name some of {listed(SOURCES)}"
            )
    wanted = tuple(s for s in SOURCES if not selection.names or s in selection.names)
    stack = None
    if any(name not in selection.paths for name in wanted):
        stack = _stack(outside, selection)
    targets, failed = [], {}
    for name in wanted:
        try:
            target = _target(name, stack, selection)
        except EngineUnreachable:
            raise
        except (NotFound, EngineError) as error:
            if selection.names or isinstance(error, EngineError):
                failed[name] = error
            continue
        if target is not None:
            targets.append(target)
    if not targets and failed:
        raise next(iter(failed.values()))
    if not targets:
        raise NotFound("there is nothing to back up", remedy='start the stack, or set [sources.prometheus] path = "…"')
    return Found(tuple(targets), stack, failed)


def _stack(outside: Outside, selection: Selection) -> Stack | None:
    """None where plain directories are configured and no stack is there: they alone are backed up then."""
    try:
        engine = outside.engine
        return find_stack_among(
            engine.listed(), engine.containers, project=selection.project, named=selection.containers
        )
    except (EngineUnreachable, NotFound) as error:
        needed = [name for name in selection.names if name not in selection.paths]
        if not selection.paths or needed or selection.project is not None:
            raise
        outside.progress.warn(f"{error.message}: only the directories of the configuration are backed up")
        return None


def _target(name: str, stack: Stack | None, selection: Selection) -> Target | None:
    path = selection.paths.get(name)
    mode = selection.mode or selection.modes.get(name, "auto")
    if name == "alertmanager" and mode == "snapshot" and name not in selection.names:
        mode = "auto"  # asked for of everything, and this service makes none
    container = stack.services.get(name) if stack is not None else None
    if path is not None:
        return Target(name=name, place=Place(path=path), container=container, mode=mode)
    if stack is None:
        return None
    if name == "config":
        return Target(name=name, place=Place(), container=None, mode="live")
    container = stack.container(name)
    place = data_place(name, container, stack, volume=selection.volumes.get(name))
    return Target(name=name, place=place, container=container, mode=mode)
