"""The composition root's part for the stack: its files, Docker Compose, and the running services."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from monops.cli.wiring_base import BaseWiring
from monops.domain.errors import MonopsError, UsageFault
from monops.domain.facts import Unknown
from monops.domain.listen_address import listen_address
from monops.domain.ports import AlertPath, Compose, Container, Inspectors, StackFolder
from monops.domain.stack import COMPOSE_FILE, STACK_FOLDER

if TYPE_CHECKING:
    from monops.domain.probing import Prober
    from monops.ops.alerts_test import Trial
    from monops.ops.init_choices import HostFacts
    from monops.ops.lint import Bench
    from monops.ops.live import Live
    from monops.ops.stack_up import Starter


class StackWiring(BaseWiring):
    """The stack's files and its running services, for one run."""

    def stack_folder(self, directory: str) -> StackFolder:
        """Where `monops init DIR` writes: DIR/monitoring, or DIR itself where it is such a folder already."""
        from monops.edges.stack_folder import LocalStackFolder

        here = Path(directory)
        is_it = here.resolve().name == STACK_FOLDER or (here / COMPOSE_FILE).is_file()
        return LocalStackFolder(os.path.normpath(here if is_it else here / STACK_FOLDER))

    def own_folder(self) -> StackFolder:
        """The folder of the stack's files. Raises UsageFault where there is none."""
        from monops.edges.stack_folder import LocalStackFolder

        return LocalStackFolder(str(self.compose_file().parent))

    def live(self) -> Live:
        """The running services, to ask them about what they watch."""
        from monops.edges.http_services import HttpServices
        from monops.ops.live import Live

        outside = self.outside()
        services = self.config.services()
        urls = {name: section.url for name, section in services.items() if section.url}
        return Live(
            engine=outside.engine,
            services=HttpServices(outside.engine, urls=urls),
            clock=outside.clock,
            project=self._project(),
            containers={name: section.container for name, section in services.items() if section.container},
            addressed=frozenset(urls),
        )

    def inspectors(self, within: timedelta) -> tuple[Inspectors, str]:
        """Everything that can be looked at, and the stack's project; "" where no engine answers, or not in that time.

        Raises UsageFault where there are several stacks, and NotFound where there is none.
        """
        from monops.edges.inspectors import AllInspectors
        from monops.ops.gather import read_all

        services, project = self.config.services(), self._project()
        # The file at hand is not that of another project, which only the command line or the environment names.
        is_other = self.config.stack.project not in (None, project)
        is_named = bool(self.config.stack.compose) and not is_other
        file: str | None = None
        # Only a file that the configuration names must be there.
        with contextlib.suppress(*(() if is_named else (UsageFault,))):
            file = None if is_other else str(self.compose_file())
        found = AllInspectors(
            self.environment,
            project=project,
            named={name: section.container for name, section in services.items() if section.container},
            urls={name: section.url for name, section in services.items() if section.url},
            compose_file=file,
            is_named=is_named,
        )

        def look() -> str | MonopsError:
            try:
                return found.project()
            except MonopsError as error:
                return error

        clock = self.outside().clock
        deadline = clock.monotonic() + within.total_seconds()
        seen = read_all({"project": look}, clock, deadline)["project"]
        if isinstance(seen, MonopsError):
            raise seen
        return found, (project or "") if isinstance(seen, Unknown) else seen

    def prober(self) -> Prober:
        """Asks targets from Prometheus's network."""
        from monops.edges.probe import NetworkProber

        return NetworkProber(self.environment, self.outside().machine)

    def bench(self, paths: Sequence[str], *, offline: bool) -> Bench:
        """What `lint` needs. Raises NotFound for a path that is not there, UsageFault where there is no folder."""
        from monops.edges.lint_files import source_files
        from monops.edges.lint_server import HttpLintServer
        from monops.edges.lint_tools import ContainerTools
        from monops.ops.lint import Bench

        outside, live, services = self.outside(), self.live(), self.config.services()

        def container_of(service: str) -> Container:
            section = services.get(service)
            named = section.container if section is not None else None
            return outside.engine.container(named) if named else live.stack().container(service)

        return Bench(
            files=source_files(paths or [self.own_folder().path]),
            is_own=not paths,
            today=outside.clock.now().date(),
            server=None if offline else lambda: HttpLintServer(live.prometheus().url, outside.clock),
            tools=None if offline else ContainerTools(self.environment, outside.machine, container_of),
        )

    def alert_path(self) -> AlertPath:
        """The links of an alert's way."""
        from monops.edges.alert_path import HttpAlertPath

        live = self.live()
        return HttpAlertPath(lambda: live.prometheus().url, lambda: live.alertmanager().url)

    def alert_trial(self, severity: str, listen: str | None, within: timedelta) -> Trial:
        """What `alerts test` needs. Raises UsageFault for an address that is none."""
        from monops.ops.alerts_test import Trial

        outside = self.outside()
        if listen:
            host, port = listen_address(listen, command="monops alerts test")
        else:
            bridge = next((one.gateway for one in outside.engine.networks() if one.name == "bridge"), "")
            host, port = bridge or "127.0.0.1", 9096
        return Trial(
            path=self.alert_path(),
            clock=outside.clock,
            run=outside.machine.token(8),
            severity=severity,
            address=host,
            port=port,
            within=within,
        )

    def compose_file(self) -> Path:
        """The stack's Compose file: the configuration's, or that of the setup document, here or upward.

        Raises UsageFault.
        """
        if self.config.stack.compose:
            found = Path(self._from_config(self.config.stack.compose))
            if not found.is_file():
                raise UsageFault(
                    f"{self.config_path} names the Compose file {found}, which is not there",
                    remedy="mend [stack] compose in it; or write the stack anew: monops init",
                )
            return Path(os.path.relpath(found))
        here = Path.cwd()
        for folder in (here, *here.parents):
            for path in (folder / COMPOSE_FILE, folder / STACK_FOLDER / COMPOSE_FILE):
                if path.is_file():
                    return Path(os.path.relpath(path))
        raise UsageFault(
            f"there is no {COMPOSE_FILE} here or above", remedy="monops init, or go to the folder where it was run"
        )

    def compose(self) -> Compose:
        """Docker Compose on the stack's file."""
        from monops.edges.compose_cli import ComposeCli

        project = self.settings.project or self.environment.get("MONOPS_PROJECT") or None
        return ComposeCli(str(self.compose_file()), self.environment, project=project)

    def starter(self) -> Starter:
        """What `stack up` needs."""
        from monops.ops.stack_up import Starter

        outside, compose = self.outside(), self.compose()
        return Starter(
            compose=compose,
            engine=outside.engine,
            clock=outside.clock,
            progress=outside.progress,
            folder=self.own_folder(),
        )

    def host_facts(self) -> HostFacts:
        """What `init` wants to know of this machine; what Docker usually has where no engine answers."""
        from monops.edges.stack_folder import root_is_shared
        from monops.ops.init_choices import HostFacts

        address = ""
        with contextlib.suppress(MonopsError):
            networks = self.outside().engine.networks()
            address = next((network.gateway for network in networks if network.name == "bridge"), "")
        return HostFacts(bridge_address=address or "172.17.0.1", root_is_shared=root_is_shared())

    def textfile(self) -> StackFolder | None:
        """The node exporter's textfile folder, where the configuration names one."""
        from monops.edges.stack_folder import LocalStackFolder

        path = self.config.notify.textfile
        return LocalStackFolder(self._from_config(path)) if path else None
