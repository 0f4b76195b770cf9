"""Holds the architecture: imports one way, files and functions of a size that can be read."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LARGEST_FILE = 400
LARGEST_FUNCTION = 60


def main() -> int:
    """Exit 1 with a line for everything that is too large or imports the wrong way."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    faults = [] if done.returncode == 0 else [done.stdout[done.stdout.find("Broken contracts") :]]
    for path in sorted([*ROOT.glob("src/**/*.py"), *ROOT.glob("tests/**/*.py"), *ROOT.glob("scripts/**/*.py")]):
        faults += sizes(path)
    sys.stdout.writelines(fault + "\n" for fault in faults)
    return 1 if faults else 0


def sizes(path: Path) -> list[str]:
    """What in this file is too large."""
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT)
    lines = text.count("\n")
    faults = [f"{name}: {lines} lines, more than {LARGEST_FILE}"] if lines > LARGEST_FILE else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LARGEST_FUNCTION:
                faults.append(f"{name}: {node.name} has {length} lines, more than {LARGEST_FUNCTION}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
