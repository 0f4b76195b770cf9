"""Start the Grafana stand-in: `python3 server.py`. Not Grafana: a stand-in for tests, see README.md.

The folder is imported as a package whatever its name is, so that the same files run from the source tree and
from `/usr/share/grafana-stand-in/` in an image.
"""

from __future__ import annotations

import signal
import sys

# Process 1 of a container does not get a signal that it has no handler for: one that comes while the rest is being
# imported would be lost, as it is not with the real Grafana, and whoever stops the container would wait in vain.
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: sys.exit(0))

import importlib  # noqa: E402
from pathlib import Path  # noqa: E402


def main() -> int:
    """Run until SIGTERM or SIGINT and return the exit code."""
    folder = Path(__file__).resolve().parent
    sys.path.insert(0, str(folder.parent))
    return int(importlib.import_module(f"{folder.name}.service").main())


if __name__ == "__main__":
    sys.exit(main())
