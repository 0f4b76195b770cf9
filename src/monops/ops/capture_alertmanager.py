"""Capturing Alertmanager's silences and notification log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from monops.domain.errors import MonopsError
from monops.domain.ports import Tree
from monops.domain.tree import Kind
from monops.ops.capture import Capture, Naming, Target
from monops.ops.disturb import stopped
from monops.ops.outside import Outside
from monops.ops.pack import Pack

#: Alertmanager writes its state every 15 minutes and when it stops. Source: its flag --data.maintenance-interval.
_LIVE = (
    "Alertmanager is captured live: silences made since it last wrote its state (at most 15 minutes ago) are not in "
    "it; --capture stop has them"
)


@contextmanager
def capture_alertmanager(outside: Outside, target: Target, naming: Naming) -> Iterator[Capture]:
    """Hold the state files, which are replaced whole by rename, so that each is consistent in itself."""
    if target.mode == "snapshot":
        raise MonopsError("Alertmanager makes no snapshots", remedy="use --capture live or --capture stop")
    with ExitStack() as stack:
        # A person's pause is left alone: the files stand still.
        running = target.container is not None and target.container.state in ("running", "paused")
        start: Callable[[], None] = lambda: None  # noqa: E731 - nothing to start
        mode = "live"
        if target.container is not None and (target.mode == "stop" or not running):
            start = stack.enter_context(stopped(outside, target.container))
            mode = "stop"
        tree = stack.enter_context(outside.volumes.tree(target.place))
        capture = Capture(mode=mode, tree=tree, root=tree.root(), phases=iter(()))
        if mode == "live":
            capture.warnings.append(_LIVE)
        capture.phases = _phases(tree, naming, start, capture)
        yield capture


def _phases(tree: Tree, naming: Naming, start: Callable[[], None], capture: Capture) -> Iterator[Sequence[Pack]]:
    entries = tree.walk()
    if not any(entry.kind is Kind.FILE for entry in entries):
        capture.warnings.append("Alertmanager has written no state yet: an empty folder is what is stored")
    yield [Pack(name=naming.per_snapshot(), entries=entries, tree=tree, must_be_whole=False)]
    start()
