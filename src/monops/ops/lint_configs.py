"""Rule files and configurations through the servers' own tools."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from monops.domain.errors import MonopsError
from monops.domain.lint.configs import of_output
from monops.domain.lint.problem import Problem
from monops.domain.lint.recognise import Recognised
from monops.domain.ports import Helper
from monops.domain.ports.linting import LintTools, SourceFile

_CHECK = {
    "config/prometheus": ("prometheus", ("promtool", "check", "config")),
    "config/alertmanager": ("alertmanager", ("amtool", "check-config")),
}


@dataclass(slots=True, kw_only=True)
class Checked:
    """What the tools said."""

    problems: list[Problem] = field(default_factory=list)
    #: Lint rule -> why nothing can be told by it.
    unanswered: dict[str, str] = field(default_factory=dict)


def check_configs(
    tools: LintTools | None, sources: Sequence[SourceFile], files: Recognised, *, is_own: bool
) -> Checked:
    """The stack's own files as the containers have them; others in a throwaway copy."""
    checked = Checked()
    if tools is None:
        return checked
    jobs: list[tuple[str, Callable[[], list[Problem]]]] = []
    for id_, texts in (("config/prometheus", files.prometheus), ("config/alertmanager", files.alertmanager)):
        jobs += [(id_, _job(tools, sources, id_, path, is_own=is_own)) for path in texts]
    plain = [one.path for one in files.rules]
    if plain and not (is_own and files.prometheus):
        jobs.append(("rules/rejected", lambda: _rules(tools, sources, plain)))
    with ThreadPoolExecutor(4) as pool:
        for (id_, _), future in [(job, pool.submit(job[1])) for job in jobs]:
            try:
                checked.problems += future.result()
            except MonopsError as error:
                checked.unanswered[id_] = error.message
    return checked


def _job(
    tools: LintTools, sources: Sequence[SourceFile], id_: str, path: str, *, is_own: bool
) -> Callable[[], list[Problem]]:
    return lambda: _own(tools, id_, path) if is_own else _other(tools, sources, id_, path)


def _own(tools: LintTools, id_: str, path: str) -> list[Problem]:
    """As the running container has it, with the rule files that it names."""
    service, words = _CHECK[id_]
    inside = tools.config_path(service)
    folder, here = posixpath.dirname(inside), posixpath.dirname(path)

    def path_of(tool_path: str) -> str:
        return posixpath.join(here, posixpath.relpath(tool_path, folder)) if tool_path.startswith(folder) else tool_path

    return _problems(id_, tools.inside(service, (*words, inside)), path_of, path)


def _other(tools: LintTools, sources: Sequence[SourceFile], id_: str, path: str) -> list[Problem]:
    service, words = _CHECK[id_]
    text = next(one.text for one in sources if one.path == path)
    name = posixpath.basename(path)
    # What the file names need not be here: secrets, certificates, targets.
    flags = ("--syntax-only",) if service == "prometheus" else ()
    said = tools.apart(service, {name: text.encode()}, (*words, *flags, name))
    return _problems(id_, said, lambda _: path, path)


def _rules(tools: LintTools, sources: Sequence[SourceFile], paths: Sequence[str]) -> list[Problem]:
    by_name = {f"{number}.yml": path for number, path in enumerate(paths)}
    texts = {one.path: one.text for one in sources}
    files = {name: texts[path].encode() for name, path in by_name.items()}
    said = tools.apart("prometheus", files, ("promtool", "check", "rules", *by_name))
    return _problems("rules/rejected", said, lambda name: by_name.get(posixpath.basename(name), name), paths[0])


def _problems(id_: str, said: Helper, path_of: Callable[[str], str], otherwise: str) -> list[Problem]:
    if said.exit_code == 0:
        return []
    return list(of_output(id_, said.output, path_of, otherwise))
