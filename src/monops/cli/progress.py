"""Progress: a bar with bytes, rate and time left on a terminal, a line a minute elsewhere. Always on stderr."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from monops.cli.settings import Settings
from monops.cli.show import wants_colour
from monops.domain.units import show_size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_A_LINE_EVERY = 60.0


class TerminalProgress:
    """Tells a person how it goes. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._quiet = settings.quiet
        self._verbose = settings.verbose > 0
        self._colour = wants_colour(settings)
        self._is_terminal = sys.stderr.isatty() and not settings.quiet and not settings.as_json
        self._guard = threading.Lock()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._text = ""
        self._total: int | None = None
        self._done = 0
        self._told = time.monotonic()
        self._began = self._told

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_bar()

    def step(self, text: str, total_bytes: int | None = None) -> None:
        with self._guard:
            self._text, self._total, self._done = text, total_bytes, 0
            self._began = self._told = time.monotonic()
        if self._verbose and not total_bytes:
            self._write(text)
        if self._is_terminal:
            self._stop_bar()
            if total_bytes:
                self._start_bar(text, total_bytes)

    def advance(self, size_bytes: int) -> None:
        with self._guard:
            self._done += size_bytes
            if self._bar is not None and self._task is not None:
                self._bar.update(self._task, advance=size_bytes)
                return
            now = time.monotonic()
            if self._quiet or now - self._told < _A_LINE_EVERY:
                return
            self._told = now
            rate = self._done / max(now - self._began, 0.001)
            of = f" of {show_size(self._total)}" if self._total else ""
            line = f"{self._text}: {show_size(self._done)}{of}, {show_size(rate)}/s"
        self._write(line)

    def say(self, text: str) -> None:
        if not self._quiet:
            self._write(text)

    def warn(self, text: str) -> None:
        head = "\x1b[33mwarning:\x1b[0m" if self._colour else "warning:"
        self._write(f"{head} {text}")

    def _write(self, line: str) -> None:
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    def _start_bar(self, text: str, total: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        console = Console(stderr=True, no_color=not self._colour)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True))
        self._bar = Progress(*columns, TransferSpeedColumn(), TimeRemainingColumn(), console=console, transient=True)
        self._task = self._bar.add_task(text, total=total)
        self._bar.start()

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
