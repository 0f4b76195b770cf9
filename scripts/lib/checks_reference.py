"""The reference page of the health checks, from their own files."""

from __future__ import annotations

from monops.checks import all_checks
from monops.checks._pages import page_of
from monops.domain.check import GROUPS, Check

_INTRODUCTION = """\
What `monops doctor` asks of a running stack. Each check reads facts and answers with findings: the object, the
evidence, the cause, the one thing to do. A fact that could not be read makes the answer unknown, never healthy. A
check whose services the stack does not have is left out.

*error* is what does not work, *warning* what will hurt, *info* what is worth knowing. One check or a whole group is
asked with `monops doctor --only targets`, left out with `--skip targets.up`.
"""


def pages(head: str) -> dict[str, str]:
    """File name -> text."""
    checks = all_checks()
    parts = [head, "# Checks\n", _INTRODUCTION]
    for group in GROUPS:
        here = [check for check in checks if check.group == group]
        if here:
            parts += [f"## {group}\n", *(_entry(check) for check in here)]
    return {"checks.md": "\n".join(parts).rstrip() + "\n"}


def _entry(check: Check) -> str:
    page = page_of(check)
    lines = [f"### {check.id}\n", f"**{page.statement}**\n"]
    if page.explanation:
        lines.append(page.explanation + "\n")
    read = [f"`{name}`" for name in (*check.reads, *check.looks_at)]
    if read:
        lines.append(f"Reads {_listed(read)}.")
    if check.needs:
        lines.append(f"Asked where the stack has {_listed([f'`{service}`' for service in check.needs])}.")
    if read or check.needs:
        lines.append("")
    if check.queries:
        lines += ["Queries:\n", "```promql", *check.queries, "```\n"]
    lines += ["| finds | severity |", "| --- | --- |"]
    lines += [f"| {_cell(sick.what)} | {sick.severity.value} |" for sick in check.sick]
    return "\n".join(lines) + "\n"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
