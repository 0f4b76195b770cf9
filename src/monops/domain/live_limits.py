"""Which containers are as their files say although their label says otherwise: their limits were changed live.

Compose marks a container with a hash of what it was made from, and a label cannot be changed. After `docker update`
and the edit that goes with it, the container is as the file says, and its hash is that of the file before. What the
file was before is in the history of changes: so the changes are taken back in thought, newest first, and the hash that
comes out is compared. Any other edit is still in the text, and still makes a difference. Whether the limits are really
in force is not said by any hash: `stack.limits_drift` compares these with `docker inspect`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from monops.domain.change import Entry, FileEdit, Means, State
from monops.domain.merge import merged

#: Each costs a run of Compose: a tenth of a second.
_MOST = 8

Hashes = Mapping[str, str]
Texts = Mapping[str, str | None]


def in_force(
    labels: Mapping[str, Sequence[str]],
    hashes: Hashes,
    entries: Callable[[], Sequence[Entry]],
    read: Callable[[str], str | None],
    hashes_of: Callable[[Texts], Hashes],
) -> Hashes:
    """service -> the hash that its containers should bear: that of the files, or an earlier one where only limits were
    changed since, live.

    `labels`: the hashes that the containers of each service bear. `entries`: the history, oldest first; asked for only
    where some differ.
    """
    found = dict(hashes)
    open_ = {name for name, borne in labels.items() if name in hashes and any(one != hashes[name] for one in borne)}
    if not open_:
        return found
    texts: dict[str, str | None] = {}
    asked = 0
    for entry in [one for one in reversed(entries()) if one.state is State.DONE]:
        # One that was made anew bears the hash of the files of then: what came before is of no account.
        updated = {step.service for step in entry.plan.steps if step.means is Means.UPDATE} & open_
        open_ -= {step.service for step in entry.plan.steps if step.means in (Means.RECREATE, Means.MAKE)}
        if not updated & open_:
            continue
        asked += 1
        if asked > _MOST or not _taken_back(texts, entry.plan.edits, read):
            break
        before = hashes_of(texts)
        for name in updated & open_:
            if all(one == before.get(name) for one in labels[name]):
                found[name] = before[name]
                open_.discard(name)
    return found


def _taken_back(texts: dict[str, str | None], edits: Sequence[FileEdit], read: Callable[[str], str | None]) -> bool:
    """Whether these edits could be taken out of the texts; what is not there yet is read."""
    for edit in edits:
        now = texts[edit.path] if edit.path in texts else read(edit.path)
        if now == edit.after:
            texts[edit.path] = edit.before
            continue
        if now is None or edit.after is None or edit.before is None:
            return False
        back = merged(edit.after, now, edit.before)
        if back is None:
            return False
        texts[edit.path] = back
    return True
