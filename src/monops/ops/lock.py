"""One writer per destination.

A lock is an object `locks/<name>.json` with owner, host and expiry. Conditional writes are not to be had everywhere
(Ceph's and Backblaze's S3 have none), so nobody relies on them: a writer puts its own lock under its own name, then
lists; if any other live lock is there, it takes its own away and yields. Two that start at once may both yield, and try
again after a while of random length; two never both go on. Source: S3 is strongly consistent for list after write.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from monops.domain import layout
from monops.domain.errors import Locked, NotFound, StoreError
from monops.domain.ports import Store
from monops.ops.outside import Outside

#: How long a lock lives when its owner is not heard of: a killed backup on another host blocks for so long.
LIFE = timedelta(minutes=15)
_RENEW = timedelta(minutes=4)
_TRIES = 4


@contextmanager
def locked(outside: Outside, store: Store, *, break_lock: bool = False) -> Iterator[Lease]:
    """Hold the destination's lock, renewed meanwhile. Raises Locked with who holds it."""
    for attempt in range(_TRIES):
        others = _others(outside, store, mine="", break_locks=break_lock)
        if others:
            raise _held(store, others[0])
        key = f"{layout.LOCKS}{outside.machine.token(16)}.json"
        lease = Lease(outside, store, key)
        lease.renew()
        try:
            others = _others(outside, store, mine=key, break_locks=False)
            if not others:
                with lease.renewing():
                    yield lease
                return
        finally:
            lease.release()
        if attempt < _TRIES - 1:
            outside.clock.sleep(timedelta(milliseconds=100 + int(outside.machine.token(4), 16) % 900))
    raise _held(store, others[0])


class Lease:
    """A held lock."""

    def __init__(self, outside: Outside, store: Store, key: str) -> None:
        self._outside = outside
        self._store = store
        self._key = key
        self._lost: StoreError | None = None
        self._expires = outside.clock.now()

    def renew(self) -> None:
        expires = self._outside.clock.now() + LIFE
        content = {"owner": dict(self._outside.machine.identity()), "expires": expires.isoformat()}
        self._store.put(self._key, json.dumps(content).encode())
        self._expires = expires

    def check(self) -> None:
        """Raises Locked if the lock ran out (no renewal came through, or this machine slept): others may write now."""
        if self._has_run_out():
            why = self._lost.message if self._lost is not None else "this process was held up for too long"
            raise Locked(f"the lock of {self._store.url} could not be renewed: {why}", remedy="run the backup again")

    def _has_run_out(self) -> bool:
        return self._outside.clock.now() >= self._expires

    @contextmanager
    def renewing(self) -> Iterator[None]:
        done = threading.Event()

        def run() -> None:
            # A lock that has run out stays so: somebody else may hold the destination by now.
            while not done.wait(_RENEW.total_seconds()) and not self._has_run_out():
                try:
                    self.renew()
                    self._lost = None
                except StoreError as error:
                    self._lost = error

        thread = threading.Thread(target=run, name="lock", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def release(self) -> None:
        # Unreleased it expires; the store's own failure is what the backup reports.
        with suppress(StoreError):
            self._store.delete(self._key)


def _others(outside: Outside, store: Store, *, mine: str, break_locks: bool) -> list[Mapping[str, Any]]:
    """Live locks of others. Dead ones (expired, or of a process of this host that is gone) are taken away."""
    found = []
    for stored in store.list(layout.LOCKS):
        if stored.key == mine:
            continue
        try:
            content = json.loads(store.get(stored.key))
            expires = datetime.fromisoformat(content["expires"]).astimezone(UTC)
            owner = dict(content["owner"])
        except NotFound:
            continue
        except (ValueError, KeyError, TypeError):
            expires = stored.modified + LIFE
            content, owner = {"owner": {}, "expires": expires.isoformat()}, {}
        dead = expires <= outside.clock.now() or outside.machine.is_alive(owner) is False
        if dead or break_locks:
            store.delete(stored.key)
        else:
            found.append(content)
    return found


def _held(store: Store, lock: Mapping[str, Any]) -> Locked:
    owner = lock.get("owner") or {}
    return Locked(
        f"{store.url} is being written to by process {owner.get('pid', '?')} on {owner.get('host', 'an unknown host')}"
        f" (its lock runs until {str(lock.get('expires', ''))[:19]}Z)",
        remedy="wait for it; or, if that process is surely gone: monops backup --break-lock",
    )
