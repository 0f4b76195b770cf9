"""monops, killed with SIGKILL at a named moment of a change: `python -m tests.faults.killed_at MOMENT WORD…`.

A moment is `what:number:before` or `what:number:after`, where `what` is something that a change does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from monops.edges.changes_folder import ChangesFolder
from monops.edges.compose_project import ComposeProject
from monops.edges.edited_files import LocalEditedFiles

#: What can be waited for: the entry is saved, a file is replaced, Compose is run, Compose is on its way.
WHAT: dict[str, tuple[Any, str]] = {
    "save": (ChangesFolder, "save"),
    "replace": (LocalEditedFiles, "replace"),
    "make": (ComposeProject, "make"),
    "compose": (subprocess.Popen, "__init__"),
}


def kill_at(moment: str) -> None:
    """This process ends when that happens."""
    what, number, when = moment.split(":")
    owner, name = WHAT[what]
    original: Callable[..., Any] = getattr(owner, name)
    count = [0]

    def watched(self: Any, *words: Any, **named: Any) -> Any:
        # Of the programs that are started only those count that change something.
        counts = what != "compose" or named.get("start_new_session")
        count[0] += bool(counts)
        is_it = bool(counts) and count[0] == int(number)
        if is_it and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = original(self, *words, **named)
        if is_it:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(owner, name, watched)


if __name__ == "__main__":
    from monops.cli.main import run

    kill_at(sys.argv[1])
    sys.exit(run(sys.argv[2:]))
