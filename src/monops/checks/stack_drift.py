"""Every container is as the Compose file says.

After an edit of the Compose file or of .env the containers stay as they were until `up` makes them anew. Compose marks
each with a hash of what it was made from. The same hash from another version of Compose need not be the same, so a
difference is only worth a note there. An image's name can also come to mean another image, after a pull.
Source: `docker compose config --hash` and the label com.docker.compose.config-hash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from monops.checks._containers import LABEL, members
from monops.checks._healthy import changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer, Unknown, known
from monops.domain.finding import Finding, Fix, Risk, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container that `up` would make anew."""
    hashes = known(facts.compose_hashes)
    version = "" if isinstance(facts.compose_version, Unknown) else facts.compose_version
    images = {} if isinstance(facts.compose_model, Unknown) else _images(facts.compose_model)
    for one in members(facts):
        made, wanted = one.container.labels.get(f"{LABEL}config-hash", ""), hashes.get(one.service, "")
        if made and wanted and made != wanted:
            yield _other_file(one, (made, wanted), version, images.get(one.service, ""))
        elif one.image_now and one.container.image_id and one.image_now != one.container.image_id:
            yield Finding(
                severity=Severity.WARNING,
                subject=f"container {one.name}",
                cause=f"{one.container.image} is another image now than when it was made",
                evidence=(f"docker inspect: made from {_short(one.container.image_id)}, now {_short(one.image_now)}",),
                fix=_anew(one),
            )


def _other_file(one: SeenContainer, hashes: tuple[str, str], version: str, image: str) -> Finding:
    made, wanted = hashes
    has = one.container.image
    by = one.container.labels.get(f"{LABEL}version", "")
    is_other_compose = bool(by and version and by.partition("-")[0] != version.partition("-")[0])
    return Finding(
        severity=Severity.INFO if is_other_compose else Severity.WARNING,
        subject=f"container {one.name}",
        cause=f"it was made by Compose {by}, and Compose {version} would make it anew"
        if is_other_compose
        else "it was made from another Compose file, .env or environment than there is now",
        evidence=(
            f"label {LABEL}config-hash: {made[:12]}; docker compose config --hash: {wanted[:12]}",
            *((f"image: the container's {has}, the Compose file's {image}",) if image and image != has else ()),
        ),
        fix=_anew(one),
    )


def _images(model: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(service.get("image") or "") for name, service in (model.get("services") or {}).items()}


def _anew(one: SeenContainer) -> Fix:
    return Fix(say=f"Make {one.service} anew.", command=f"monops stack up {one.service}", risk=Risk.INTERRUPTS)


def _short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:12]


CHECK = Check(
    id="stack.drift",
    well="every container is as the Compose file says",
    reads=("containers", "compose_hashes"),
    looks_at=("compose_version", "compose_model"),
    judge=judge,
    sick=(
        Sick(
            what="an edit without `up`",
            facts=lambda facts: replace(
                facts, compose_hashes={**known(facts.compose_hashes), "grafana": "hash-of-the-new-file"}
            ),
            severity=Severity.WARNING,
            says="another Compose file",
        ),
        Sick(
            what="another version of Compose",
            facts=lambda facts: replace(
                with_container(
                    facts,
                    "grafana",
                    lambda one: changed(
                        one, container={"labels": {**one.container.labels, f"{LABEL}version": "2.29.7"}}
                    ),
                ),
                compose_hashes={**known(facts.compose_hashes), "grafana": "hash-of-the-new-file"},
            ),
            severity=Severity.INFO,
            says="Compose 2.29.7",
        ),
        Sick(
            what="a newer image of the same name",
            facts=lambda facts: with_container(facts, "grafana", lambda one: changed(one, image_now="sha256:99")),
            severity=Severity.WARNING,
            says="another image now",
        ),
    ),
)
