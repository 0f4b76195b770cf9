"""Several Prometheus: who they are, and whether together they scrape what one would."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monops.domain.ports import Discovered, Origin
from monops.domain.scale import (
    MOST_REPLICAS,
    MOST_SHARDS,
    Instance,
    Scale,
    coverage,
    instance_of,
    lost,
    own_file,
    scale_of,
    times,
)

SCALES = st.builds(Scale, st.integers(1, MOST_SHARDS), st.integers(1, MOST_REPLICAS))


@dataclass(frozen=True)
class Target:
    job: str
    instance: str
    url: str = ""


A, B = Target("a", "a:1"), Target("b", "b:1")


@given(SCALES)
def test_there_are_shards_times_replicas_and_each_has_names_of_its_own(scale: Scale) -> None:
    found = scale.instances
    assert len(found) == scale.shards * scale.replicas
    for names in (
        {one.service("p") for one in found},
        {one.words for one in found},
        {one.file("p.yml") for one in found},
    ):
        assert len(names) == len(found)
    assert [one for one in found if one.is_first] == [found[0]]


@given(SCALES)
def test_the_scale_is_read_back_from_the_labels_of_all_but_the_first(scale: Scale) -> None:
    assert scale_of(one.words for one in scale.instances if not one.is_first) == scale
    assert all(instance_of(one.words) == one for one in scale.instances)


@pytest.mark.parametrize("label", ["", "layer", "rules", "shard=1", "shard=x replica=a", "shard=1 replica=ab"])
def test_other_labels_are_no_instance(label: str) -> None:
    assert instance_of(label) is None
    assert scale_of([label]) == Scale(1, 1)


def test_the_first_is_the_prometheus_that_was_there() -> None:
    assert Instance(1, "a").service("prometheus") == "prometheus"
    assert Instance(2, "b").service("prometheus") == "prometheus-2-b"


@pytest.mark.parametrize(
    ("own", "copy"),
    [
        ("prometheus.yml", "prometheus-shard-2-replica-b.yml"),
        ("my.prom.yaml", "my.prom-shard-2-replica-b.yaml"),
        ("config", "config-shard-2-replica-b"),
    ],
)
def test_a_copy_is_named_after_the_file_that_it_is_made_of(own: str, copy: str) -> None:
    assert Instance(2, "b").file(own) == copy
    assert own_file(f"/stack/{copy}") == f"/stack/{own}"
    assert own_file(own) == own


def test_a_scale_is_said_in_words() -> None:
    assert [str(Scale(1, 1)), str(Scale(2, 3))] == ["1 shard × 1 replica", "2 shards × 3 replicas"]
    assert [times(n) for n in (0, 1, 2, 3)] == ["never", "once", "twice", "3 times"]


def test_every_target_scraped_as_often_as_there_are_replicas_is_right() -> None:
    found = coverage({"1-a": [A], "1-b": [A], "2-a": [B], "2-b": [B]}, 2)
    assert (found.targets, found.wrong, found.is_right) == (2, (), True)


def test_a_target_scraped_too_seldom_or_too_often_is_named_with_those_that_scrape_it() -> None:
    found = coverage({"1-a": [A, B], "1-b": [A], "2-a": [A]}, 2)
    assert found.wrong == (("a", "a:1", ("1-a", "1-b", "2-a")), ("b", "b:1", ("1-a",)))
    assert not found.is_right


def test_a_target_that_one_instance_has_twice_counts_twice() -> None:
    assert not coverage({"1-a": [A, A]}, 1).is_right


def test_two_targets_that_differ_by_their_address_alone_are_two() -> None:
    targets = [Target("a", "same", "http://one"), Target("a", "same", "http://two")]
    assert coverage({"1-a": targets}, 1).is_right


def found_by(scraped: str, dropped: str) -> Discovered:
    return Discovered(scraped=frozenset(map(origin, scraped)), dropped=frozenset(map(origin, dropped)))


def origin(name: str) -> Origin:
    return Origin("job", f"{name}:1")


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ([], ""),
        ([("a", "b")], "b"),
        ([("a", "bc"), ("b", "ac")], "c"),
        # Only one of them finds it: it has just come, or gone.
        ([("a", "bc"), ("b", "a")], ""),
        # Two of one address, of which a rule drops the other.
        ([("a", "a"), ("", "a")], ""),
    ],
)
def test_a_target_is_lost_where_every_instance_finds_it_and_none_scrapes_it(
    parts: list[tuple[str, str]], wanted: str
) -> None:
    assert lost([found_by(*part) for part in parts]) == set(map(origin, wanted))
