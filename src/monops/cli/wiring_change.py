"""The composition root's part for changes of the stack's settings."""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
from typing import TYPE_CHECKING

from monops import __version__
from monops.cli.wiring_stack import StackWiring
from monops.domain.errors import UsageFault
from monops.domain.ports import Container

if TYPE_CHECKING:
    from monops.domain.ports.trials import Trials
    from monops.ops.workshop import Workshop


class ChangeWiring(StackWiring):
    """What a command needs that changes a setting."""

    def workshop(self, command: str) -> Workshop:
        """`command`: as a person would type it again, without secrets; it is kept in the history."""
        from monops.edges.change_bench import LocalWorkbench
        from monops.edges.edited_files import LocalEditedFiles
        from monops.edges.lint_tools import ContainerTools
        from monops.ops.workshop import Workshop

        outside = self.outside()
        services = self.config.services()
        named = {name: section.container for name, section in services.items() if section.container}
        own_file: str | None = None
        # Only a file that the configuration names must be there; a project that is named by hand need not be the one
        # whose file is here.
        is_other = self.settings.project is not None or "MONOPS_PROJECT" in self.environment
        with contextlib.suppress(*(() if self.config.stack.compose else (UsageFault,))):
            own_file = None if is_other else str(self.compose_file().absolute())

        def running(service: str) -> Container:
            return shop.container(service)

        shop = Workshop(
            outside=outside,
            files=LocalEditedFiles(),
            bench=LocalWorkbench(self.environment, outside.machine),
            tools=ContainerTools(self.environment, outside.machine, running),
            own_file=own_file,
            project=self._project(),
            named=named,
            environment=self.environment,
            who=self._who(),
            command=shlex.join(["monops", *shlex.split(command), *self._shared()]),
            version=__version__,
        )
        return shop

    def _shared(self) -> list[str]:
        """The shared options that say which stack is meant: without them the same command is another."""
        named = (("--project", self.settings.project), ("--config", self.settings.config))
        return [word for flag, value in named if value for word in (flag, str(value))]

    def receiver_trials(self) -> Trials:
        """Throwaway Alertmanagers that try a receiver."""
        from monops.edges.receiver_trial import DockerTrials

        return DockerTrials(self.environment, self.outside().machine)

    def _who(self) -> str:
        """The person, also behind sudo."""
        with contextlib.suppress(OSError, KeyError):
            return self.environment.get("SUDO_USER") or getpass.getuser()
        return str(os.getuid())
