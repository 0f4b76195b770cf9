"""Every image is named with a version.

`latest`, or no tag at all, means another program after each pull: the stack cannot be made again as it is, a restore
gets another version than the backup is of, and an update comes when nobody expects it. A version (`v3.5.3`) or a digest
says which one. Images that the Compose file builds itself are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._containers import members
from monops.checks._healthy import changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, Unknown
from monops.domain.finding import Finding, Fix, Risk, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each container."""
    model = {} if isinstance(facts.compose_model, Unknown) else facts.compose_model.get("services") or {}
    for one in members(facts):
        image = one.container.image
        if (model.get(one.service) or {}).get("build") or not image or "@" in image or image.startswith("sha256:"):
            continue
        _, colon, tag = image.rsplit("/", 1)[-1].partition(":")
        if any(character.isdigit() for character in tag):
            continue
        yield Finding(
            severity=Severity.WARNING,
            subject=f"container {one.name}",
            cause=f"its image's tag {tag!r} means another version after each pull"
            if colon
            else "its image has no tag, which means the latest version after each pull",
            evidence=(f"docker inspect: image {image}, today {one.container.image_id[:19]}",),
            fix=Fix(
                say=f"Name the version of {one.service}'s image in the Compose file, then make it anew.",
                command=f"monops stack up {one.service}",
                risk=Risk.INTERRUPTS,
            ),
        )


def _image(what: str, image: str, says: str) -> Sick:
    return Sick(
        what=what,
        facts=lambda facts: with_container(facts, "grafana", lambda one: changed(one, container={"image": image})),
        severity=Severity.WARNING,
        says=says,
    )


CHECK = Check(
    id="stack.image_pin",
    well="every image is named with a version",
    reads=("containers",),
    looks_at=("compose_model",),
    judge=judge,
    sick=(
        _image("the tag latest", "grafana/grafana:latest", "'latest'"),
        _image("no tag", "registry.example:5000/grafana/grafana", "no tag"),
    ),
)
