"""What a check's own file says of it: its entry of the reference page, and where that is."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from inspect import cleandoc

from monops.domain.check import Check

#: From the root of the repository.
REFERENCE = "docs/reference/checks.md"


@dataclass(frozen=True, slots=True)
class Page:
    """The module's docstring, in its two parts."""

    #: The question as a statement: `Every target is up.`
    statement: str
    #: Plain paragraphs; "" where there are none.
    explanation: str
    #: `docs/reference/checks.md#targetsup`.
    address: str


def page_of(check: Check) -> Page:
    """What the check's file says of it."""
    module = import_module(f"monops.checks.{check.id.replace('.', '_', 1)}")
    statement, _, explanation = cleandoc(module.__doc__ or "").partition("\n\n")
    return Page(" ".join(statement.split()), explanation.strip(), f"{REFERENCE}#{anchor(check.id)}")


def anchor(check_id: str) -> str:
    """The anchor that Markdown gives the heading with this id: without the dot."""
    return check_id.replace(".", "").lower()
