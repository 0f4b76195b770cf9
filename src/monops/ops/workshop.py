"""What changing a setting takes: handed in by `cli/wiring_change.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from monops.domain.change import Site
from monops.domain.errors import NotFound
from monops.domain.ports import Container
from monops.domain.ports.changing import EditedFiles, Workbench
from monops.domain.ports.linting import LintTools
from monops.domain.stack import Stack, find_stack_among
from monops.ops.outside import Outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """The ports, and who asks for what."""

    outside: Outside
    files: EditedFiles
    bench: Workbench
    tools: LintTools
    #: The Compose file that the configuration names or that is here or above; None where there is none.
    own_file: str | None
    #: The project that was named; None where the only stack is meant.
    project: str | None
    #: service -> container name, from the configuration.
    named: Mapping[str, str]
    environment: Mapping[str, str]
    who: str
    #: The command line, without secrets.
    command: str
    version: str

    def stack(self) -> Stack:
        """Asked for anew each time. Raises NotFound, UsageFault where there are several, EngineUnreachable."""
        engine = self.outside.engine
        return find_stack_among(engine.listed(), engine.containers, project=self.project, named=self.named)

    def found(self, service: str) -> Container:
        """As `container`, be it running or not."""
        return self.stack().container(service)

    def container(self, service: str) -> Container:
        """The running container of a monitoring service (`prometheus`), asked for anew each time: it may have been
        made anew. Raises NotFound, UsageFault where there are several stacks, EngineUnreachable."""
        found = self.found(service)
        if found.state != "running":
            verb = "unpause" if found.state == "paused" else "start"
            raise NotFound(f"{found.name} is {found.state}", remedy=f"docker {verb} {found.name}; monops stack status")
        return found

    def in_site(self, site: Site, service: str) -> tuple[Container, ...]:
        """The containers of a Compose service of this site, running or not, by name."""
        engine = self.outside.engine
        ids = [one.id for one in engine.listed() if one.project == site.project and one.service == service]
        found = [one for one in engine.containers(ids) if one.labels.get("com.docker.compose.oneoff") != "True"]
        return tuple(sorted(found, key=lambda one: one.name))
