"""Planning several Prometheus of one, and one of several."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from monops.domain.change import FileEdit, Plan, Value
from monops.domain.env_edit import set_variable, variable
from monops.domain.errors import ConfigurationError, NotFound, Refused, UsageFault
from monops.domain.nearest import listed
from monops.domain.rebuild import without_secret
from monops.domain.retention import canonical
from monops.domain.scale import (
    LAYER_PORT,
    LAYER_SERVICE,
    LAYER_URL,
    MOST_REPLICAS,
    MOST_SHARDS,
    RULES_PORT,
    RULES_SERVICE,
    Instance,
    Scale,
)
from monops.domain.scale_compose import (
    Copy,
    copied_services,
    layer_service,
    mount_at,
    rules_service,
    with_config,
    with_service,
    with_volumes,
    without_scale,
)
from monops.domain.scale_config import (
    evaluation_interval,
    instance_configs,
    notifier_config,
    rule_patterns,
    shortest_interval,
)
from monops.domain.scale_rules import Placed, place_rules
from monops.domain.yaml_edit import set_value, value_at, written_at
from monops.ops.scale_look import SERVICE, Layout, flag_value, has_layer
from monops.ops.scale_ports import Ports
from monops.ops.scale_steps import expected_of, steps_of
from monops.ops.workshop import Workshop
from monops.stack.options import SCALE_IMAGES

NOTIFIER = "vmalert-notifier.yml"
_GRAFANA = "/etc/grafana/provisioning"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """Where the rules are evaluated."""

    #: What stands in `rule_files` of each instance; None: as in the person's file.
    own: tuple[str, ...] | None
    #: For vmalert, as paths in the container.
    central: tuple[str, ...]
    placed: tuple[Placed, ...]


def plan_scale(shop: Workshop, at: Layout, wanted: Scale, *, first_port: int | None = None) -> Plan:
    """Raises UsageFault for numbers that cannot be, Refused and ConfigurationError where the files do not allow it."""
    _check(wanted)
    own = shop.files.read(at.own)
    if own is None:
        raise Refused(
            f"{at.own} is not there, from which the configuration of each Prometheus is made",
            remedy=f"bring it back; {at.container.name} runs on a copy of it",
        )
    rules = _rules(shop, at, own, wanted)
    plain = _plain(at)
    ports = Ports(shop, at, plain, first_port)
    text = plain if wanted.is_one else _scaled_text(shop, at, plain, own, wanted, rules, ports)
    edits = [
        *_config_edits(shop, at, own, wanted, rules),
        *_grafana_edits(shop, at, wanted),
        *([] if wanted.is_one else _variables(shop, at)),
        FileEdit(path=at.compose, before=at.text, after=text),
    ]
    edits = [edit for edit in edits if edit.before != edit.after]
    _check_images(shop, at, wanted, rules, edits)
    values = (
        Value("shards", str(at.scale.shards), str(wanted.shards)),
        Value("replicas", str(at.scale.replicas), str(wanted.replicas)),
    )
    steps = steps_of(shop, at, edits)
    title = f"Prometheus: {at.scale} → {wanted}" if at.scale != wanted else f"Prometheus: {wanted}"
    return Plan(
        site=at.site,
        title=title,
        values=tuple(value for value in values if value.before != value.after),
        edits=tuple(edits),
        steps=steps,
        expected=expected_of(shop, at, wanted, own) if edits else (),
        warnings=tuple(_warnings(at, wanted, rules, edits)) if edits else (),
    )


def _check(wanted: Scale) -> None:
    if not 1 <= wanted.shards <= MOST_SHARDS or not 1 <= wanted.replicas <= MOST_REPLICAS:
        raise UsageFault(
            f"{wanted}: shards are 1 to {MOST_SHARDS}, replicas 1 to {MOST_REPLICAS}",
            remedy="monops scale set --shards 2 --replicas 2",
        )


# --- Compose ---------------------------------------------------------------------------------------


def _plain(at: Layout) -> str:
    return without_scale(at.text, at.service, file=at.compose, config=at.inside, running=at.container.command)


def _scaled_text(shop: Workshop, at: Layout, plain: str, own: str, wanted: Scale, rules: _Rules, ports: Ports) -> str:
    file, folder = at.compose, posixpath.dirname(at.inside)
    inside = {one: f"{folder}/{one.file(posixpath.basename(at.inside))}" for one in wanted.instances}
    names = {one: one.service(at.service) for one in wanted.instances if not one.is_first}
    copies = [
        Copy(instance=one, config=inside[one], port=ports.of(name, 9090), volume=f"{name}-data")
        for one, name in names.items()
    ]
    text = with_config(plain, at.service, inside[Instance(1, "a")], file=file, running=at.container.command)
    first: Mapping[str, Any] = written_at(text, ("services", at.service), file=file)
    layer = layer_service(
        first,
        image=_image("VICTORIA_METRICS_IMAGE"),
        port=ports.of(LAYER_SERVICE, LAYER_PORT),
        keeps=_keeps(shop, at),
        interval=shortest_interval(own, at.own),
    )
    text = with_service(text, LAYER_SERVICE, layer, file=file)
    if rules.central:
        notifier = "" if notifier_config(own, file=at.own) is None else f"{folder}/{NOTIFIER}"
        service = rules_service(
            first,
            image=_image("VMALERT_IMAGE"),
            rules=rules.central,
            notifier=notifier,
            port=ports.of(RULES_SERVICE, RULES_PORT),
            url=flag_value(at, "--web.external-url") or f"http://{at.service}:9090",
            every=evaluation_interval(own, at.own),
            mounts=mount_at(first, folder),
        )
        text = with_service(text, RULES_SERVICE, service, file=file)
    text = with_volumes(text, [*(copy.volume for copy in copies), f"{LAYER_SERVICE}-data"], file=file)
    # Last: every edit reads the whole text, and these make it long.
    return copied_services(text, at.service, copies, file=file, data=at.data)


def _image(name: str) -> str:
    return f"${{{name}:?is in .env}}"


def _keeps(shop: Workshop, at: Layout) -> str:
    """As long as Prometheus itself; VictoriaMetrics knows no less than a day."""
    time = canonical(shop.outside.services.prometheus(at.container).status().retention)["time"]
    return f"{max(1, -(-int(time) // 86400))}d" if time.isdigit() else "100y"


# --- the other files -------------------------------------------------------------------------------


def _config_edits(shop: Workshop, at: Layout, own: str, wanted: Scale, rules: _Rules) -> list[FileEdit]:
    folder, name = posixpath.split(at.own)
    texts: dict[str, str | None] = {f"{folder}/{one.file(name)}": None for one in at.scale.instances}
    texts[f"{folder}/{NOTIFIER}"] = None
    if not wanted.is_one:
        made = instance_configs(
            own,
            file=at.own,
            scale=wanted,
            first=at.service,
            rule_files=rules.own,
            with_rules_service=bool(rules.central),
        )
        texts |= {f"{folder}/{one.file(name)}": text for one, text in made.items()}
        _check_configs(shop, {path: text for path, text in texts.items() if text is not None})
        if rules.central:
            texts[f"{folder}/{NOTIFIER}"] = notifier_config(own, file=at.own)
    return [
        FileEdit(path=path, before=shop.files.read(path), after=text, made_of=at.own) for path, text in texts.items()
    ]


def _check_configs(shop: Workshop, texts: Mapping[str, str]) -> None:
    """Raises ConfigurationError with what promtool says of any."""
    names = {posixpath.basename(path): text.encode() for path, text in texts.items()}
    said = shop.tools.apart(SERVICE, names, ("promtool", "check", "config", "--syntax-only", *names))
    if said.exit_code != 0:
        lines = [line.strip() for line in said.output.splitlines() if line.strip()]
        first = next((n for n, line in enumerate(lines) if "FAILED" in line or "error" in line.lower()), 0)
        # Of the copies the first that is wrong says it all.
        others = (n for n, line in enumerate(lines) if n > first and ("FAILED" in line or line.startswith("Checking")))
        end = next(others, len(lines))
        why = without_secret(" ".join(lines[first:end]).removeprefix("FAILED: "))
        raise ConfigurationError(
            f"promtool refuses what would be made: {why}",
            remedy="monops lint; mend prometheus.yml, then run this again",
        )


def _grafana_edits(shop: Workshop, at: Layout, wanted: Scale) -> list[FileEdit]:
    """Its data source for Prometheus leads to what sees everything."""
    found = []
    for path in _data_source_files(shop):
        text = before = shop.files.read(path) or ""
        sources = value_at(text, ("datasources",), file=path) if "datasources:" in text else []
        for number, source in enumerate(sources or ()):
            host = re.match(r"https?://([^:/]+)", str(source.get("url", "")))
            ours = (LAYER_SERVICE,) if wanted.is_one else (at.service, at.container.name)
            if source.get("type") == "prometheus" and host is not None and host[1] in ours:
                url = f"http://{at.service}:9090" if wanted.is_one else LAYER_URL
                text = set_value(text, ("datasources", number, "url"), url, file=path)
        found.append(FileEdit(path=path, before=before, after=text))
    return found


def _data_source_files(shop: Workshop) -> Sequence[str]:
    with suppress(NotFound):
        for mount in shop.container("grafana").mounts:
            if mount.type == "bind" and mount.destination.rstrip("/") == _GRAFANA:
                return shop.files.matching(f"{mount.source}/datasources/*.yml")
    return ()


def _variables(shop: Workshop, at: Layout) -> list[FileEdit]:
    """The images are named where all are."""
    path = at.site.variables[-1] if at.site.variables else f"{at.site.folder}/.env"
    text = before = shop.files.read(path)
    for name, image in SCALE_IMAGES.items():
        if variable(text or "", name) is None:
            text = set_variable(text or "", name, image, file=path)
    return [FileEdit(path=path, before=before, after=text)]


def _check_images(shop: Workshop, at: Layout, wanted: Scale, rules: _Rules, edits: Sequence[FileEdit]) -> None:
    """Raises NotFound before anything is touched: a change does not download."""
    if wanted.is_one or not edits:
        return
    texts = {
        edit.path: edit.after
        for edit in edits
        if edit.path.endswith((".env", at.compose)) or edit.path in at.site.variables
    }
    compose = shop.bench.compose(at.site)
    services = compose.model(texts).get("services") or {}
    names = [LAYER_SERVICE, *([RULES_SERVICE] if rules.central else [])]
    missing = [image for name in names if not compose.has_image(image := str(services[name]["image"]))]
    if missing:
        raise NotFound(
            f"the image {listed(missing)} is not on this machine",
            remedy="; ".join(f"docker pull {image}" for image in missing),
        )


# --- rules -----------------------------------------------------------------------------------------


def _rules(shop: Workshop, at: Layout, own: str, wanted: Scale) -> _Rules:
    if wanted.shards == 1:
        return _Rules(own=None, central=(), placed=())
    folder, inside = posixpath.dirname(at.own), posixpath.dirname(at.inside)
    texts: dict[str, str] = {}
    for pattern in rule_patterns(own, at.own):
        relative = posixpath.relpath(pattern, inside) if pattern.startswith("/") else pattern
        if relative.startswith(".."):
            raise Refused(
                f"the rules {pattern} are not beside {at.own}, where vmalert could read them too",
                remedy=f"move them below {folder}",
            )
        for path in shop.files.matching(f"{folder}/{relative}"):
            texts[posixpath.relpath(path, folder)] = shop.files.read(path) or ""
    placed = place_rules(texts)
    return _Rules(
        own=tuple(one.file for one in placed if not one.why),
        central=tuple(f"{inside}/{one.file}" for one in placed if one.why),
        placed=placed,
    )


# --- what a person should know ----------------------------------------------------------------------


def _warnings(at: Layout, wanted: Scale, rules: _Rules, edits: Sequence[FileEdit]) -> list[str]:
    found = []
    if central := [one for one in rules.placed if one.why]:
        found.append(
            f"vmalert evaluates {len(central)} of {len(rules.placed)} rule files on the query layer, because no shard "
            "has all that their rules ask for:" + "".join(f"\n    {one.file}  {one.why}" for one in central)
        )
    if not wanted.is_one and not has_layer(at):
        found.append(
            "the query layer begins empty: what was before is still in Prometheus. It keeps a second copy of every "
            "sample from now on, and wants about as much disk as Prometheus"
        )
    if not any("/datasources/" in edit.path for edit in edits) and has_layer(at) == wanted.is_one:
        found.append(f"no data source of Grafana was found in files: lead it to {LAYER_URL} by hand, or back")
    if wanted.is_one:
        found.append("what the query layer holds is no longer asked; its volume stays, and so do those of the others")
    if not wanted.is_one and has_layer(at) is False:
        found.append("monops backup prometheus is from now on a backup of the first instance alone")
    return found
