"""What an example of an alert and of a recording rule is: the input, and what must come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: Series of a test: what a scrape would have shown, one value a step. Values are in promtool's notation: `1x3` is 1
#: four times, `1+2x3` is 1 3 5 7, `_x3` is three gaps, `stale` ends a series.
Series = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Series on which an alert must fire, and series on which it must not."""

    alert: str
    #: Tells examples of one alert apart.
    case: str = ""
    #: Series with which the expression does not hold, then holds, then (see `over_at`) does not hold.
    sick: Series
    #: The first evaluation at which the expression holds.
    true_from: str
    #: The first evaluation at which it does not hold any more; "" where it never ends.
    over_at: str
    #: Series as close to the threshold as can be that must never fire.
    well: Series
    #: The time between two values of a series, and between two evaluations.
    step: str = "1m"
    severity: Literal["critical", "warning", "none"]
    team: Literal["platform", "orchestrator"]
    #: What else is on the alert, besides its name, `severity` and `team`: nothing more and nothing less.
    labels: Mapping[str, str] = field(default_factory=dict)
    #: As people read them, with the value in it.
    summary: str
    description: str
    #: Wrong rules that the examples must tell from the right one: what stands in the expression -> what replaces it.
    #: A pair is enough in one of an alert's examples.
    wrong: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordExample:
    """Series, and the numbers that a recording rule makes of them, computed by hand."""

    record: str
    case: str = ""
    series: Series
    #: When the rule is asked.
    at: str
    #: The labels, as PromQL writes them, -> the value.
    expected: Mapping[str, float]
    step: str = "1m"
    #: As in `Example`.
    wrong: tuple[tuple[str, str], ...] = ()
