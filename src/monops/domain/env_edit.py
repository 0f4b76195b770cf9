"""Setting one variable in a `.env` file; every other byte stays.

Source: docs.docker.com/compose/how-tos/environment-variables/variable-interpolation, `.env` file syntax; compose-go,
dotenv/parser.go, `extractVarValue`.
"""

from __future__ import annotations

import re

from monops.domain.errors import Refused

#: Without quotes the value goes on to a ` #`, or to the end of the line: `foo#bar` is one value, and so is `#bar`.
_LINE = (
    r"^(?P<head>[ \t]*(?:export[ \t]+)?{name}[ \t]*=[ \t]*)"
    r"(?P<value>'[^'\n]*'|\"[^\"\n]*\"|[^\n]*?(?=[ \t]*(?: #|\r?$)))"
)
_SAFE = re.compile(r"[\w.:/@%+,-]*", re.ASCII)


def variable(text: str, name: str) -> str | None:
    """Its value, quotes taken off; None where it is not set. The last one counts."""
    found = _lines(text, name)
    return found[-1]["value"].strip("\"'") if found else None


def set_variable(text: str, name: str, value: str, *, file: str) -> str:
    """The variable has this value, in its own quotes; one that is not there comes last. Raises Refused."""
    if not _SAFE.fullmatch(value):
        raise Refused(f"{value!r} cannot be written into {file} as it is", remedy=f"edit {file} by hand")
    found = _lines(text, name)
    if len(found) > 1:
        raise Refused(f"{name} is in {file} {len(found)} times", remedy=f"take all but one away in {file}")
    if not found:
        eol = "\r\n" if "\r\n" in text else "\n"
        lead = "" if not text or text.endswith("\n") else eol
        return f"{text}{lead}{name}={value}{eol}"
    before = found[0]["value"]
    quote = before[0] if before[:1] in ("'", '"') else ""
    start = found[0].start("value")
    return text[:start] + quote + value + quote + text[start + len(before) :]


def _lines(text: str, name: str) -> list[re.Match[str]]:
    return list(re.finditer(_LINE.format(name=re.escape(name)), text, re.MULTILINE))
