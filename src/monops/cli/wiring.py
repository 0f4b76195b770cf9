"""The composition root: joins edges to ports. With its parts the only importer of edges; reads the environment."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from monops.cli.wiring_change import ChangeWiring
from monops.domain.config import COMPRESSION, DestinationSection
from monops.domain.destination import DirectoryTarget, S3Settings, parse_destination
from monops.domain.errors import UsageFault
from monops.domain.nearest import did_you_mean, listed
from monops.domain.ports import Folders, Packing, Store, Writer
from monops.domain.units import parse_size
from monops.edges import config_file

if TYPE_CHECKING:
    from monops.ops.sources import Selection


class Wiring(ChangeWiring):
    """What one run of the command line has at hand. Edges are imported when first needed."""

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


def _looks_like_place(text: str) -> bool:
    return "/" in text or text in (".", "..", "~") or Path(text).is_dir()
