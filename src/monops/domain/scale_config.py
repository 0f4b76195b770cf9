"""The configuration of each of several Prometheus, made from the person's own file.

Source: prometheus.io/docs/prometheus/latest/configuration/configuration; docs.victoriametrics.com, vmalert.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from monops.domain.errors import ConfigurationError, Refused
from monops.domain.scale import (
    LAYER_PORT,
    LAYER_SERVICE,
    LAYER_URL,
    OWN_LABELS,
    REPLICA_LABEL,
    RULES_PORT,
    RULES_SERVICE,
    SHARD_LABEL,
    Instance,
    Scale,
)
from monops.domain.units import parse_duration
from monops.domain.yaml_edit import has, insert_item, set_value, value_at, written_at
from monops.domain.yaml_nodes import Written, items_of

_MADE_OF = "# monops: made of "
_MARK = "__tmp_monops_shard"
#: What Prometheus shows in a rule that does not say it; what is empty it does not show.
_FILLED_IN = {"separator": ";", "regex": "(.*)", "replacement": "$1", "action": "replace"}
_ITSELF = re.compile(r"(?:localhost|127\.0\.0\.1):(\d+)")
#: What Prometheus scrapes by where nothing is said.
_SCRAPE_EVERY = "1m"


#: Stand in the text that all share for what is each one's own; written in quotes, because of the @.
_SHARD, _PART, _REPLICA = "@monops-shard@", "@monops-part@", "@monops-replica@"


def instance_configs(
    own: str,
    *,
    file: str,
    scale: Scale,
    first: str,
    rule_files: Sequence[str] | None,
    with_rules_service: bool,
) -> dict[Instance, str]:
    """The text for each instance. `first` is the Compose service of the first one; `rule_files` those that a shard
    evaluates itself, None where each evaluates all. Raises Refused, ConfigurationError.

    Whatever is not added here is as in the person's file, to the byte.
    """
    shared = _shared(own, file, scale, first, rule_files, with_rules_service)
    found = {}
    for one in scale.instances:
        text = shared
        for mark, value in ((_SHARD, str(one.shard)), (_PART, str(one.shard - 1)), (_REPLICA, one.replica)):
            text = text.replace(f'"{mark}"', f'"{value}"')
        found[one] = _head(own, file, one, scale) + text
    return found


def _shared(
    own: str, file: str, scale: Scale, first: str, rule_files: Sequence[str] | None, with_rules_service: bool
) -> str:
    text = own
    jobs = _jobs(own, file)
    # The last first: by then nobody refers any more to what has an anchor.
    for number in reversed(range(len(jobs))):
        text = _with_all_of_us(text, number, scale, first, file)
        if scale.shards > 1:
            text = _sharded(text, number, scale, file)
    watched = [(LAYER_SERVICE, LAYER_PORT), *([(RULES_SERVICE, RULES_PORT)] if with_rules_service else [])]
    taken = {str(job.get("job_name")) for job in jobs}
    for name, port in watched:
        if name not in taken:
            text = _with_job(text, name, port, scale, file)
    for name, value in ((SHARD_LABEL, _SHARD), (REPLICA_LABEL, _REPLICA)):
        text = set_value(text, ("global", "external_labels", name), value, file=file)
    if rule_files is not None and has(text, ("rule_files",), file=file):
        text = set_value(text, ("rule_files",), list(rule_files), file=file)
    if has(text, ("alerting",), file=file):
        # Else Alertmanager would take the alert of each replica for another one.
        drop = {"action": "labeldrop", "regex": OWN_LABELS}
        text = insert_item(text, ("alerting", "alert_relabel_configs"), drop, file=file)
    return insert_item(text, ("remote_write",), _layer_write(own, file), file=file)


def _head(own: str, file: str, instance: Instance, scale: Scale) -> str:
    name = file.rpartition("/")[2]
    return (
        f"# Shard {instance.shard} of {scale.shards}, replica {instance.replica}. Made from {name} by monops: edit that"
        f" one, then: monops scale set --shards {scale.shards} --replicas {scale.replicas}\n"
        f"{_MADE_OF}{digest(own)}\n"
    )


def digest(own: str) -> str:
    """By which a copy knows of what text it was made."""
    return hashlib.sha256(own.encode()).hexdigest()[:16]


def made_of(copy: str) -> str:
    """The digest that a copy names; "" where it names none."""
    return next((line.removeprefix(_MADE_OF) for line in copy.splitlines()[:3] if line.startswith(_MADE_OF)), "")


def _jobs(own: str, file: str) -> list[Mapping[str, Any]]:
    if has(own, ("scrape_config_files",), file=file):
        raise Refused(
            f"{file} takes jobs from other files (scrape_config_files), which would be scraped by every shard",
            remedy=f"write these jobs into {file} itself",
        )
    jobs = value_at(own, ("scrape_configs",), file=file) if has(own, ("scrape_configs",), file=file) else None
    if not isinstance(jobs, list) or not jobs:
        raise ConfigurationError(
            f"{file} has no scrape_configs: there is nothing to share out", remedy=f"look at {file}"
        )
    return [job if isinstance(job, dict) else {} for job in jobs]


def _sharded(text: str, number: int, scale: Scale, file: str) -> str:
    """Before any relabelling of the person's own: afterwards several targets may have one exporter's address."""
    path = ("scrape_configs", number, "relabel_configs")
    part = {"source_labels": ["__address__"], "modulus": scale.shards, "target_label": _MARK, "action": "hashmod"}
    keep = {"source_labels": [_MARK], "regex": _PART, "action": "keep"}
    for rule in (keep, part):
        text = insert_item(text, path, rule, file=file, after=-1)
    return text


def _with_all_of_us(text: str, number: int, scale: Scale, first: str, file: str) -> str:
    """`localhost` is somebody else in each instance: the job has all of them instead, by their names."""
    path = ("scrape_configs", number, "static_configs")
    groups = items_of(written_at(text, path, file=file)) if has(text, path, file=file) else []
    found: list[Any] = []
    for group in groups:
        targets = items_of(group.get("targets")) if isinstance(group, dict) else []
        itself = [match for target in targets if (match := _ITSELF.fullmatch(str(target)))]
        others = [target for target in targets if not _ITSELF.fullmatch(str(target))]
        if not itself:
            found.append(group)
            continue
        if others:
            found.append({**group, "targets": others})
        labels = group["labels"] if isinstance(group.get("labels"), dict) else {}
        for one in scale.instances:
            name = one.service(first)
            own = {**labels, "instance": labels.get("instance", name) if one.is_first else name}
            found.append({"targets": [f"{name}:{itself[0][1]}"], "labels": own})
    return text if found == groups else set_value(text, path, found, file=file)


def _with_job(text: str, name: str, port: int, scale: Scale, file: str) -> str:
    """The query layer is watched like everything else."""
    job: dict[str, Any] = {
        "job_name": name,
        "static_configs": [{"targets": [f"{name}:{port}"], "labels": {"instance": name}}],
    }
    text = insert_item(text, ("scrape_configs",), job, file=file)
    if scale.shards == 1:
        return text
    number = len(value_at(text, ("scrape_configs",), file=file)) - 1
    return _sharded(text, number, scale, file)


def _layer_write(own: str, file: str) -> dict[str, Any]:
    """Into the query layer series go as one Prometheus would have them: without what only the sender is called."""
    relabelling: list[dict[str, Any]] = [{"action": "labeldrop", "regex": OWN_LABELS}]
    labels = external_labels(own, file)
    # A variable's value is not known here: such a label stays.
    relabelling += [
        {"source_labels": [name], "regex": re.escape(value), "target_label": name, "replacement": ""}
        for name, value in labels.items()
        if "$" not in value
    ]
    return {
        "name": LAYER_SERVICE,
        "url": f"{LAYER_URL}/api/v1/write",
        "queue_config": {"batch_send_deadline": "1s"},
        "write_relabel_configs": relabelling,
    }


def external_labels(own: str, file: str) -> dict[str, str]:
    """The person's own, as Prometheus reads them."""
    path = ("global", "external_labels")
    found = written_at(own, path, file=file) if has(own, path, file=file) else None
    return {str(name): _read(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _read(value: Any) -> str:
    """What Prometheus reads where it wants a text: what is written, and nothing for null. Source: yaml.v2, decode.go"""
    return "" if isinstance(value, Written) and value.is_null else str(value)


def rule_patterns(own: str, file: str) -> list[str]:
    """`rule_files`, as written."""
    found = written_at(own, ("rule_files",), file=file) if has(own, ("rule_files",), file=file) else None
    return [str(one) for one in items_of(found)]


def evaluation_interval(own: str, file: str) -> str:
    path = ("global", "evaluation_interval")
    return str(value_at(own, path, file=file)) if has(own, path, file=file) else "1m"


def shortest_interval(own: str, file: str) -> str:
    """The shortest time between two scrapes of any job: what duplicates are told by."""
    path = ("global", "scrape_interval")
    usual = str(value_at(own, path, file=file)) if has(own, path, file=file) else _SCRAPE_EVERY
    every = [usual, *(str(job["scrape_interval"]) for job in _jobs(own, file) if job.get("scrape_interval"))]
    try:
        return min(every, key=lambda text: parse_duration(text).total_seconds())
    except ValueError as error:
        raise ConfigurationError(f"a scrape_interval in {file}: {error}", remedy=f"mend {file}") from error


def jobs_in_force(running: str, own: str, *, file: str) -> frozenset[str]:
    """The jobs whose relabelling in `own` is that of the running configuration: no edit of it waits to be read."""
    now, wanted = (_relabelling(text, file) for text in (running, own))
    return frozenset(job for job, rules in wanted.items() if now.get(job) == rules)


def _relabelling(text: str, file: str) -> dict[str, list[dict[str, Any]]]:
    """Job -> its rules without those of a shard, and without what Prometheus fills in when it shows them."""
    jobs = written_at(text, ("scrape_configs",), file=file) if has(text, ("scrape_configs",), file=file) else None
    found = {}
    for job in items_of(jobs):
        rules = items_of(job.get("relabel_configs")) if isinstance(job, dict) else []
        rules = [_texts_of(rule) for rule in rules if isinstance(rule, dict)]
        found[_read(job.get("job_name"))] = [
            {key: value for key, value in rule.items() if value not in ("", _FILLED_IN.get(key))}
            for rule in rules
            if _MARK not in (rule.get("target_label"), *rule.get("source_labels", ()))
        ]
    return found


def notifier_config(own: str, *, file: str) -> str | None:
    """What vmalert needs to send alerts where Prometheus sends them; None where that sends none. Raises Refused."""
    from monops.domain.yaml_write import block

    alerting = written_at(own, ("alerting",), file=file) if has(own, ("alerting",), file=file) else None
    alerting = alerting if isinstance(alerting, dict) else {}
    managers = [one for one in items_of(alerting.get("alertmanagers")) if isinstance(one, dict)]
    if not managers:
        return None
    found: dict[str, Any] = {}
    for manager in managers:
        strange = sorted(set(manager) - {"static_configs", "scheme", "path_prefix", "timeout", "api_version"})
        same = {key: _read(manager[key]) for key in ("scheme", "path_prefix") if key in manager}
        if strange or (found and any(found.get(key) != same.get(key) for key in ("scheme", "path_prefix"))):
            what = ", ".join(strange) or "several schemes or prefixes"
            raise Refused(
                f"alerting in {file} has {what}, which monops does not write for vmalert",
                remedy="use one shard, whose rules Prometheus evaluates: monops scale set --shards 1 --replicas 2",
            )
        found |= same
        groups = [group for group in items_of(manager.get("static_configs")) if isinstance(group, dict)]
        targets = [_read(target) for group in groups for target in items_of(group.get("targets"))]
        found.setdefault("static_configs", []).append({"targets": targets})
    labels = [{"target_label": k, "replacement": v} for k, v in external_labels(own, file).items() if "$" not in v]
    if relabelling := [*labels, *map(_rule_for_vmalert, items_of(alerting.get("alert_relabel_configs")))]:
        found["alert_relabel_configs"] = relabelling
    name = file.rpartition("/")[2]
    return f"# Where vmalert sends alerts. Made from {name} by monops: edit that one.\n{block(found, 0, chr(10), 2)}\n"


def _rule_for_vmalert(rule: Any) -> Any:
    """With texts in quotes: of `regex: yes` vmalert would make `true`, where Prometheus reads what is written.

    Source: VictoriaMetrics, lib/promrelabel/config.go, stringValue.
    """
    if not isinstance(rule, dict):
        return rule
    # Of a number in quotes vmalert would make none.
    return _texts_of(rule) | {key: value for key, value in rule.items() if key == "modulus"}


def _texts_of(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule of relabelling as Prometheus reads it."""
    return {
        str(key): [_read(one) for one in value] if isinstance(value, list) else _read(value)
        for key, value in rule.items()
    }
