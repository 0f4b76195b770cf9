"""Reading a destination: which snapshots and objects it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from monops.domain import layout
from monops.domain.errors import Damaged, MonopsError, NotFound, StoreError
from monops.domain.manifest import Manifest, ObjectRecord, decode, newer_format
from monops.domain.nearest import did_you_mean
from monops.domain.ports import Store, Stored


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a destination holds, as of now."""

    store: Store
    #: By id, oldest first.
    manifests: Mapping[str, Manifest]
    #: Manifests that cannot be read, by id, with the reason.
    unreadable: Mapping[str, MonopsError] = field(default_factory=dict)

    def pick(self, wanted: str) -> Manifest:
        """The snapshot named `wanted`: an id, the beginning of one, or `latest`. Raises NotFound and Damaged."""
        if wanted in self.unreadable:
            raise self.unreadable[wanted]
        if wanted == "latest":
            newest = max((*self.manifests, *self.unreadable), default="")
            if newest in self.unreadable:
                # An older one in its place would look like the latest.
                raise self.unreadable[newest]
            complete = [m for m in self.manifests.values() if m.complete] or list(self.manifests.values())
            if complete:
                return complete[-1]
            raise NotFound(f"{self.store.url} holds no snapshot", remedy=f"monops backup --to {self.store.url}")
        fitting = [m for name, m in self.manifests.items() if name.startswith(wanted)]
        if len(fitting) == 1 and wanted:
            return fitting[0]
        listing = f"monops snapshots --from {self.store.url}"
        if fitting:
            raise NotFound(f"{wanted!r} begins {len(fitting)} snapshots in {self.store.url}", remedy=listing)
        raise NotFound(
            f"there is no snapshot {wanted!r} in {self.store.url}.{did_you_mean(wanted, self.manifests)}",
            remedy=listing,
        )

    def records(self) -> dict[str, ObjectRecord]:
        """Every object that a manifest names; where several do, the newest knows best: it may have stored it again."""
        return {o.key: o for m in self.manifests.values() for o in m.objects}


def read_catalogue(store: Store) -> Catalogue:
    """Every manifest of `store`. Raises NotFound if the place is not there or is no store."""
    check_format(store)
    manifests: dict[str, Manifest] = {}
    unreadable: dict[str, MonopsError] = {}
    for stored in store.list(layout.SNAPSHOTS):
        name = stored.key.removeprefix(layout.SNAPSHOTS).removesuffix(".json")
        if not layout.is_snapshot_id(name):
            continue
        try:
            manifests[name] = decode(store.get(stored.key), name)
        except (MonopsError, NotFound) as error:
            if isinstance(error, StoreError):
                raise
            unreadable[name] = error
    return Catalogue(store, dict(sorted(manifests.items())), unreadable)


def objects_of(store: Store) -> dict[str, Stored]:
    """What is stored, by key: asked of the destination, never concluded from a manifest."""
    return {stored.key: stored for stored in store.list(layout.OBJECTS)}


def check_format(store: Store) -> str:
    """The store's id. Raises NotFound where there is none, Refused for a newer format, Damaged for nonsense."""
    if not store.exists():
        raise NotFound(
            f"there is nothing at {store.url}", remedy=f"check the name; monops backup --to {store.url} makes a store"
        )
    try:
        marker = store.get(layout.MARKER)
    except NotFound as error:
        raise NotFound(
            f"{store.url} is not a monops store", remedy=f"check the name; monops backup --to {store.url} makes a store"
        ) from error
    try:
        found = json.loads(marker)
        number, store_id = found["format"], str(found["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(
            f"{layout.MARKER} in {store.url} cannot be read",
            remedy=f'put it back: {{"format": {layout.FORMAT}, "id": "restored"}}',
        ) from error
    if number != layout.FORMAT:
        raise newer_format(store.url, number)
    return store_id
