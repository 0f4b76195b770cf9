"""What dashboards share with the alert and recording rules: expressions by name, limits by alert."""

from __future__ import annotations

import math
import re

from monops.stack.alerts import alerts, records
from monops.stack.dashboards.panel import Colour, Step

_RECORDS = {record.name for record in records()}
_ALERTS = {alert.name: alert for alert in alerts()}
#: The comparison that ends an alert's expression: `> 0.80`, `< 24 * 3600`, `== 0`.
_LIMIT = re.compile(r"(>=|<=|==|>|<) ([\d.]+(?: \* [\d.]+)*)$")
_COLOURS: dict[str, Colour] = {"critical": "red", "warning": "orange", "info": "blue"}
#: Grafana's steps begin at their value, `> 0` above it: at 0 itself nothing would ever be green.
_ANYTHING = 0.001
#: For what no alert counts and should never be.
ANY_IS_TOO_MANY = (Step(None, "green"), Step(_ANYTHING, "red"))


def recorded(name: str) -> str:
    """The name of a recording rule that ships. Raises KeyError: a dashboard must not ask for what no rule records."""
    if name not in _RECORDS:
        raise KeyError(f"no recording rule is called {name}")
    return name


def limit(alert: str) -> tuple[str, float]:
    """The comparison at which an alert that ships fires, as operator and number. Raises KeyError, ValueError."""
    found = _LIMIT.search(_ALERTS[alert].expr)
    if not found:
        raise ValueError(f"{alert} does not end with a comparison: {_ALERTS[alert].expr}")
    return found[1], math.prod(float(factor) for factor in found[2].split(" * "))


def limits(*names: str) -> tuple[Step, ...]:
    """Coloured steps at the alerts' own numbers: orange where a warning fires, red where a critical alert does."""
    steps = [Step(None, "green")]
    for name in names:
        operator, number = limit(name)
        colour = _COLOURS[_ALERTS[name].severity]
        if operator in {">", ">="}:
            steps.append(Step(number or _ANYTHING, colour))
        elif operator == "<":
            steps = [Step(None, colour), Step(number, "green")]
        else:  # `== 0`: the lowest of the numbers that count something
            steps = [Step(None, colour), Step(number + 1, "green")]
    return tuple(steps)


def rate(selector: str) -> str:
    """A counter's rise in a second; Grafana chooses the range so that it holds enough samples at every zoom."""
    return f"rate({selector}[$__rate_interval])"


def increase(selector: str) -> str:
    """A counter's rise from one point of the graph to the next."""
    return f"increase({selector}[$__rate_interval])"


def quantile(share: float, by: str, buckets: str) -> str:
    """A quantile of a histogram, for every set of labels in `by`."""
    return f"histogram_quantile({share}, sum by ({by}, le) ({rate(buckets)}))"


def or_zero(expr: str) -> str:
    """0 where there is not a single series: what has never happened has often not been counted yet."""
    return f"{expr} or on () vector(0)"
