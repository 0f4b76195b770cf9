"""The options that every command shares."""

from __future__ import annotations

from dataclasses import dataclass

#: Forms of `--output` that hold what checks found, for other programs: each has its writer in show_reports.py.
REPORT_FORMS = ("sarif", "junit", "markdown")
#: The commands that check something.
REPORTING = ("doctor", "lint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What stands before the command on the command line."""

    config: str | None = None
    project: str | None = None
    output: str = "text"
    quiet: bool = False
    verbose: int = 0
    no_color: bool = False

    @property
    def as_json(self) -> bool:
        return self.output == "json"

    @property
    def report_form(self) -> str | None:
        """The form of a report for other programs; None where it is text or JSON."""
        return self.output if self.output in REPORT_FORMS else None
