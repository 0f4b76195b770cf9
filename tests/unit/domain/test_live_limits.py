"""A container whose limits were changed live bears the hash of the file before: that is no drift."""

from __future__ import annotations

from collections.abc import Mapping

from monops.domain.change import Entry, FileEdit, Means, Plan, Site, State, Step
from monops.domain.live_limits import in_force

FILE = "/stack/compose.yml"
SITE = Site(project="p", folder="/stack", files=(FILE,))


def text(one: str, two: str = "1", head: str = "") -> str:
    return f"{head}services:\n#\none: {one}\n#\n#\ntwo: {two}\n"


def hashes_of(texts: Mapping[str, str | None]) -> dict[str, str]:
    """The hash of a service is its line."""
    lines = (texts.get(FILE) or "").splitlines()
    return {name: next((line for line in lines if line.startswith(name)), "") for name in ("one", "two")}


def entry(number: int, before: str, after: str, *steps: tuple[str, Means], state: State = State.DONE) -> Entry:
    plan = Plan(
        site=SITE,
        title="t",
        values=(),
        edits=(FileEdit(path=FILE, before=before, after=after),),
        steps=tuple(Step(means=means, service=service, interrupts="nothing") for service, means in steps),
    )
    return Entry(id=number, plan=plan, state=state, who="me", host="h", command="c", started="")


def found(now: str, labels: Mapping[str, list[str]], *entries: Entry) -> Mapping[str, str]:
    return in_force(labels, hashes_of({FILE: now}), lambda: entries, lambda path: now, hashes_of)


ONE = ("one", Means.UPDATE)
LABELS = {"one": ["one: 1"], "two": ["two: 1"]}


def test_without_a_history_the_hash_is_that_of_the_files() -> None:
    assert found(text("2"), LABELS) == {"one": "one: 2", "two": "two: 1"}


def test_one_live_change_is_taken_back_in_thought() -> None:
    assert found(text("2"), LABELS, entry(1, text("1"), text("2"), ONE))["one"] == "one: 1"


def test_several_live_changes_too() -> None:
    entries = (
        entry(1, text("1"), text("2"), ONE),
        entry(2, text("2"), text("2", "9"), ("two", Means.UPDATE)),
        entry(3, text("2", "9"), text("3", "9"), ONE),
    )
    assert found(text("3", "9"), LABELS, *entries) == {"one": "one: 1", "two": "two: 1"}


def test_a_persons_edit_elsewhere_stays_in_thought_and_one_of_the_service_is_drift() -> None:
    entries = (entry(1, text("1"), text("2"), ONE),)
    assert found(text("2", head="# mine\n"), LABELS, *entries)["one"] == "one: 1"
    assert found(text("2 and more"), LABELS, *entries)["one"] == "one: 2 and more"
    assert found(text("2", "7"), LABELS, *entries)["two"] == "two: 7"


def test_what_was_made_anew_since_is_measured_by_the_files() -> None:
    entries = (entry(1, text("1"), text("2"), ONE), entry(2, text("2"), text("3"), ("one", Means.RECREATE)))
    assert found(text("3"), LABELS, *entries)["one"] == "one: 3"


def test_a_change_that_was_taken_back_is_none() -> None:
    entries = (entry(1, text("1"), text("2"), ONE, state=State.ROLLED_BACK),)
    assert found(text("2"), LABELS, *entries)["one"] == "one: 2"


def test_every_container_of_a_service_has_to_bear_it() -> None:
    entries = (entry(1, text("1"), text("2"), ONE),)
    assert found(text("2"), {"one": ["one: 1", "one: 0"]}, *entries)["one"] == "one: 2"


def test_compose_is_asked_only_where_something_differs_and_not_without_end() -> None:
    asked = []

    def ask(texts: Mapping[str, str | None]) -> dict[str, str]:
        asked.append(texts)
        return hashes_of(texts)

    entries = [entry(number, text(str(number)), text(str(number + 1)), ONE) for number in range(1, 30)]
    in_force({"one": ["one: 30"]}, hashes_of({FILE: text("30")}), lambda: entries, lambda path: text("30"), ask)
    assert asked == []
    in_force({"one": ["one: x"]}, hashes_of({FILE: text("30")}), lambda: entries, lambda path: text("30"), ask)
    assert len(asked) == 8
