"""Stores the packs of one source in every destination that lacks them, several at a time."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from monops.domain import layout
from monops.domain.errors import StoreError
from monops.domain.ports import Packing, Store
from monops.ops.destinations import Destination, remember_now_and_then
from monops.ops.outside import Outside
from monops.ops.pack import NobodyLeft, Pack, fan_out, pack_to

__all__ = ["NobodyLeft", "Storing"]

#: Compressors at a time. Each takes tens of megabytes with its upload's parts.
_MOST_WORKERS = 4


class Stopped(Exception):
    """Another object of the same source failed, or the person pressed ^C."""


class Storing:
    """One source on its way."""

    def __init__(
        self, outside: Outside, snapshot: str, source: str, destinations: Sequence[Destination], packing: Packing
    ) -> None:
        self._outside = outside
        self._snapshot = snapshot
        self._source = source
        self._destinations = destinations
        self._packing = packing
        self._stop = threading.Event()
        #: Keys of this source's objects, in the order of their packs.
        self.keys: list[str] = []
        #: Files that were listed and gone.
        self.missing: list[str] = []

    def key_of(self, name: str) -> str:
        return layout.object_key(self._source, name, self._packing.suffix)

    def store(self, packs: Sequence[Pack]) -> None:
        """Store every pack; returns when all are stored. Raises NobodyLeft when every destination has failed."""
        todo = []
        for pack in packs:
            key = self.key_of(pack.name)
            self.keys.append(key)
            lacking = [d for d in self._destinations if d.ok and not self._reused(d, pack, key)]
            if lacking:
                todo.append((pack, key, lacking))
        if not any(d.ok for d in self._destinations):
            raise NobodyLeft
        total = sum(pack.size for pack, _, _ in todo)
        self._outside.progress.step(self._source, total)
        # One more than there are processors: somebody always waits for a disk or a server.
        workers = min(_MOST_WORKERS, self._outside.machine.cpus + 1, max(1, len(todo)))
        # The largest first, so that none is left alone at the end.
        todo.sort(key=lambda item: -item[0].size)
        with ThreadPoolExecutor(workers, thread_name_prefix="pack") as pool:
            futures = [
                pool.submit(self._store_one, pack, key, lacking, self._threads(pack, total, workers))
                for pack, key, lacking in todo
            ]
            self._wait(futures)

    def _reused(self, destination: Destination, pack: Pack, key: str) -> bool:
        if pack.reusable and destination.has(key):
            destination.reuse(self._source, key)
            return True
        return False

    def _threads(self, pack: Pack, total: int, workers: int) -> int:
        """One object that outweighs the others is compressed by several threads, many small ones side by side."""
        return self._outside.machine.cpus if pack.size * workers > total and pack.size > (4 << 20) else 0

    def _wait(self, futures: Sequence[Future[None]]) -> None:
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except BaseException:
            self._stop.set()
            for future in futures:
                future.cancel()
            raise

    def _store_one(self, pack: Pack, key: str, lacking: Sequence[Destination], threads: int) -> None:
        by_store = {id(d.store): d for d in lacking}
        gave_up: set[int] = set()

        def failed(store: Store, error: StoreError) -> None:
            gave_up.add(id(store))
            by_store[id(store)].fail(error)

        packing = dataclasses.replace(self._packing, threads=threads, is_tsdb=self._source == "prometheus")
        at_most = int(pack.size * 1.02) + 1024 * len(pack.entries) + (1 << 16)
        stores = [d.store for d in lacking if d.ok]
        if not stores:
            raise NobodyLeft
        with fan_out(stores, key, at_most=at_most, failed=failed) as sink:
            packed = pack_to(
                sink, pack, self._outside.codec, packing, open_file=self._outside.files.open, tick=self._tick
            )
        for destination in lacking:
            if id(destination.store) not in gave_up and destination.ok:
                destination.stored_new(self._source, key, packed)
                remember_now_and_then(self._outside, destination, self._snapshot)
        self.missing.extend(packed.missing)

    def _tick(self, size_bytes: int) -> None:
        if self._stop.is_set():
            raise Stopped
        self._outside.progress.advance(size_bytes)
