"""Whether a plan can be carried out, before anything is touched: files, Compose, and the servers' own tools."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from monops.domain.change import FileEdit, Means, Plan
from monops.domain.errors import ConfigurationError, EditedMeanwhile, MonopsError, Refused
from monops.domain.nearest import listed
from monops.domain.rebuild import without_secret
from monops.domain.scale import LABEL, instance_of, own_file, scale_of
from monops.domain.typed_command import mended
from monops.ops.change_live import hashes_in_force
from monops.ops.change_site import config_file
from monops.ops.change_watch import refuse_paused, unhealthy
from monops.ops.workshop import Workshop

_AMTOOL = "amtool: error: failed to validate 1 file(s)"
_COMES_OR_GOES = (Means.MAKE, Means.REMOVE)
_HASH = "com.docker.compose.config-hash"
#: Service -> its own tool's question. What the file names need not be there: secrets, rules, targets stay as they are.
_TOOLS = {
    "prometheus": ("promtool", "check", "config", "--syntax-only"),
    "alertmanager": ("amtool", "check-config"),
}


def check(shop: Workshop, plan: Plan) -> tuple[str, ...]:
    """What a person should know besides the plan's own warnings.

    Raises Refused for a file that was edited or cannot be written and for a paused container, ConfigurationError with
    what Compose or a tool says.
    """
    for edit in plan.edits:
        shop.files.check_writable(edit.path, in_place=edit.in_place)
        if shop.files.read(edit.path) != edit.before:
            raise EditedMeanwhile(f"{edit.path} was edited meanwhile", remedy="look at it, then run monops again")
        if not edit.made_of and edit.before is not None and own_file(edit.path) != edit.path:
            raise Refused(
                f"{edit.path} is made of {own_file(edit.path)} by `monops scale set`, so this edit would be lost",
                remedy=f"edit {own_file(edit.path)}; then the same scale again: monops scale show",
            )
    for step in plan.steps:
        refuse_paused(shop.in_site(plan.site, step.service))
    ailing = [name for step in plan.steps for name in unhealthy(shop, plan.site, step.service)]
    warnings = (
        *(f"the health check of {name} fails even now, so only what it reports can say whether it went well"
          for name in ailing),
        *_check_compose(shop, plan),
    )  # fmt: skip
    for edit in plan.edits:
        _check_by_tool(shop, plan, edit)
    return warnings


def _check_compose(shop: Workshop, plan: Plan) -> tuple[str, ...]:
    site, compose = plan.site, shop.bench.compose(plan.site)
    own = {*site.files, *site.variables, f"{site.folder}/.env"}
    edited = {edit.path: edit.after for edit in plan.edits if edit.path in own}
    before = compose.model()
    after = compose.model(edited) if edited else before
    declared = before.get("services") or {}
    if unseen := sorted({step.service for step in plan.steps if step.means not in _COMES_OR_GOES} - set(declared)):
        raise Refused(
            f"Compose does not see {listed(unseen)} in {listed(site.files)}, though it was started from there",
            remedy="docker compose config --services; then, with the files that have it: monops stack up",
        )
    moved = _changed(before, after)
    stepped = {step.service for step in plan.steps}
    if strangers := sorted(moved - stepped):
        raise Refused(
            f"this would change {listed(strangers)} too: a variable or an anchor is shared",
            remedy=f"edit {listed(sorted(edited))} by hand, then: monops stack up",
        )
    warnings = _for_one_of_several(before, plan)
    made_anew = [step.service for step in plan.steps if step.means is Means.RECREATE]
    return (*warnings, *(_drift(shop, plan, made_anew, hashes_in_force(shop, site)) if made_anew else ()))


def _for_one_of_several(before: Mapping[str, Any], plan: Plan) -> tuple[str, ...]:
    """Of several Prometheus, whoever changes the first would have to change its copies too."""
    services = before.get("services") or {}
    labels = {name: str((service.get("labels") or {}).get(LABEL, "")) for name, service in services.items()}
    others = {name: one for name, label in labels.items() if (one := instance_of(label)) is not None}
    if not others or any(edit.made_of for edit in plan.edits):
        return ()
    scale = scale_of(labels.values())
    found = [step.service for step in plan.steps if all(one.service(step.service) == n for n, one in others.items())]
    again = f"monops scale set --shards {scale.shards} --replicas {scale.replicas}"
    return tuple(
        f"{name} is the first of several; for the others to get this too, afterwards: {again}" for name in found
    )


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """The services that Compose would see as others."""
    one, other = before.get("services") or {}, after.get("services") or {}
    return {name for name in {*one, *other} if one.get(name) != other.get(name)}


def _drift(shop: Workshop, plan: Plan, services: Sequence[str], hashes: Mapping[str, str]) -> tuple[str, ...]:
    """A container that is not as its files say: making it anew takes over more than this change."""
    found = []
    for service in services:
        for container in shop.in_site(plan.site, service):
            label = container.labels.get(_HASH, "")
            if label and service in hashes and label != hashes[service]:
                found.append(
                    f"{container.name} is not as its files say even now (edited since, or started with variables of "
                    "another shell): making it anew takes that over too, and a way back leads to the files, not to it"
                )
    return tuple(found)


def _check_by_tool(shop: Workshop, plan: Plan, edit: FileEdit) -> None:
    for service, words in _TOOLS.items():
        if edit.after is None or edit.path in plan.site.files:
            continue
        try:
            found = config_file(shop, shop.container(service), service)
        except MonopsError:
            continue  # not this service's file, as far as can be known
        if found.path != edit.path:
            continue
        name = found.inside.rpartition("/")[2]
        said = shop.tools.apart(service, {name: edit.after.encode()}, (*words, name))
        if said.exit_code == 0:
            continue
        old = shop.tools.apart(service, {name: (edit.before or "").encode()}, (*words, name))
        why = _why(said.output)
        if old.exit_code != 0:
            container = shop.container(service).name
            raise ConfigurationError(
                f"{words[0]} refuses {edit.path} even as it is: {_why(old.output)}",
                remedy=shlex.join(["docker", "exec", container, *words, found.inside]),
            )
        right = mended(shop.command, why)
        what = f"the setting {right.setting} in {edit.path}" if right.setting else f"the changed {edit.path}"
        raise ConfigurationError(f"{words[0]} refuses {what}: {why}", remedy=right.command)


def _why(output: str) -> str:
    """What a tool found wrong, in one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    # What amtool has to say beside that may come anywhere.
    lines = [line.removesuffix(_AMTOOL).strip() for line in lines if line != _AMTOOL]
    first = next((n for n, line in enumerate(lines) if "FAILED" in line or "error" in line.lower()), 0)
    return without_secret(" ".join(lines[first:]).partition("FAILED: ")[2] or " ".join(lines[first:]))
