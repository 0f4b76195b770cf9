"""Starting the stack, and waiting until every service is healthy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from monops.domain.errors import EngineError, MonopsError, ServiceError
from monops.domain.nearest import did_you_mean, listed
from monops.domain.ports import Clock, Compose, Engine, Progress, StackFolder
from monops.ops.stack_status import (
    ServiceState,
    StackState,
    declared_services,
    last_words,
    state_of,
)
from monops.stack.options import ADMIN_PASSWORD, SECRET_OWNERS

_EVERY = timedelta(milliseconds=300)
_SAY_EVERY = timedelta(seconds=20)
#: Where, in the container, a service is told to read its configuration again.
_RELOADS = {"prometheus": "http://127.0.0.1:9090/-/reload", "alertmanager": "http://127.0.0.1:9093/-/reload"}
#: How far back a service's log is looked at for why it refused.
_LINES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """What it takes to bring services up."""

    compose: Compose
    engine: Engine
    clock: Clock
    progress: Progress
    folder: StackFolder


def bring_up(starter: Starter, chosen: Sequence[str], *, within: timedelta) -> StackState:
    """Every chosen service runs as the files say, and is healthy where it has a check; else the state says which is
    not and why.

    Images that are not there are pulled. Raises EngineError and MonopsError for what can be known before, and
    ServiceError where a running service refuses its changed configuration.
    """
    compose, progress = starter.compose, starter.progress
    model = compose.model()
    services = declared_services(model, chosen)
    _check_networks(model, services, starter.engine)
    images = {str(model["services"][name].get("image") or ""): name for name in services}
    missing = compose.missing_images([image for image in images if image])
    if missing:
        progress.say(f"pulling {listed(missing)}")
        compose.pull([images[image] for image in missing])
    _settle_secrets(starter, model)
    before = {one.container: one for one in _state(starter, model, chosen).services}
    progress.say(f"starting {listed(services)}")
    compose.up(chosen)
    # Compose leaves alone what the engine restarts, and the engine waits longer and longer: what was mended starts now.
    stuck = [
        one.service
        for one in _state(starter, model, chosen).services
        if one.state == "restarting" and one.container in before
    ]
    if stuck:
        compose.restart(stuck)
    state = wait_healthy(starter, model, chosen, within=within)
    _reload(starter, before, state)
    return state


def restart(starter: Starter, chosen: Sequence[str], *, within: timedelta) -> StackState:
    """Every chosen service was restarted, and is healthy; else the state says which is not and why."""
    model = starter.compose.model()
    declared_services(model, chosen)
    _settle_secrets(starter, model)
    starter.compose.restart(chosen)
    return wait_healthy(starter, model, chosen, within=within)


def wait_healthy(starter: Starter, model: Mapping[str, Any], chosen: Sequence[str], *, within: timedelta) -> StackState:
    """The state once all is well, or once waiting cannot help, or `within` is over."""
    clock, progress = starter.clock, starter.progress
    said_at = clock.monotonic()
    deadline = said_at + within.total_seconds()
    told: set[str] = set()
    restarts: dict[str, int] = {}
    while True:
        state = _state(starter, model, chosen)
        waiting = [one for one in state.services if not one.is_well]
        for one in state.services:
            if one.is_well and one.container not in told:
                told.add(one.container)
                progress.step(f"{one.service} is {one.health or 'running'}")
        hopeless = any(
            one.is_hopeless or one.loops_since(restarts.setdefault(one.container, one.restarts)) for one in waiting
        )
        if not waiting or hopeless or clock.monotonic() >= deadline:
            # With the states that ended the waiting: what ends again and again may just have begun once more.
            used = {one.container: one.memory for one in _state(starter, model, chosen, with_memory=True).services}
            services = tuple(replace(one, memory=used.get(one.container)) for one in state.services)
            return replace(state, services=services)
        if clock.monotonic() - said_at >= _SAY_EVERY.total_seconds():
            said_at = clock.monotonic()
            progress.say(f"waiting for {listed(f'{one.service} ({one.health or one.state})' for one in waiting)}")
        clock.sleep(_EVERY)


def _state(
    starter: Starter, model: Mapping[str, Any], chosen: Sequence[str], *, with_memory: bool = False
) -> StackState:
    return state_of(model, starter.compose.file, starter.engine, chosen, with_memory=with_memory)


def _reload(starter: Starter, before: Mapping[str, ServiceState], state: StackState) -> None:
    """What went on running reads its files again: Compose sees only changes of its own file. Raises ServiceError."""
    refused = []
    for one in state.services:
        address, earlier = _RELOADS.get(one.service), before.get(one.container)
        if address is None or earlier is None or earlier.started != one.started or not one.is_well:
            continue
        seen = set(starter.engine.logs(one.container, _LINES))
        answer = starter.compose.post(one.service, address)
        if "500" in answer:
            lines = [line for line in starter.engine.logs(one.container, _LINES) if line not in seen]
            refused.append(
                f"{one.service} refuses its configuration and runs on with the one before: {last_words(lines)}"
            )
        elif answer:
            starter.progress.say(f"{one.service} does not reload; after an edit: monops stack restart {one.service}")
    if refused:
        raise ServiceError("; ".join(refused), remedy="mend the file, then: monops stack up")


def _check_networks(model: Mapping[str, Any], services: Sequence[str], engine: Engine) -> None:
    """Compose's own message names neither the nearest network nor who should have made it."""
    wanted = {name for service in services for name in (model["services"][service].get("networks") or {})}
    external = [
        str(network.get("name") or name)
        for name, network in (model.get("networks") or {}).items()
        if name in wanted and network.get("external")
    ]
    if not external:
        return
    there = [network.name for network in engine.networks()]
    for name in external:
        if name not in there:
            raise EngineError(
                f"the main system's network {name!r} is not there.{did_you_mean(name, there)}",
                remedy="start the main system first; or name its network: monops init --network NAME",
            )


def _settle_secrets(starter: Starter, model: Mapping[str, Any]) -> None:
    """Each service can read its own secrets: the files are 0600, so they must belong to the user it runs as."""
    folder, services = starter.folder, model["services"]
    if folder.read(".monops/init.json") is None:
        return  # not a folder of ours
    if "grafana" in services and folder.owner(ADMIN_PASSWORD) is None:
        raise MonopsError(
            f"Grafana's password file {folder.path}/{ADMIN_PASSWORD} is missing", remedy="monops init --yes"
        )
    wrong: dict[str, int] = {}
    for service, usual in SECRET_OWNERS.items():
        if service not in services:
            continue
        user = str(services[service].get("user") or "").partition(":")[0]
        uid = int(user) if user.isdigit() else usual
        place = f"secrets/{service}"
        try:
            names = folder.names(place)
        except MonopsError:
            wrong[place] = uid  # another person's, whose files cannot be listed
            continue
        wrong |= {f"{place}/{name}": uid for name in names if not folder.give_to(f"{place}/{name}", uid)}
    if wrong:
        service = "prometheus" if "prometheus" in services else next(iter(wrong)).split("/")[1]
        starter.compose.own(str(services[service]["image"]), folder.path, wrong)
