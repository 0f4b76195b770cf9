"""Which blocks of a replica are brought home: all that could fill a gap."""

from __future__ import annotations

import pytest

from monops.ops.scale_home import has_the_same

NODE, REDIS = ("node", "node:9100"), ("redis", "redis:9121")


@pytest.mark.parametrize(
    ("theirs", "is_needless"),
    [
        ({NODE: 480.0, REDIS: 480.0}, True),
        # The first or the last scrape falls just outside.
        ({NODE: 479.0, REDIS: 481.0}, True),
        # Half a minute of one target in two hours.
        ({NODE: 480.0, REDIS: 478.0}, False),
        ({NODE: 480.0}, False),
        ({}, False),
    ],
)
def test_a_block_stays_behind_only_where_another_has_every_scrape(
    theirs: dict[tuple[str, str], float], is_needless: bool
) -> None:
    assert has_the_same({NODE: 480.0, REDIS: 480.0}, theirs) is is_needless


def test_where_it_cannot_be_asked_the_block_is_brought() -> None:
    assert has_the_same({}, {NODE: 480.0}) is False
