"""Why a target is down: the text of the failed scrape, joined with what Docker knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from monops.domain.cause import Cause
from monops.domain.facts import Facts, Target
from monops.domain.finding import Fix
from monops.domain.rebuild import without_secret
from monops.domain.scrape_answer import ANSWERS
from monops.domain.scrape_error import ScrapeError, classify
from monops.domain.scrape_names import of_name
from monops.domain.scrape_reach import of_body, of_no_route, of_refusal, of_silence
from monops.domain.scrape_scene import Scene, scene

__all__ = ["Cause", "root_cause"]

_REACH: Mapping[str, Callable[[ScrapeError, Scene], Cause]] = {
    "dns.no_host": of_name,
    "dns.default_bridge": of_name,
    "dns.misbehaving": of_name,
    "dns.timeout": of_name,
    "net.none": of_no_route,
    "net.no_route": of_no_route,
    "tcp.refused": of_refusal,
    "tcp.timeout": of_silence,
    "timeout.headers": of_silence,
    "timeout.body": of_body,
}


def root_cause(target: Target, facts: Facts) -> Cause:
    """Why `target`, which is down, is down. What Docker facts would tell and do not is said as a choice."""
    error, around = classify(without_secret(target.last_error)), scene(target, facts)
    tell = _REACH.get(error.kind) or ANSWERS.get(error.kind) or _other
    return tell(error, around)


def _other(error: ScrapeError, around: Scene) -> Cause:
    return Cause(
        kind="other",
        about=f"target {around.address}{around.path}",
        sentence=f"the scrape fails: {' '.join(error.text.split())[:200] or 'Prometheus does not say why'}",
        evidence=(around.error,),
        fix=Fix(say="Ask the target from where Prometheus is.", command=around.look()),
    )
