"""Why something does not work: what is at fault, in one sentence, with what was seen and the one thing to do."""

from __future__ import annotations

from dataclasses import dataclass

from monops.domain.finding import Fix


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A root cause. Two things with one `kind` and one `about` have the same."""

    #: A stable word: `dns.no_container`.
    kind: str
    #: What is at fault: `container ai-grafana`, `job redis`, `name browser-worker-7`.
    about: str
    #: One sentence, without a period.
    sentence: str
    evidence: tuple[str, ...]
    fix: Fix
