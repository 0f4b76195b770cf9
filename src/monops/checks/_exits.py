"""Why a container ended: its exit code, what it is, and its last words together.

Sources: docs.docker.com/engine/containers/run (exit status); what Prometheus 3.5 and Alertmanager 0.33 do when their
configuration, their flags or their data are wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from monops.checks._containers import exit_code, last_words, role, shown
from monops.domain.facts import SeenContainer
from monops.domain.finding import Fix, Risk

#: Codes of a program that was told to stop, or was done.
STOPPED = (0, 130, 143)


@dataclass(frozen=True, slots=True)
class End:
    """Why it ended, and what to do."""

    cause: str
    fix: Fix
    #: The line of its log that tells it; "" where none does.
    words: str = ""


def why(one: SeenContainer, oom_kills: int = 0) -> End:
    """The most specific that the facts tell."""
    code = exit_code(one)
    if one.out_of_memory or (code == 137 and oom_kills):
        return End(
            f"the kernel ended it because it reached its memory limit (exit code {code})",
            _then_up(one, f"Raise deploy.resources.limits.memory of {one.service} in the Compose file, then start it."),
        )
    return _by_words(one) or _by_code(one)


def evidence(one: SeenContainer, end: End, lines: int = 3) -> tuple[str, ...]:
    """The line that tells it, else the last ones."""
    return (f"docker logs {one.name}: {shown(end.words)}",) if end.words else last_words(one, lines)


def _then_up(one: SeenContainer, say: str) -> Fix:
    return Fix(say=say, command=f"monops stack up {one.service}", risk=Risk.SAFE)


def _logs(one: SeenContainer, say: str) -> Fix:
    return Fix(say=say, command=f"docker logs --tail 50 {one.name}")


#: Lines at the end of a log in which the reason is looked for: a panic has many, and what is older is of other ends.
_LINES = 25
_OWNER = "monops doctor --only stack.volume_owner"
_UNWRITABLE = (
    r"(queries\.active|mmap-ed active query log|opening storage|/prometheus|/alertmanager|nflog|/var/lib/grafana).*"
    r"[Pp]ermission denied|GF_PATHS_DATA.*is not writable"
)
#: What the last words hold -> why. The first that fits.
_WORDS: tuple[tuple[str, str, str], ...] = (
    (
        r"unknown (long|short) flag|[Ee]rror parsing command line|flag provided but not defined",
        "a flag in its command is not one that this version knows",
        "Correct the command of {service} in the Compose file, then start it.",
    ),
    (
        r"lock DB directory|lock.*resource temporarily unavailable",
        "another process has its data folder, as when two Prometheus share one volume",
        "Give {service} a volume of its own, or stop the other one, then start it.",
    ),
    (
        r"(/etc/\w+/|[Ll]oading config).*[Pp]ermission denied",
        "it may not read its configuration",
        f"Let the user of {{service}} read it: {_OWNER} says how.",
    ),
    (
        _UNWRITABLE,
        "it may not write in its data folder",
        f"Give the data folder to the user of {{service}}: {_OWNER} says how.",
    ),
    (
        r"no space left on device",
        "the disk is full",
        "Make room on the disk, then start it.",
    ),
    (
        r"address already in use",
        "the port on which it listens is taken",
        "Give {service} another port, or stop what has it, then start it.",
    ),
    (
        r"exec format error",
        "its image is made for another kind of processor",
        "Use an image for this machine's processor, then start it.",
    ),
)
#: Words of a configuration that is at fault.
_CONFIGURATION = (
    r"[Ee]rror loading config|[Ll]oading configuration file failed|parsing YAML|yaml: |unmarshal errors"
    r"|undefined receiver"
)


def _by_words(one: SeenContainer) -> End | None:
    lines = one.log[-_LINES:][::-1]
    for pattern, cause, say in _WORDS:
        line = next((line for line in lines if re.search(pattern, line)), "")
        if line:
            fix = _then_up(one, say.format(service=one.service))
            if _OWNER in say:
                fix = Fix(say=say.format(service=one.service), command=_OWNER)
            return End(f"{cause} (exit code {exit_code(one)})", fix, line)
    line = next((line for line in lines if re.search(_CONFIGURATION, line)), "")
    return _configuration(one, line) if line and role(one) in _CHECKERS else None


#: How the configuration of a container that does not run is checked, with its own program and mounts.
_CHECKERS: Mapping[str, str] = {
    "prometheus": "promtool {image} check config /etc/prometheus/prometheus.yml",
    "alertmanager": "amtool {image} check-config /etc/alertmanager/alertmanager.yml",
}


def _configuration(one: SeenContainer, line: str = "") -> End:
    words = _CHECKERS[role(one)].format(image=one.container.image)
    return End(
        f"its configuration is wrong or not there (exit code {exit_code(one)})",
        Fix(
            say="Correct the line that the program names, then start it.",
            command=f"docker run --rm --network none --volumes-from {one.name}:ro --entrypoint {words}",
        ),
        line,
    )


_CODES: Mapping[int, tuple[str, str]] = {
    125: ("Docker could not start it", "See what Docker said."),
    126: (
        "its command is there and cannot be run: it is not executable, or made for another kind of processor",
        "Correct command or entrypoint in the Compose file.",
    ),
    127: ("its command is not in the image", "Correct command or entrypoint in the Compose file."),
    134: ("it gave up (abort)", "See its last words."),
    137: (
        "it was killed: by somebody, or by Docker because it did not stop in time when told to",
        "Start it; if it was too slow to stop, give it a longer stop_grace_period.",
    ),
    139: ("it crashed (segmentation fault)", "Start it, with another version of its image if it crashes again."),
}


def _by_code(one: SeenContainer) -> End:
    code = exit_code(one)
    known = _CODES.get(code) if code is not None else None
    if known is not None:
        cause, say = known
        return End(f"{cause} (exit code {code})", (_then_up if code in (137, 139) else _logs)(one, say))
    if (role(one), code) in (("prometheus", 2), ("alertmanager", 1)):
        return _configuration(one)
    if (role(one), code) == ("prometheus", 1):
        return End(
            "a flag in its command is wrong, or its data cannot be opened (exit code 1)",
            _logs(one, "See which in its last words."),
        )
    return End(f"it ended with an error of its own (exit code {code})", _logs(one, "See its last words."))
