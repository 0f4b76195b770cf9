"""Everything that can be looked at, joined."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from monops.domain.errors import EngineError, NotFound
from monops.domain.facts import SeenContainer, Unknown
from monops.domain.ports import Container, Inspector
from monops.domain.scale import LABEL, LAYER, RULES, SERVICES, instance_of
from monops.edges.docker_reader import DockerReader
from monops.edges.inspect_alertmanager import AlertmanagerInspector
from monops.edges.inspect_compose import ComposeInspector
from monops.edges.inspect_docker import ContainersInspector, DockerInspector
from monops.edges.inspect_files import ConfigFiles
from monops.edges.inspect_grafana import GrafanaInspector
from monops.edges.inspect_http import Asked, Place
from monops.edges.inspect_members import Members
from monops.edges.inspect_prometheus import PrometheusAsker, PrometheusInspector
from monops.edges.inspect_scaled import ScaledInspector


class AllInspectors:
    """The containers first, then the services that they are, and beside those all else."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        project: str | None,
        named: Mapping[str, str],
        urls: Mapping[str, str],
        compose_file: str | None,
        is_named: bool,
    ) -> None:
        """`named`, `urls`: service -> container name and address, from the configuration. `is_named`: `compose_file`
        is from there too."""
        self._environment = environment
        self._given = project
        self._urls = urls
        self._file = compose_file
        self._reader = DockerReader(environment)
        self._members = Members(self._reader, project=project, named=named, file=compose_file)
        self._is_named = is_named
        self._asked: dict[str, Asked] = {}

    def project(self) -> str:
        """The stack's project; "" where no engine tells. Raises UsageFault where there are several stacks, and NotFound
        where there is none, no Compose file is known and no address is configured."""
        try:
            self._members.containers()
            return self._members.project()
        except EngineError:  # every fact that needs it says so
            with contextlib.suppress(EngineError):  # one that is stuck does not hide which stack it is
                return self._members.project()
            return self._given or ""
        except NotFound:
            if self._urls:
                return self._given or ""
            raise

    def engine(self) -> Sequence[Inspector]:
        """Nothing but the containers: all else that it tells is read in `services`, while Compose runs."""
        return (ContainersInspector(self._reader, self._members),)

    def services(self, containers: object) -> Sequence[Inspector]:
        """In the order in which they are begun: what takes longest first, and last Prometheus, because many questions
        wait for it where it hangs."""
        file = self._file
        return (
            ComposeInspector(self._reader, self._members, self._environment, file=file, is_named=self._is_named),
            GrafanaInspector(
                self._ask("grafana", containers),
                self._environment,
                shares_host=self._shares_host,
                compose_file=file,
            ),
            DockerInspector(self._reader, self._members, ConfigFiles(self._reader, self._members, compose_file=file)),
            AlertmanagerInspector(self._ask("alertmanager", containers)),
            self._prometheus(containers),
        )

    def asker(self, containers: object) -> PrometheusAsker:
        parts = {label: asked for label, _, asked in self._parts(containers)}
        return PrometheusAsker(parts.get(LAYER) or self._ask("prometheus", containers))

    def _prometheus(self, containers: object) -> Inspector:
        """Several are asked as one."""
        unseen = containers if isinstance(containers, Unknown) and not self._members.answering else None
        first = PrometheusInspector(self._ask("prometheus", containers), unseen)
        found = [(label, name, PrometheusInspector(asked)) for label, name, asked in self._parts(containers)]
        others = [one for one in found if instance_of(one[0]) is not None]
        rules = next((inspector for label, _, inspector in found if label == RULES), None)
        return ScaledInspector(first, others, rules) if others else first

    def _parts(self, containers: object) -> list[tuple[str, str, Asked]]:
        """(label, container, whom to ask) of what `scale set` has made."""
        return [
            (label, one.name, self._asked_of(SERVICES.get(label, "prometheus"), one))
            for one in self._there(containers)
            if (label := one.labels.get(LABEL))
        ]

    def _there(self, containers: object) -> Sequence[Container]:
        """Those by which services are found: also where one is stuck, so that the fact is unknown."""
        if not isinstance(containers, tuple):
            return self._members.answering
        return [one.container for one in containers if isinstance(one, SeenContainer)]

    def _asked_of(self, service: str, container: Container) -> Asked:
        if container.id not in self._asked:
            self._asked[container.id] = Asked(
                Place(
                    service=service,
                    url=None,
                    container=container,
                    host=self._reader.host,
                    is_local=self._reader.is_local,
                )
            )
        return self._asked[container.id]

    def _ask(self, service: str, containers: object) -> Asked:
        if service not in self._asked:
            found = self._members.of(service, self._there(containers))
            self._asked[service] = Asked(
                Place(
                    service=service,
                    url=self._urls.get(service),
                    container=found,
                    unknown=containers if isinstance(containers, Unknown) and found is None else None,
                    host=self._reader.host,
                    is_local=self._reader.is_local,
                )
            )
        return self._asked[service]

    def _shares_host(self) -> bool:
        try:
            return self._reader.shares_host
        except EngineError:
            return False
