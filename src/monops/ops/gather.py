"""Gathering facts: everything at once, each with its own time limit, into one frozen snapshot.

A reader that hangs is left behind: its fact is unknown, and the run ends in time.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import PurePath
from queue import Empty, SimpleQueue
from typing import Any

from monops.domain.errors import MonopsError
from monops.domain.facts import Facts, Unknown
from monops.domain.ports import Clock, Inspectors, Series

#: How many things are read at once.
WORKERS = 16


def gather(
    inspectors: Inspectors,
    clock: Clock,
    *,
    project: str,
    names: Iterable[str],
    queries: Iterable[str],
    within: timedelta,
) -> Facts:
    """The facts called `names`, and the answers to `queries`; what was not read in time is Unknown."""
    deadline = clock.monotonic() + within.total_seconds()
    wanted = frozenset(names)
    facts = Facts(now=clock.now(), project=project)
    first = _readers(inspectors.engine(), wanted | {"containers"})
    facts = replace(facts, **read_all(first, clock, deadline))
    second: dict[str, Callable[[], object]] = dict(_readers(inspectors.services(facts.containers), wanted))
    asked = tuple(dict.fromkeys(queries))
    second |= _questions(inspectors, facts, asked)
    found = read_all(second, clock, deadline)
    answers = {query: found.pop(_mark(query)) for query in asked}
    return replace(facts, **found, answers=answers)


def _mark(query: str) -> str:
    return f"query {query}"


def _readers(inspectors: Sequence[Any], wanted: frozenset[str]) -> dict[str, Callable[[], object]]:
    return {name: read for one in inspectors for name, read in one.readers().items() if name in wanted}


def _questions(inspectors: Inspectors, facts: Facts, queries: Sequence[str]) -> dict[str, Callable[[], object]]:
    if not queries:
        return {}
    try:
        asker = inspectors.asker(facts.containers)
    except MonopsError as error:
        reason = error

        def refuse() -> tuple[Series, ...]:
            raise reason

        return {_mark(query): refuse for query in queries}
    return {_mark(query): _question(asker.ask, query) for query in queries}


def _question(ask: Callable[[str], tuple[Series, ...]], query: str) -> Callable[[], object]:
    return lambda: ask(query)


def read_all(readers: Mapping[str, Callable[[], object]], clock: Clock, deadline: float) -> dict[str, Any]:
    """Name -> value or Unknown, of every reader, no later than `deadline` on the monotonic clock."""
    todo: SimpleQueue[tuple[str, Callable[[], object]]] = SimpleQueue()
    done: SimpleQueue[tuple[str, object]] = SimpleQueue()
    for item in readers.items():
        todo.put(item)

    def work() -> None:
        while True:
            try:
                name, read = todo.get_nowait()
            except Empty:
                return
            done.put((name, _read(read)))

    for _ in range(min(WORKERS, len(readers))):
        # Daemons: the process may end while one of them hangs.
        threading.Thread(target=work, daemon=True).start()
    found: dict[str, object] = {}
    while len(found) < len(readers):
        left = deadline - clock.monotonic()
        if left <= 0:
            break
        try:
            name, value = done.get(timeout=left)
        except Empty:
            break
        found[name] = value
    late = Unknown("it was not read in time", "monops doctor --timeout 30s")
    return {name: found.get(name, late) for name in readers}


def _read(read: Callable[[], object]) -> object:
    try:
        return read()
    except MonopsError as error:
        return Unknown(error.message, error.remedy)
    except Exception as error:  # noqa: BLE001 - an answer in a form that nobody expected must not stop the others
        # Where, and not its words: they may quote what was sent or answered, and so a secret.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{PurePath(frame.filename).name}:{frame.lineno}"
        return Unknown(f"the answer was not understood ({type(error).__name__} at {where})")
