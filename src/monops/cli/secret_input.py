"""Secrets that a person gives: from a file, the environment or a prompt; never from the command line itself."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from monops.cli.wiring import Wiring
from monops.domain.errors import UsageFault


def given_secret(wiring: Wiring, path: str | None, variable: str) -> str | None:
    """From the file, `-` for standard input; else from the variable. None where neither is given.

    Raises ConfigurationError for a file that cannot be read, UsageFault for more than one line.
    """
    if path == "-":
        text = sys.stdin.read().strip()
    else:
        text = (wiring.secret_file(path) if path is not None else wiring.environment.get(variable)) or ""
    if not text and path is None:
        return None
    return checked(text, f"what stands in {path or variable}")


def asked_secret(what: str, remedy: str) -> str:
    """Typed unseen. Raises UsageFault where nobody is at a terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageFault(f"{what} is not known, and nobody is at a terminal to ask", remedy=remedy)
    return checked(str(click.prompt(what, hide_input=True, err=True)).strip(), what)


def checked(text: str, what: str) -> str:
    """One line of text. Raises UsageFault."""
    if not text or not text.isprintable():
        raise UsageFault(f"{what} is no secret of one line", remedy="one line, nothing else")
    return text


def typed(given: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """The options as they would be typed again; none of them is a secret, only files that have them."""
    words: list[str] = []
    for name, value in given.items():
        flag = names.get(name, "--" + name.replace("_", "-"))
        if value is True:
            words.append(flag)
        elif value is False and name.startswith("send_"):
            words.append(flag.replace("--", "--no-", 1))
        elif isinstance(value, tuple):
            words += [word for one in value for word in (flag, one)]
        elif isinstance(value, str):
            words += [flag, value]
    return words
