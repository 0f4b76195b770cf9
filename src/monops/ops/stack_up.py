"""Starting the stack, and waiting until every service is healthy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from monops.domain.errors import EngineError, MonopsError
from monops.domain.nearest import did_you_mean, listed
from monops.domain.ports import Clock, Compose, Engine, Progress, StackFolder
from monops.ops.stack_status import StackState, declared_services, state_of
from monops.stack.files import ADMIN_PASSWORD, SECRET_OWNERS

_EVERY = timedelta(milliseconds=300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """What it takes to bring services up."""

    compose: Compose
    engine: Engine
    clock: Clock
    progress: Progress
    folder: StackFolder


def bring_up(starter: Starter, chosen: Sequence[str], *, within: timedelta) -> StackState:
    """Every chosen service runs, and is healthy where it has a check; else the state says which is not and why.

    Images that are not there are pulled. Raises EngineError and MonopsError for what can be known before.
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
    progress.say(f"starting {listed(services)}")
    compose.up(chosen)
    return wait_healthy(starter, model, chosen, within=within)


def wait_healthy(starter: Starter, model: Mapping[str, Any], chosen: Sequence[str], *, within: timedelta) -> StackState:
    """The state once all is well, or once waiting cannot help, or `within` is over."""
    clock, progress = starter.clock, starter.progress
    deadline = clock.monotonic() + within.total_seconds()
    told: set[str] = set()
    while True:
        state = state_of(model, starter.compose.file, starter.engine, chosen, with_memory=False)
        waiting = [one for one in state.services if not one.is_well]
        for one in state.services:
            if one.is_well and one.service not in told:
                told.add(one.service)
                progress.step(f"{one.service} is {one.health or 'running'}")
        if not waiting or any(one.is_hopeless for one in waiting) or clock.monotonic() >= deadline:
            return state_of(model, starter.compose.file, starter.engine, chosen, with_memory=True)
        clock.sleep(_EVERY)


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
    folder = starter.folder
    if folder.read(".monops/init.json") is None:
        return  # not a folder of ours
    if "grafana" in model["services"] and folder.owner(ADMIN_PASSWORD) is None:
        raise MonopsError(
            f"Grafana's password file {folder.path}/{ADMIN_PASSWORD} is missing", remedy="monops init --yes"
        )
    wrong: dict[str, int] = {}
    for service, uid in SECRET_OWNERS.items():
        if service not in model["services"]:
            continue
        for name in folder.names(f"secrets/{service}"):
            path = f"secrets/{service}/{name}"
            if folder.owner(path) != uid and not folder.give_to(path, uid):
                wrong[path] = uid
    if wrong:
        image = str(model["services"]["prometheus"]["image"])
        starter.compose.own(image, folder.path, wrong)
