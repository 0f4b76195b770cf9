"""What lies in the data folder beside grafana.db.

True of the real Grafana: `plugins/` with one folder per installed plugin, `png/`, `csv/` and `pdf/` for
rendered files, and since 12 `unified-search/bleve/`, a search index that is built from the database and
rebuilt when it is missing. A data folder that cannot be written is said so and ends the start.
Source: Grafana documentation, "Configure Grafana" (`[paths]`); grafana/grafana `packaging/docker/run.sh`,
`pkg/storage/unified/search`. The index files here have the right kind of names and random content.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path

from .database import CannotStart

_PLUGIN = "standin-clock-panel"
_INDEXES = ("dashboard.grafana.app.dashboards", "folder.grafana.app.folders")
_SEGMENTS_TO_KEEP = 3


def lay_out(data: Path) -> None:
    """Make what is not there yet. Raises CannotStart if the folder is not writable."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        for name, mode in (("plugins", 0o755), ("png", 0o700), ("csv", 0o700), ("pdf", 0o700)):
            (data / name).mkdir(mode=mode, exist_ok=True)
        plugin = data / "plugins" / _PLUGIN
        if not plugin.exists():
            _install_plugin(plugin)
    except OSError as error:
        raise CannotStart(
            f"GF_PATHS_DATA='{data}' is not writable. You may have issues with file permissions: {error}"
        ) from error
    if not os.access(data, os.W_OK):
        raise CannotStart(f"GF_PATHS_DATA='{data}' is not writable. You may have issues with file permissions")


def _install_plugin(plugin: Path) -> None:
    (plugin / "img").mkdir(parents=True)
    about = {"type": "panel", "name": "Stand-in clock", "id": _PLUGIN, "info": {"version": "1.0.0"}}
    (plugin / "plugin.json").write_text(json.dumps(about, indent=2))
    (plugin / "module.js").write_text("define([], function () { return { plugin: 'stand-in' }; });\n")
    (plugin / "README.md").write_text("A plugin folder made by the Grafana stand-in. It is not a plugin.\n")
    (plugin / "img" / "logo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>\n')


class SearchIndex:
    """The derived index: built if missing, rewritten every `interval_s` until `stop`."""

    def __init__(self, data: Path, interval_s: float) -> None:
        self._root = data / "unified-search" / "bleve" / "default"
        self._interval_s = interval_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="search-index", daemon=True)

    def start(self) -> None:
        """Build what is missing, then keep rewriting."""
        self._rewrite()
        self._thread.start()

    def stop(self) -> None:
        """Stop rewriting."""
        self._stopping.set()
        self._thread.join(0.2)

    def _run(self) -> None:
        while not self._stopping.wait(self._interval_s):
            try:
                self._rewrite()
            except OSError:
                continue  # the folder was swapped away under it; the next round builds it again

    def _rewrite(self) -> None:
        for name in _INDEXES:
            index = self._root / name
            if not (index / "index_meta.json").exists():
                shutil.rmtree(index, ignore_errors=True)
            store = index / "store"
            store.mkdir(parents=True, exist_ok=True)
            meta = {"storage": "scorch", "index_type": "scorch"}
            (index / "index_meta.json").write_text(json.dumps(meta))
            segments = sorted(store.glob("*.zap"))
            number = int(segments[-1].stem, 16) + 1 if segments else 1
            (store / f"{number:012x}.zap").write_bytes(os.urandom(4096))
            (store / "root.bolt").write_bytes(os.urandom(8192))
            for old in segments[: max(0, len(segments) + 1 - _SEGMENTS_TO_KEEP)]:
                old.unlink(missing_ok=True)
