"""What is worked out once for many threads, and many small things done at once.

The threads are daemons: what hangs must not keep the process from ending, as those of concurrent.futures would.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from monops.domain.errors import MonopsError

_T = TypeVar("_T")
_R = TypeVar("_R")


class Once(Generic[_T]):
    """A value that the first asker works out, while the others wait. An expected error is kept as well."""

    def __init__(self, make: Callable[[], _T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._kept: list[_T] = []
        self._error: MonopsError | None = None

    def __call__(self) -> _T:
        with self._lock:
            if self._error is not None:
                raise self._error
            if not self._kept:
                try:
                    self._kept.append(self._make())
                except MonopsError as error:
                    self._error = error
                    raise
            return self._kept[0]


def at_once(do: Callable[[_T], _R], items: Iterable[_T], *, workers: int = 8) -> list[_R]:
    """`do` of every item, in their order. The first error is raised, after all have been done."""
    given = list(items)
    todo: SimpleQueue[int] = SimpleQueue()
    for index in range(len(given)):
        todo.put(index)
    done: dict[int, _R] = {}
    errors: list[Exception] = []

    def work() -> None:
        while True:
            try:
                index = todo.get_nowait()
            except Empty:
                return
            try:
                done[index] = do(given[index])
            except Exception as error:  # noqa: BLE001 - raised below, where somebody can catch it
                errors.append(error)

    # One of them is this thread.
    helpers = [threading.Thread(target=work, daemon=True) for _ in range(min(workers, len(given)) - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]
    return [done[index] for index in range(len(given))]
