"""Planning other limits for services: written where they are declared, and applied to what runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from monops.domain.change import Expected, FileEdit, Means, Plan, Site, Step, Value
from monops.domain.errors import Refused, UsageFault
from monops.domain.limits import (
    NAMES,
    Limits,
    Wanted,
    check,
    check_reservation,
    check_swap,
    compose_size,
    declared,
    in_force,
    normal,
    shown,
    shown_name,
    swap_for,
)
from monops.domain.limits_edit import Place, new_form, places, written
from monops.domain.ports import Container
from monops.domain.stack import service_of
from monops.domain.units import parse_size, show_size
from monops.ops.change_site import file_with, site_files
from monops.ops.change_variable import with_variable
from monops.ops.change_watch import interruption, refuse_paused, stopped
from monops.ops.effective.limits import FIELDS
from monops.ops.effective.limits import shown as read_back
from monops.ops.limits_look import Scene, containers_of, host_config, set_scene
from monops.ops.limits_room import check_room
from monops.ops.limits_usage import recent_peaks
from monops.ops.workshop import Workshop


@dataclass
class _Draft:
    """A plan that is being made."""

    scene: Scene
    texts: dict[str, str]
    values: list[Value] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    expected: list[Expected] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def plan_limits(shop: Workshop, wanted: Mapping[str, Wanted], *, recreate: bool = False) -> Plan:
    """One plan for all these services. With `recreate` their containers are made anew instead of updated.

    Raises UsageFault for what cannot be, Refused where a service uses more now or the file cannot be edited.
    """
    for service, one in wanted.items():
        if not list(one):
            raise UsageFault(
                "say what to limit: --cpus, --memory, --reserve-memory",
                remedy=f"monops limits set {service} --memory 1G; or see: monops limits recommend {service}",
            )
    scene = set_scene(shop, tuple(wanted))
    capacity = shop.outside.engine.capacity()
    befores = site_files(shop, scene.site)
    draft = _Draft(scene=scene, texts=dict(befores))
    for service, one in wanted.items():
        numbers = check(one, service=service, processors=capacity.processors, memory=capacity.memory)
        _plan_service(shop, draft, service, one, numbers, recreate=recreate)
    # A file of variables came in on the way.
    befores |= {path: shop.files.read(path) or "" for path in draft.texts if path not in befores}
    _warn_of_peaks(shop, draft, wanted)
    edits = tuple(
        FileEdit(path=path, before=shop.files.read(path), after=text)
        for path, text in draft.texts.items()
        if text != befores[path]
    )
    _prove(shop, scene.site, edits, draft)
    return Plan(
        site=scene.site,
        title=f"limits of {_title(wanted, draft.values)}",
        values=tuple(draft.values),
        edits=edits,
        steps=tuple(draft.steps),
        expected=tuple(draft.expected),
        warnings=tuple(dict.fromkeys(draft.warnings)),
    )


def _title(wanted: Mapping[str, Wanted], values: Sequence[Value]) -> str:
    changed = ", ".join(f"{one.name} {one.before} → {one.after}" for one in values)
    if len(wanted) == 1:
        (service,) = wanted
        return f"{service}: {changed.replace(f'{service} ', '') or 'as they are'}"
    return changed or f"{', '.join(wanted)}: as they are"


def _plan_service(
    shop: Workshop, draft: _Draft, service: str, wanted: Wanted, numbers: Mapping[str, int], *, recreate: bool
) -> None:
    containers = containers_of(draft.scene, service)
    if not containers:
        raise Refused(f"{service} has no container", remedy=f"monops stack up {service}")
    now = declared(draft.scene.service(service))
    refuse_paused(containers)
    if "memory" in numbers:
        draft.warnings += check_room(shop, service, containers, numbers["memory"])
    _check_together(service, now, numbers)
    texts = {setting: normal(setting, text) for setting, text in wanted}
    for setting, number in numbers.items():
        if now.of(setting) != number:
            _edit(shop, draft, service, setting, texts[setting])
    swap_now = _declared_swap(draft, service)
    swap = swap_now
    if "memory" in numbers and swap_now > 0:
        if swap_now == now.memory:
            # Without any swap, and so it stays.
            swap = numbers["memory"]
            if swap != swap_now:
                _edit(shop, draft, service, "swap", texts["memory"])
        check_swap(service, numbers["memory"], swap)
    for setting, number in numbers.items():
        running = in_force(host_config(containers[0])).of(setting)
        if (now.of(setting), running) != (number, number):
            before = now.of(setting) if now.of(setting) != number else running
            draft.values.append(
                Value(f"{service} {shown_name(setting)}", shown(setting, before), shown(setting, number))
            )
    _plan_step(draft, service, containers, numbers, swap, recreate=recreate)
    _warn(draft, service, containers[0], now, numbers, recreate=recreate)


def _plan_step(
    draft: _Draft,
    service: str,
    containers: Sequence[Container],
    numbers: Mapping[str, int],
    swap: int,
    *,
    recreate: bool,
) -> None:
    fields = {NAMES[setting]: number for setting, number in numbers.items()}
    first = host_config(containers[0])
    if "memory" in numbers:
        fields["MemorySwap"] = swap_for(numbers["memory"], int(first.get("MemorySwap") or 0), swap)
    hosts = [host_config(one) for one in containers]
    before = {name: int(first.get(name) or 0) for name in fields}
    if all(int(host.get(name) or 0) == value for host in hosts for name, value in fields.items()):
        edited = any(value.name.startswith(f"{service} ") for value in draft.values)
        if not edited:
            return
    if "MemoryReservation" in before:
        # How `docker update` takes one away.
        before["MemoryReservation"] = before["MemoryReservation"] or -1
    # A limit that was given in another way cannot be updated. Source: moby, daemon/update_linux.go.
    must = "NanoCpus" in fields and any(int(host.get("CpuQuota") or 0) > 0 for host in hosts)
    means = Means.RECREATE if recreate or must else Means.UPDATE
    draft.steps.append(
        Step(
            means=means,
            service=service,
            interrupts=interruption(service, means, containers),
            limits=fields,
            limits_before=before,
            stopped=stopped(containers),
        )
    )
    names = {field_name: name for name, field_name in FIELDS.items()}
    draft.expected.append(
        Expected(
            reader="limits",
            service=service,
            wanted={names[name]: read_back(value, names[name]) for name, value in fields.items()},
            before={names[name]: read_back(value, names[name]) for name, value in before.items()},
        )
    )


def _check_together(service: str, now: Limits, numbers: Mapping[str, int]) -> None:
    reserve = numbers.get("reserve_memory", now.reserve_memory)
    limit = numbers.get("memory", now.memory)
    if "reserve_memory" not in numbers and limit and reserve > limit:
        raise UsageFault(
            f"{service} has a reservation of {show_size(reserve)}, which is more than {show_size(limit)}",
            remedy=f"monops limits set {service} --memory {compose_size(limit)} --reserve-memory "
            f"{compose_size(limit // 2)}",
        )
    check_reservation(service, reserve, limit)


def _declared_swap(draft: _Draft, service: str) -> int:
    found = draft.scene.service(service).get("memswap_limit")
    if not found:
        return 0
    return -1 if str(found) == "-1" else parse_size(str(found))


# --- where it is written ---------------------------------------------------------------------------


def _edit(shop: Workshop, draft: _Draft, service: str, setting: str, value: str) -> None:
    compose = {path: text for path, text in draft.texts.items() if path in draft.scene.site.files}
    found = places(compose, service, setting)
    if not found:
        form = new_form(compose, service, setting)
        file = file_with(compose, service, form[0])
        found = (Place(file=file, path=("services", service, *form), value=None),)
    for place in found:
        name = place.variable
        if name is not None:
            path, text = with_variable(shop, draft.scene.site, name, value, draft.texts, service=service)
        else:
            path, text = place.file, written(draft.texts[place.file], place, value)
        draft.texts[path] = text


def _prove(shop: Workshop, site: Site, edits: Sequence[FileEdit], draft: _Draft) -> None:
    """Compose itself reads the new files so. Raises Refused."""
    if not edits:
        return
    model = shop.bench.compose(site).model({edit.path: edit.after for edit in edits})
    for step in draft.steps:
        found = declared(model["services"][step.service])
        for setting, name in NAMES.items():
            if name in step.limits and found.of(setting) != step.limits[name]:
                raise Refused(
                    f"Compose would still give {step.service} {shown_name(setting)} "
                    f"{shown(setting, found.of(setting))}: it is set elsewhere too",
                    remedy="docker compose config; then edit that by hand",
                )


# --- what a person should know ----------------------------------------------------------------------


def _warn(
    draft: _Draft, service: str, container: Container, now: Limits, numbers: Mapping[str, int], *, recreate: bool
) -> None:
    step = next((one for one in draft.steps if one.service == service), None)
    if step is None:
        return
    if step.means is Means.UPDATE and any(now.of(setting) != number for setting, number in numbers.items()):
        draft.warnings.append(
            f"Compose does not see what is changed live: the next `stack up` makes {service} anew once, with the same "
            "limits; --recreate does that now"
        )
    running = in_force(host_config(container))
    for setting in NAMES:
        if setting not in numbers and now.of(setting) != running.of(setting):
            draft.warnings.append(
                f"the {shown_name(setting)} of {service} is not as declared ({shown(setting, now.of(setting))}) but "
                f"{shown(setting, running.of(setting))}, and stays so"
            )
    memory = numbers.get("memory")
    # One that is stopped looks when it is started.
    looked = not step.stopped and step.means is Means.UPDATE
    if looked and memory and service_of(container) == "prometheus" and memory != running.memory:
        aim = f", {show_size(0.9 * running.memory)}" if running.memory else ""
        draft.warnings.append(
            f"Prometheus 3 set its own aim (GOMEMLIMIT) when it started, 90 % of the limit of then{aim}: it keeps to "
            "that until it is started again; --recreate does that now"
        )


def _warn_of_peaks(shop: Workshop, draft: _Draft, wanted: Mapping[str, Wanted]) -> None:
    """What cAdvisor has seen in the last days, beside limits that are lowered."""
    asked = {}
    for step in draft.steps:
        for container in containers_of(draft.scene, step.service):
            memory, cpus = step.limits.get("Memory"), step.limits.get("NanoCpus")
            if memory or cpus:
                asked[container.name] = (step.service, memory, cpus)
    if not asked:
        return
    peaks = recent_peaks(shop, tuple(asked))
    for name, (service, memory, cpus) in asked.items():
        peak = peaks.get(name)
        if peak is None:
            continue
        if memory and peak.memory > memory:
            draft.warnings.append(
                f"{service} had {show_size(peak.memory)} at its peak in the last {peak.said}: with "
                f"{show_size(memory)} it would have been killed"
            )
        if cpus and peak.cpus > cpus:
            draft.warnings.append(
                f"{service} used {shown('cpus', peak.cpus)} processors at its peak in the last {peak.said}: with "
                f"{shown('cpus', cpus)} it is slowed down then"
            )
