"""Start the Grafana stand-in: `python3 server.py`. Not Grafana: a stand-in for tests, see README.md.

The folder is imported as a package whatever its name is, so that the same files run from the source tree and
from `/usr/share/grafana-stand-in/` in an image.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main() -> int:
    """Run until SIGTERM or SIGINT and return the exit code."""
    folder = Path(__file__).resolve().parent
    sys.path.insert(0, str(folder.parent))
    return int(importlib.import_module(f"{folder.name}.service").main())


if __name__ == "__main__":
    sys.exit(main())
