"""What promtool and amtool say, as problems.

Source: prometheus/prometheus, cmd/promtool; prometheus/alertmanager, cli/check_config.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from monops.domain.finding import Severity
from monops.domain.lint.problem import Problem

_CHECKED = re.compile(r"^Checking '?([^'\n]+?)'?(?:\s+(?:SUCCESS|FAILED).*)?$")
_NAMED = re.compile(r"^(?:FAILED: )?(?:parsing YAML file )?(\S+?): ")
_PLACE = re.compile(r"(?:^|[ ,:])(?:line )?(\d+):\d+: |\bline (\d+)\b")


def of_output(id_: str, text: str, path_of: Callable[[str], str], otherwise: str) -> Iterator[Problem]:
    """One problem for each thing that the tool refuses. `path_of`: the tool's path -> the person's.

    promtool says on one stream what it checks and on the other what is wrong, so "Checking b.yml" may come before the
    faults of a.yml: a line that begins with a file's name is of that file.
    """
    file, is_bad = otherwise, False
    found: list[tuple[str, str]] = []
    names = {checked[1] for raw in text.splitlines() if (checked := _CHECKED.match(raw.strip()))}
    for raw in text.splitlines():
        line = raw.strip()
        checked = _CHECKED.match(line)
        if checked:
            file, is_bad = path_of(checked[1]), False
        elif (named := _NAMED.match(line)) and named[1] in names:
            file = path_of(named[1])
        head, failed, said = line.partition("FAILED")
        if failed and (checked or not head):
            is_bad, line = True, said.lstrip(" :")
        elif checked or line.startswith(("SUCCESS", "amtool: error")):
            continue
        if line and is_bad:
            found.append((file, line))
    # A headline before the lines that it announces says nothing.
    told = [(file, line) for file, line in found if not line.endswith("errors:")] or found
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for file, line in told or [(otherwise, lines[-1] if lines else "it is refused without a word")]:
        yield _problem(id_, file, line)


def _problem(id_: str, file: str, said: str) -> Problem:
    place = _PLACE.search(said)
    line = next((int(group) for group in place.groups() if group), 1) if place else 1
    tool = "amtool" if id_ == "config/alertmanager" else "promtool"
    return Problem(
        id=id_,
        severity=Severity.ERROR,
        file=file,
        line=line,
        subject=file.rpartition("/")[2],
        message=f"{tool} refuses it: {said}",
        fix="Mend it before it is loaded: a server goes on with the old one, or does not start with it.",
    )
