"""A value that a Compose file takes from a variable is changed where the variable is set."""

from __future__ import annotations

from collections.abc import Mapping

from monops.domain.change import Site
from monops.domain.env_edit import set_variable
from monops.domain.errors import Refused
from monops.ops.workshop import Workshop


def with_variable(
    shop: Workshop, site: Site, name: str, value: str, texts: Mapping[str, str], *, service: str
) -> tuple[str, str]:
    """(the file of variables that Compose reads, its new text); `texts` are those that were changed already.

    Raises Refused where a variable of the shell would win over it.
    """
    if name in shop.environment:
        raise Refused(
            f"the value comes from the variable {name} of this shell, which wins over every file",
            remedy=f"unset {name}, write {name}={value} where it is exported; then: monops stack up {service}",
        )
    path = site.variables[-1] if site.variables else f"{site.folder}/.env"
    text = texts.get(path)
    return path, set_variable((shop.files.read(path) or "") if text is None else text, name, value, file=path)
