"""Writing the monitoring stack's files: gather what is there, decide, apply. Asked again, it keeps a person's edits."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from monops.domain.errors import ConfigurationError, UsageFault
from monops.domain.generated import Action, FileChange, as_bytes, as_text, decide, digest
from monops.domain.nearest import did_you_mean
from monops.domain.ports import Machine, Progress, StackFolder
from monops.stack.files import (
    FOLDERS,
    RECEIVER_SECRETS,
    SMTP_PASSWORD,
    check_options,
    shipped,
)
from monops.stack.options import ADMIN_PASSWORD, SECRET_OWNERS, StackOptions

#: What is remembered of the last time, in the stack's folder.
RECORD = ".monops/init.json"
#: Where the version before a change is kept.
KEPT = ".monops/before"


@dataclass(frozen=True, slots=True, kw_only=True)
class InitPlan:
    """What `monops init` would do."""

    folder: str
    options: StackOptions
    changes: tuple[FileChange, ...]
    #: path -> digest as written last.
    written: dict[str, str]
    is_first: bool

    @property
    def changing(self) -> tuple[FileChange, ...]:
        """What would be written or removed."""
        return tuple(change for change in self.changes if change.changes)

    def of(self, *actions: Action) -> tuple[FileChange, ...]:
        return tuple(change for change in self.changes if change.action in actions)

    @property
    def matches(self) -> bool:
        """Whether every file is as this version would write it."""
        return all(change.action is Action.SAME for change in self.changes)

    @property
    def needs_consent(self) -> bool:
        """Whether something that is there would be changed."""
        return bool(self.of(Action.UPDATE, Action.REMOVE, Action.REPLACE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Initialised:
    """What was done."""

    plan: InitPlan
    #: Files of secrets that were made now.
    secrets_made: tuple[str, ...]
    #: Files of secrets that a person still has to write.
    secrets_missing: tuple[str, ...]


def remembered(folder: StackFolder) -> tuple[StackOptions | None, dict[str, str]]:
    """The choices made last, and the digests of what was written. Raises ConfigurationError for a broken record."""
    data = folder.read(RECORD)
    if data is None:
        return None, {}
    try:
        content = json.loads(data)
        return msgspec.convert(content["options"], StackOptions), dict(content["written"])
    except (ValueError, KeyError, TypeError, msgspec.ValidationError) as error:
        raise ConfigurationError(
            f"{folder.path}/{RECORD} cannot be understood: {error}",
            remedy=f"rm {folder.path}/{RECORD}; then say every choice again: monops init --help",
        ) from error


def plan_init(folder: StackFolder, options: StackOptions, replace: Iterable[str]) -> InitPlan:
    """What there is to do. Raises UsageFault for choices that make no stack, MonopsError where files cannot be read."""
    check_options(options)
    last, written = remembered(folder)
    wanted = {file.path: file.text for file in shipped(options)}
    there = {path: None if (data := folder.read(path)) is None else as_text(data) for path in {*wanted, *written}}
    chosen = tuple(replace)
    # A file of a service left out, kept because it was edited, can be given up by its name.
    known = {*wanted, *(path for path in written if there[path] is not None)}
    for path in chosen:
        if path != "all" and path not in known:
            raise UsageFault(
                f"--replace: there is no file {path!r} in the stack.{did_you_mean(path, known)}",
                remedy="monops init --check",
            )
    changes = decide(wanted, there, written, {*chosen, *wanted} if "all" in chosen else chosen)
    return InitPlan(folder=folder.path, options=options, changes=changes, written=written, is_first=last is None)


def apply_init(
    plan: InitPlan,
    folder: StackFolder,
    machine: Machine,
    progress: Progress,
    *,
    stamp: str,
    password: str | None = None,
) -> Initialised:
    """The files are as planned; what was changed is kept in `.monops/before/<stamp>/`.

    `password` is Grafana's first one; without it one is made. Secrets that exist are left alone.
    """
    written = dict(plan.written)
    for change in plan.changes:
        if change.before is not None and change.changes:
            folder.write(f"{KEPT}/{stamp}/{change.path}", as_bytes(change.before), mode=0o600)
        if change.action is Action.REMOVE:
            folder.remove(change.path)
            written.pop(change.path, None)
        elif change.changes and change.after is not None:
            folder.write(change.path, as_bytes(change.after))
        if change.after is not None:
            # Of an edited file too: what we would have written is no news next time.
            written[change.path] = digest(change.after)
    for path in FOLDERS:
        folder.make_folder(path)
    made = _secrets(plan.options, folder, machine, progress, password)
    record = {"options": msgspec.to_builtins(plan.options), "written": dict(sorted(written.items()))}
    folder.write(RECORD, json.dumps(record, indent=2).encode() + b"\n")
    missing = tuple(path for path in _receivers_secrets(plan.options) if folder.owner(path) is None)
    return Initialised(plan=plan, secrets_made=made, secrets_missing=missing)


def _receivers_secrets(options: StackOptions) -> list[str]:
    if "alertmanager" not in options.services:
        return []
    found = [RECEIVER_SECRETS[name] for name in options.receivers if name in RECEIVER_SECRETS]
    return [*found, SMTP_PASSWORD] if "email" in options.receivers and options.smtp_user else found


def _secrets(
    options: StackOptions, folder: StackFolder, machine: Machine, progress: Progress, password: str | None
) -> tuple[str, ...]:
    """The folders of secrets: passable for the services, to be listed by their owner alone."""
    folder.make_folder("secrets", mode=0o711)
    for service in SECRET_OWNERS:
        if service in options.services:
            folder.make_folder(f"secrets/{service}", mode=0o711)
    if "grafana" not in options.services:
        return ()
    if folder.owner(ADMIN_PASSWORD) is not None:
        if password is not None:
            progress.warn(
                f"{folder.path}/{ADMIN_PASSWORD} is there already and was left alone; Grafana takes the password "
                "from it only at its very first start"
            )
        return ()
    folder.write(ADMIN_PASSWORD, (password or machine.token(32)).encode(), mode=0o600)
    folder.give_to(ADMIN_PASSWORD, SECRET_OWNERS["grafana"])
    return (ADMIN_PASSWORD,)
