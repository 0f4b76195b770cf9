"""YAML as values: each text is read once, by libyaml where it is there.

Many checks look at the same configuration, and reading it takes ten times as long as all they do with it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import yaml

#: The same rules as yaml.SafeLoader, in C. Not every build of PyYAML has it.
FastLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@lru_cache(maxsize=64)
def read_yaml(text: str) -> Any:
    """The value of a text; nobody may change it. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=FastLoader)  # noqa: S506 - a safe loader
