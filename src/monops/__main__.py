"""Entry point: answers `--version` before anything heavy is imported."""

from __future__ import annotations

import sys

from monops import __version__


def main() -> None:
    """Run the command line; ends the process with an exit code of `monops.domain.exits`."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        print(f"monops {__version__}")
        raise SystemExit(0)
    from monops.cli.main import run

    raise SystemExit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
