"""Saves what is needed to mend a bug of monops itself."""

from __future__ import annotations

import os
import platform
import tempfile
import traceback
from collections.abc import Sequence

from monops import __version__
from monops.domain.rebuild import without_secret, words_without_secrets


def save(error: Exception, arguments: Sequence[str]) -> str | None:
    """Write a report into the temporary folder; its path, or None where that is impossible."""
    lines = [
        f"monops {__version__}, Python {platform.python_version()}, {platform.platform()}",
        "arguments: " + " ".join(words_without_secrets(arguments)),
        "",
        *traceback.format_exception(error),
    ]
    try:
        descriptor, path = tempfile.mkstemp(prefix="monops-bug-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(without_secret(line) for line in lines))
    except OSError:
        return None
    return path
