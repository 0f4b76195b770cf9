"""The command line in this process: what it prints, and how it ends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from monops.cli.main import run


@dataclass(frozen=True)
class Shown:
    """One run that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document, which is all that stands on stdout."""
        return json.loads(self.out)

    def is_one_error(self, code: int, sentence: str, remedy: str) -> None:
        assert self.err == f"error: {sentence}\n  try: {remedy}\n"
        assert (self.code, self.out) == (code, "")


@dataclass
class CommandLine:
    """Runs where no engine answers, with a monops.toml of its own."""

    folder: Path
    captured: pytest.CaptureFixture[str]

    def configure(self, text: str) -> None:
        (self.folder / "monops.toml").write_text(text)

    def __call__(self, *words: str) -> Shown:
        self.captured.readouterr()
        code = run(words)
        out, err = self.captured.readouterr()
        return Shown(code, out, err)
