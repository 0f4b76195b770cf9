"""The composition root: joins edges to ports. The only importer of edges; reads the environment."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from monops.cli.progress import TerminalProgress
from monops.cli.settings import Settings
from monops.domain.config import COMPRESSION, DestinationSection
from monops.domain.destination import DirectoryTarget, S3Settings, parse_destination
from monops.domain.errors import MonopsError, UsageFault
from monops.domain.nearest import did_you_mean, listed
from monops.domain.ports import AlertPath, Compose, Folders, Inspectors, Packing, StackFolder, Store, Writer
from monops.domain.stack import COMPOSE_FILE, STACK_FOLDER
from monops.domain.units import parse_size
from monops.edges import config_file

if TYPE_CHECKING:
    from monops.domain.probing import Prober
    from monops.ops.alerts_test import Trial
    from monops.ops.init_choices import HostFacts
    from monops.ops.live import Live
    from monops.ops.outside import Outside
    from monops.ops.sources import Selection
    from monops.ops.stack_up import Starter


class Wiring:
    """What one run of the command line has at hand. Edges are imported when first needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.environment = dict(os.environ)
        self.config, self.config_path = config_file.load(settings.config, self.environment)
        self.progress = TerminalProgress(settings)

    def outside(self) -> Outside:
        """Every port that is the same for all commands."""
        from monops.edges.clock import LocalMachine, SystemClock
        from monops.edges.codec import StreamCodec
        from monops.edges.docker_engine import DockerEngine
        from monops.edges.http_services import HttpServices
        from monops.edges.journal_file import JournalFolder
        from monops.edges.local_files import LocalFileSystem
        from monops.edges.sqlite import SqliteFiles
        from monops.edges.volumes import BestVolumes
        from monops.ops.outside import Outside

        machine = LocalMachine(environment=self.environment)
        engine = DockerEngine(self.environment, machine)
        return Outside(
            engine=engine,
            volumes=BestVolumes(engine, reach=self._reach()),
            services=HttpServices(engine, urls={n: s.url for n, s in self.config.services().items() if s.url}),
            sqlite=SqliteFiles(),
            codec=StreamCodec(),
            clock=SystemClock(),
            machine=machine,
            journal=JournalFolder(machine, self.environment),
            progress=self.progress,
            files=LocalFileSystem(),
        )

    def selection(self, names: Sequence[str], capture: str | None) -> Selection:
        """Which sources, from the command line first, then the configuration."""
        from monops.ops.sources import Selection

        services = self.config.services()
        return Selection(
            names=tuple(dict.fromkeys(names)) or self.config.backup.sources,
            mode=capture,
            modes={name: section.capture for name, section in services.items()},
            project=self._project(),
            containers={name: s.container for name, s in services.items() if s.container},
            volumes={name: s.volume for name, s in services.items() if s.volume},
            paths={str(name): self._from_config(s.path) for name, s in self.config.sources.items()},
        )

    def packing(self, compression: str | None, recipients: Sequence[str]) -> Packing:
        """Raises ConfigurationError for an age recipient that is none, before anything is disturbed."""
        from monops.edges.codec import check_recipients

        if compression is not None and not re.match(COMPRESSION, compression):
            raise UsageFault(
                f"{compression!r} is no compression", remedy="--compression zstd:3, zstd:1 to zstd:19, gzip:6 or none"
            )
        name, _, level = (compression or self.config.backup.compression).partition(":")
        chosen = tuple(recipients) or self.config.backup.encrypt_to
        check_recipients(chosen)
        return Packing(
            compression=name, level=int(level or {"zstd": 3, "gzip": 6}.get(name, 0)), recipients=tuple(sorted(chosen))
        )

    def identities(self, file: str | None) -> tuple[str, ...]:
        """The age identities that open encrypted objects; () where none is known."""
        path = file or self.environment.get("MONOPS_AGE_IDENTITY_FILE") or self._identity_in_config()
        if not path:
            return ()
        text = config_file.read_secret(path)
        if "PRIVATE KEY" in text:
            return (text + "\n",)
        return tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))

    def folders(self) -> Folders:
        """Folders that a person names as targets."""
        from monops.edges.folders import LocalFolders

        return LocalFolders()

    def stdout(self) -> Writer:
        """Standard output for bytes. Raises UsageFault where it is a terminal."""
        if sys.stdout.isatty():
            raise UsageFault(
                "a tarball is not for a terminal", remedy="monops backup prometheus --to - > prometheus.tar.zst"
            )
        return sys.stdout.buffer

    # --- the stack's files -------------------------------------------------------------------------

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

    def inspectors(self) -> tuple[Inspectors, str]:
        """Everything that can be looked at, and the stack's project; "" where no engine answers.

        Raises UsageFault where there are several stacks, and NotFound where there is none.
        """
        from monops.edges.inspectors import AllInspectors

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
        return found, found.project()

    def prober(self) -> Prober:
        """Asks targets from Prometheus's network."""
        from monops.edges.probe import NetworkProber

        return NetworkProber(self.environment, self.outside().machine)

    def alert_path(self) -> AlertPath:
        """The links of an alert's way."""
        from monops.edges.alert_path import HttpAlertPath

        live = self.live()
        return HttpAlertPath(lambda: live.prometheus().url, lambda: live.alertmanager().url)

    def alert_trial(self, severity: str, listen: str | None, within: timedelta) -> Trial:
        """What `alerts test` needs. Raises UsageFault for an address that is none."""
        from monops.ops.alerts_test import Trial

        outside = self.outside()
        host, _, port = (listen or "").rpartition(":")
        if listen and not (host and port.isdigit()):
            raise UsageFault(f"--listen {listen!r} is no address", remedy="--listen 172.17.0.1:9096")
        if not listen:
            bridge = next((one.gateway for one in outside.engine.networks() if one.name == "bridge"), "")
            host, port = bridge or "127.0.0.1", "9096"
        return Trial(
            path=self.alert_path(),
            clock=outside.clock,
            run=outside.machine.token(8),
            severity=severity,
            address=host,
            port=int(port),
            within=within,
        )

    def pairs(self, flag: str, words: Sequence[str]) -> list[tuple[str, str]]:
        """NAME=VALUE words. Raises UsageFault."""
        found = [(name, value) for name, equals, value in (word.partition("=") for word in words) if equals and name]
        if len(found) != len(words):
            raise UsageFault(f"{flag} wants NAME=VALUE", remedy=f"for example: {flag} severity=critical")
        return found

    def _project(self) -> str | None:
        return self.settings.project or self.config.stack.project or self.environment.get("MONOPS_PROJECT") or None

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

    def secret_file(self, path: str | None) -> str | None:
        """The secret in a file that a person named. Raises ConfigurationError."""
        return config_file.read_secret(path) if path else None

    def textfile(self) -> StackFolder | None:
        """The node exporter's textfile folder, where the configuration names one."""
        from monops.edges.stack_folder import LocalStackFolder

        path = self.config.notify.textfile
        return LocalStackFolder(self._from_config(path)) if path else None

    # --- destinations ------------------------------------------------------------------------------

    def stores(self, given: Sequence[str]) -> tuple[Store, ...]:
        """The destinations named on the command line, or those of the configuration. Raises UsageFault for none."""
        names = tuple(given) or tuple(map(self._meant, self.config.backup.to)) or tuple(self.config.destinations)
        if not names and self.environment.get("MONOPS_S3_URL"):
            names = ("s3",)
        if not names:
            raise UsageFault(
                "no destination is named", remedy='monops backup --to /srv/backups; or set to = ["…"] in [backup]'
            )
        return tuple(self.store(name) for name in dict.fromkeys(names))

    def _meant(self, text: str) -> str:
        """A directory of `[backup] to`: a relative one is meant from where the file is."""
        is_path = "/" in text and "://" not in text and text not in self.config.destinations
        return self._from_config(text) if is_path else text

    def source_store(self, given: str | None) -> Store:
        """The destination to read from: named, or the configuration's first."""
        return self.stores((given,) if given else ())[0]

    def store(self, text: str) -> Store:
        """A destination by its name in the configuration, by `s3` (MONOPS_S3_URL), by URL or by path."""
        section = self.config.destinations.get(text)
        if section is None and text == "s3":
            section = self._s3_from_environment()
        elif section is None and not _looks_like_place(text):
            raise UsageFault(
                f"there is no destination {text!r} in the configuration (it has {listed(self.config.destinations)})."
                + did_you_mean(text, self.config.destinations),
                remedy=f"for a directory write ./{text}; for a bucket s3://{text}/prefix",
            )
        return self._open(section or DestinationSection(url=text), from_config=text in self.config.destinations)

    def _open(self, section: DestinationSection, *, from_config: bool) -> Store:
        target = parse_destination(section.url)
        if isinstance(target, DirectoryTarget):
            from monops.edges.directory_store import DirectoryStore

            path = str(Path(target.path).expanduser())
            return DirectoryStore(self._from_config(path) if from_config else path)
        from monops.edges.s3_store import S3Store

        environment = self.environment
        return S3Store(
            S3Settings(
                bucket=target.bucket,
                prefix=target.prefix,
                endpoint_url=section.endpoint or environment.get("MONOPS_S3_ENDPOINT") or None,
                region=section.region or environment.get("MONOPS_S3_REGION") or None,
                profile=section.profile,
                path_style=section.path_style,
                storage_class=section.storage_class,
                sse=section.sse,
                sse_kms_key_id=section.sse_kms_key_id,
                checksums=section.checksums,
                part_size_bytes=parse_size(section.part_size),
                access_key_id=self._secret(section.access_key_id_file, "MONOPS_S3_ACCESS_KEY_ID"),
                secret_access_key=self._secret(section.secret_access_key_file, "MONOPS_S3_SECRET_ACCESS_KEY"),
            )
        )

    def _s3_from_environment(self) -> DestinationSection:
        url = self.environment.get("MONOPS_S3_URL")
        if not url:
            raise UsageFault(
                "the destination s3 is not configured",
                remedy='export MONOPS_S3_URL=s3://bucket/prefix; or write [destinations.s3] url = "…" in monops.toml',
            )
        return DestinationSection(url=url)

    def _secret(self, file: str | None, variable: str) -> str | None:
        file = self._from_config(file) if file else self.environment.get(variable + "_FILE")
        return config_file.read_secret(file) if file else self.environment.get(variable) or None

    def _identity_in_config(self) -> str | None:
        file = self.config.backup.identity_file
        return self._from_config(file) if file else None

    def _from_config(self, path: str) -> str:
        """A relative path in the file is meant from where the file is."""
        base = Path(self.config_path).parent if self.config_path else Path()
        return str(base / Path(path).expanduser())

    def _reach(self) -> str:
        reach = self.environment.get("MONOPS_REACH", "auto")
        if reach not in ("auto", "mountpoint", "archive"):
            raise UsageFault(f"MONOPS_REACH is {reach!r}", remedy="set it to auto, mountpoint or archive, or unset it")
        return reach


def _looks_like_place(text: str) -> bool:
    return "/" in text or text in (".", "..", "~") or Path(text).is_dir()
