"""Interruptions that wait: what puts things right must not be cut short by the signal that asks for an end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Waiting:
    """Signals come in the main thread alone, and so does what waits for them."""

    depth = 0
    error: BaseException | None = None


def interrupt(error: BaseException) -> None:
    """Raise it: now, or as soon as the putting right that is under way is over. A second one does not wait."""
    if _Waiting.depth and _Waiting.error is None:
        _Waiting.error = error
        return
    raise error


@contextmanager
def uninterrupted() -> Iterator[None]:
    """What is done inside is done to its end; then an interruption that came meanwhile is raised."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _Waiting.depth += 1
    try:
        yield
    finally:
        _Waiting.depth -= 1
        if not _Waiting.depth and _Waiting.error is not None:
            error, _Waiting.error = _Waiting.error, None
            raise error
