"""A container that was disturbed is put back, also when the disturbing itself was cut short."""

from __future__ import annotations

import pytest

from monops.domain.errors import Terminated
from monops.ops.disturb import paused, repair, stopped
