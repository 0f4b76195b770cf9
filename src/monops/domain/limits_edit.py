"""Writing limits into Compose files: in the form that is there, and in the file that counts.

Source: docs.docker.com/reference/compose-file/deploy#resources, /services#mem_limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monops.domain.compose_command import Flag
from monops.domain.errors import Refused
from monops.domain.yaml_edit import has, set_value, value_at

#: Setting -> its two forms. Where both are there Compose wants them to say the same.
FORMS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "memory": (("deploy", "resources", "limits", "memory"), ("mem_limit",)),
    "cpus": (("deploy", "resources", "limits", "cpus"), ("cpus",)),
    "reserve_memory": (("deploy", "resources", "reservations", "memory"), ("mem_reservation",)),
    "swap": (("memswap_limit",),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a setting is, or would be, written."""

    file: str
    path: tuple[str, ...]
    #: As it is written; None where it is not there yet.
    value: Any

    @property
    def variable(self) -> str | None:
        """The variable that is the whole value. Raises Refused where one is a part of it."""
        if not isinstance(self.value, str) or "$" not in self.value:
            return None
        name = Flag(path=(), item=None, joined="", value=self.value).variable
        if name is None:
            raise Refused(
                f"{'.'.join(self.path)} in {self.file} is put together from a variable: {self.value}",
                remedy=f"edit {self.file} by hand",
            )
        return name


def places(files: Mapping[str, str], service: str, setting: str) -> tuple[Place, ...]:
    """Where it is set now: for each form the last file that has it, which is the one that counts."""
    found = []
    for form in FORMS[setting]:
        path = ("services", service, *form)
        having = [file for file, text in files.items() if has(text, path, file=file)]
        if having:
            value = value_at(files[having[-1]], path, file=having[-1])
            found.append(Place(file=having[-1], path=path, value=value))
    return tuple(found)


def new_form(files: Mapping[str, str], service: str, setting: str) -> tuple[str, ...]:
    """How a setting that is nowhere yet is written: as its relatives are."""
    modern, old = FORMS[setting]
    relatives = [place for other in ("memory", "cpus", "reserve_memory") for place in places(files, service, other)]
    is_old = bool(relatives) and all(place.path[2] != "deploy" for place in relatives)
    return old if is_old else modern


def written(text: str, place: Place, value: str) -> str:
    """The same text with the setting; a number stays a number."""
    is_number = isinstance(place.value, float | int) or (place.value is None and place.path[-1:] == ("cpus",))
    is_nested = len(place.path) > 3
    given: Any = value
    if place.path[-1] == "cpus" and is_number and not (place.value is None and is_nested):
        given = float(value) if "." in value else int(value)
    return set_value(text, place.path, given, file=place.file)
