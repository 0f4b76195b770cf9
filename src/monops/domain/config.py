"""monops.toml: what may stand in it, and exact messages for what may not."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, get_type_hints

import msgspec

from monops.domain.errors import ConfigurationError
from monops.domain.nearest import nearest
from monops.domain.rebuild import without_secret

#: What may be said of compression.
COMPRESSION = r"^(none|zstd(:([1-9]|1[0-9]))?|gzip(:[1-9])?)$"
_Name = Annotated[str, msgspec.Meta(min_length=1)]


class StackSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[stack]: which Compose project is watched."""

    #: The Compose project's name, where an engine has several.
    project: _Name | None = None
    #: The Compose file, for `monops stack`; its folder holds the stack's other files.
    compose: _Name | None = None


class ServiceSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[prometheus], [grafana], [alertmanager]: where a service is, if it is not found by itself."""

    #: The container's name, where image and Compose service do not tell what it is.
    container: _Name | None = None
    #: The volume with its data, where it is not the one that the container mounts.
    volume: _Name | None = None
    #: Where it answers over HTTP, e.g. "http://127.0.0.1:9090".
    url: Annotated[str, msgspec.Meta(pattern="^https?://")] | None = None
    #: How it is read, unless --capture says so: "stop" is sure and stops it for moments.
    capture: Literal["auto", "snapshot", "live", "stop"] = "auto"


class SourceSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[sources.NAME]: a source that is a plain directory."""

    #: The folder: for services that run without Docker, and for monops in a container with the volumes mounted.
    path: _Name


class DestinationSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[destinations.NAME]: a directory or an S3 prefix, with how it is reached."""

    #: A directory or "s3://bucket/prefix".
    url: _Name
    #: The S3 server, where it is not AWS: "https://s3.example.net".
    endpoint: Annotated[str, msgspec.Meta(pattern="^https?://")] | None = None
    #: The bucket's region.
    region: _Name | None = None
    #: A profile of `~/.aws/config`.
    profile: _Name | None = None
    #: Whether the bucket's name goes into the path; by itself: yes where an endpoint is given.
    path_style: bool | None = None
    #: For objects only, e.g. "STANDARD_IA": manifests and locks stay in STANDARD.
    storage_class: _Name | None = None
    #: Encryption by the server.
    sse: Literal["AES256", "aws:kms"] | None = None
    #: The key for "aws:kms", where it is not the bucket's own.
    sse_kms_key_id: _Name | None = None
    #: The smallest part of an upload, e.g. "64MiB"; objects up to it go up in one request, from memory.
    part_size: Annotated[str, msgspec.Meta(pattern=r"^[0-9.]+ *[KMGkmg]?i?[Bb]?$")] = "16MiB"
    #: S3's own checksums; "auto" sends them to AWS only, because other servers refuse them.
    checksums: Literal["auto", "when_required", "when_supported"] = "auto"
    #: The file that holds the access key's id; without it boto3's own chain is used.
    access_key_id_file: _Name | None = None
    #: The file that holds the secret key.
    secret_access_key_file: _Name | None = None


class BackupSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[backup]: defaults of `monops backup`."""

    #: Names of destinations, directories or URLs.
    to: tuple[_Name, ...] = ()
    #: What to back up, where it is not everything.
    sources: tuple[Literal["prometheus", "grafana", "alertmanager", "config"], ...] = ()
    #: "zstd", "zstd:LEVEL", "gzip", "gzip:LEVEL" or "none".
    compression: Annotated[str, msgspec.Meta(pattern=COMPRESSION)] = "zstd:3"
    #: age recipients: "age1…" or "ssh-ed25519 …".
    encrypt_to: tuple[_Name, ...] = ()
    #: File with the age identity that opens encrypted objects.
    identity_file: _Name | None = None


class NotifySection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[notify]: who is told how a run went."""

    #: The node exporter's textfile folder: after each backup monops leaves its metrics there, for Prometheus.
    textfile: _Name | None = None


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. Every section may be left out."""

    stack: StackSection = StackSection()
    prometheus: ServiceSection = ServiceSection()
    grafana: ServiceSection = ServiceSection()
    alertmanager: ServiceSection = ServiceSection()
    sources: dict[Literal["prometheus", "grafana", "alertmanager", "config"], SourceSection] = {}
    destinations: dict[str, DestinationSection] = {}
    backup: BackupSection = BackupSection()
    notify: NotifySection = NotifySection()

    def services(self) -> Mapping[str, ServiceSection]:
        """The three service sections by name."""
        return {"prometheus": self.prometheus, "grafana": self.grafana, "alertmanager": self.alertmanager}


_TABLES_OF: dict[str, type[msgspec.Struct]] = {"sources": SourceSection, "destinations": DestinationSection}


def parse(text: str, file: str) -> Config:
    """The configuration in `text`. Raises ConfigurationError with every fault, each with its line."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{file}: {error}", remedy=f"mend it, then: monops --config {file} config check"
        ) from error
    lines = key_lines(text)
    faults = sorted(_faults(found, lines), key=lambda fault: fault[0])
    if faults:
        shown = "\n".join(f"{file}:{line}: {what}" if line else f"{file}: {what}" for line, what in faults)
        raise ConfigurationError(shown, remedy=f"mend it, then: monops --config {file} config check")
    return msgspec.convert(found, Config)


def schema() -> dict[str, Any]:
    """The JSON Schema of the file."""
    return msgspec.json.schema(Config)


def _faults(found: Mapping[str, Any], lines: Mapping[str, int]) -> Iterator[tuple[int, str]]:
    sections = {field.name: field.type for field in msgspec.structs.fields(Config)}
    for name, content in found.items():
        if name not in sections:
            yield lines.get(name, 0), _unknown("section" if isinstance(content, dict) else "key", name, sections)
        elif name in _TABLES_OF:
            yield from _table_faults(name, content, lines)
        else:
            kind = get_type_hints(Config)[name]
            yield from _section_faults(name, content, kind, lines)


def _table_faults(name: str, content: Any, lines: Mapping[str, int]) -> Iterator[tuple[int, str]]:
    if not isinstance(content, dict):
        yield lines.get(name, 0), f"{name} is a table: write [{name}.NAME]"
        return
    for key, inner in content.items():
        if name == "sources" and key not in ("prometheus", "grafana", "alertmanager", "config"):
            yield (
                _line(lines, f"{name}.{key}"),
                _unknown("source", key, ("prometheus", "grafana", "alertmanager", "config")),
            )
        else:
            yield from _section_faults(f"{name}.{key}", inner, _TABLES_OF[name], lines)


def _section_faults(
    path: str, content: Any, kind: type[msgspec.Struct], lines: Mapping[str, int]
) -> Iterator[tuple[int, str]]:
    if not isinstance(content, dict):
        yield _line(lines, path), f"{path} is a section: write [{path}]"
        return
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    hints = get_type_hints(kind, include_extras=True)
    for key, value in content.items():
        line = _line(lines, f"{path}.{key}")
        if key not in fields:
            yield line, _unknown("key", key, fields, where=f" in [{path}]")
            continue
        try:
            msgspec.convert(value, hints[key])
        except msgspec.ValidationError as error:
            yield line, f"{path}.{key} = {_shown(key, value)}: {_plain(str(error))}"
    for key, field in fields.items():
        if field.required and key not in content:
            yield _line(lines, path), f"[{path}] needs {key}"


def _line(lines: Mapping[str, int], path: str) -> int:
    """The line of `path`; of what it stands in, for a key of an inline table."""
    while path and path not in lines:
        path = path.rpartition(".")[0]
    return lines.get(path, 0)


def _unknown(what: str, name: str, right: Any, where: str = "") -> str:
    best = nearest(name, right)
    return f"unknown {what} {name!r}{where}" + (f"; did you mean {best!r}?" if best else "")


def _shown(key: str, value: Any) -> str:
    """A value for a message; one that may be secret is not shown."""
    if re.search(r"secret|password|token", key) and not key.endswith("_file"):
        return "…"
    # A key pasted where its public half belongs, and a password in a URL.
    return re.sub(r"AGE-SECRET-KEY-\w*", "AGE-SECRET-KEY-…", without_secret(repr(value)))


def _plain(text: str) -> str:
    """msgspec's sentence without its own words for places and types."""
    text = re.sub(r" - at `[^`]*`", "", text)
    replacements: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
        (r"Expected `([^`]*?)(?: \| null)?`, got `([^`]*)`", r"it must be \1, not \2"),
        (r"Expected `str` of length >= 1", "it must not be empty"),
        (r"Invalid enum value .*", "it is none of the allowed words: monops config schema"),
        (r"Expected `str` matching regex .*", "it does not have the right form: monops config schema"),
    )
    for pattern, new in replacements:
        text = re.sub(pattern, new, text)
    return text


# --- where things stand --------------------------------------------------------------------------

_HEADER = re.compile(r"^\s*\[\[?\s*(?P<name>[^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"^\s*(?P<name>(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*="
)


def key_lines(text: str) -> dict[str, int]:
    """Dotted path -> line number, from 1, of every table and key. Neither tomllib nor msgspec knows lines.

    Lines inside multi-line strings could look like keys; a wrong line in a message is the worst that comes of it.
    """
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        key = None if header else _KEY.match(line)
        if header:
            table = _dotted(header["name"])
            for end in range(1, table.count(".") + 2):
                found.setdefault(".".join(table.split(".")[:end]), number)
        elif key:
            path = _dotted(key["name"])
            found.setdefault(f"{table}.{path}" if table else path, number)
    return found


def _dotted(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split("."))
