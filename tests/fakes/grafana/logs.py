"""Log lines in the shape of Grafana's console log.

True of the real Grafana: logfmt with `logger`, `t`, `level`, `msg` and then free fields, on stdout.
Source: Grafana documentation, "Configure Grafana", section `[log]`.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime


def now_text() -> str:
    """The present second as grafana.db stores it: `2026-01-31 17:43:12`, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


def log(logger: str, level: str, message: str, **fields: object) -> None:
    """Write one line to stdout."""
    t = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    extra = "".join(f" {name}={_value(value)}" for name, value in fields.items())
    sys.stdout.write(f"logger={logger} t={t} level={level} msg={json.dumps(message)}{extra}\n")
    sys.stdout.flush()


def _value(value: object) -> str:
    text = str(value)
    return text if text and all(c.isalnum() or c in "-_./:[]" for c in text) else json.dumps(text)
