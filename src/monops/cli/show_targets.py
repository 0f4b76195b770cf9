"""`monops targets` in words: one line for what is up, the cause of what is down, what a probe saw."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click

from monops.cli.settings import Settings
from monops.cli.show import counted, show_json, show_lines, table
from monops.cli.wiring import Wiring
from monops.domain.cause import Cause
from monops.domain.exits import Exit
from monops.domain.facts import Target
from monops.domain.finding import Fix
from monops.domain.probing import Probed, Verdict
from monops.domain.rebuild import without_secret
from monops.ops.probe import ProbedTargets, of_jobs, probe_targets
from monops.ops.targets import list_targets
from monops.ops.targets_explained import ExplainedTargets, explained

_WITHIN = timedelta(seconds=8)
_JOBS = "monops.jobs"
#: Fields of Probed with words of the target.
_SAID = ("location", "beginning", "error")


class TargetsGroup(click.Group):
    """With --probe the words are jobs, not commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--probe" in args and not {"-h", "--help"} & set(args):
            ctx.meta[_JOBS] = tuple(word for word in args if not word.startswith("-"))
            args = [word for word in args if word.startswith("-") and word != "--"]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["[--probe [JOB]...]", *super().collect_usage_pieces(ctx)]


def jobs_of(ctx: click.Context) -> tuple[str, ...]:
    """The jobs after --probe."""
    found: tuple[str, ...] = ctx.meta.get(_JOBS, ())
    return found


def show_targets(settings: Settings, jobs: tuple[str, ...] | None) -> int:
    """Lists and explains; with `jobs` asks theirs as well, or all where none is named."""
    wiring = Wiring(settings)
    live = wiring.live()
    found = list_targets(live)
    found = of_jobs(found, jobs or ())
    known = explained(found, wiring.inspectors, live.clock, within=_WITHIN)
    probed = None if jobs is None else probe_targets(known.targets, known.facts, wiring.prober())
    code = exit_of(known, probed, jobs or ())
    if settings.as_json:
        show_json(
            "targets", ok=code is Exit.DONE, result=as_result(known, probed, {_key(o): o.last_scrape for o in found})
        )
    else:
        show_lines(lines(known) if probed is None else probed_lines(known, probed))
    return code


def exit_of(known: ExplainedTargets, probed: ProbedTargets | None, jobs: tuple[str, ...]) -> Exit:
    """0 only where every target is known to be up. `jobs`: those that were asked for, all where none is named."""
    shown = {f"{one.job}/{one.instance}" for one in known.targets}
    # Where jobs are named, what vanishes of others is told and is not what was asked for.
    is_lost = any(not jobs or one.who in shown for one in known.up_but)
    if is_lost or any(one.health == "down" for one in known.targets) or (probed and probed.silent):
        return Exit.FINDINGS
    is_known = bool(known.targets) and all(one.health == "up" for one in known.targets)
    return Exit.DONE if is_known and not (probed and probed.unknown) else Exit.PARTLY


# --- for people ----------------------------------------------------------------------------------


def lines(known: ExplainedTargets) -> list[str]:
    """A line for each target; under one that is down its cause, told once for all that share it."""
    if not known.targets:
        return ["Prometheus has no targets"]
    head, *rows = table(("job", "instance", "state"), [(one.job, one.instance, one.health) for one in known.targets])
    told: dict[tuple[str, str], Target] = {}
    said = [head]
    for target, row in zip(known.targets, rows, strict=True):
        said += [row, *_explained(target, known, told)]
    said += up_but_lines(known)
    return [*said, _counts(known)]


def _explained(target: Target, known: ExplainedTargets, told: dict[tuple[str, str], Target]) -> list[str]:
    cause = known.cause(target)
    if cause is None:
        return []
    first = told.setdefault((cause.kind, cause.about), target)
    if first is not target:
        return [f"  the same as {first.job}/{first.instance}: {cause.sentence}"]
    return [f"  {cause.sentence}", *(f"    {line}" for line in cause.evidence), *_fix(cause.fix)]


def up_but_lines(known: ExplainedTargets) -> list[str]:
    """What is up and of no use, and whether that is known."""
    said = []
    for one in known.up_but:
        said += [f"{one.who} is up, but {one.sentence}", *(f"    {line}" for line in one.evidence), *_fix(one.fix)]
    if known.unknown:
        said.append(f"whether samples vanish is unknown: {known.unknown}")
    return ["", *said, ""] if said else []


def _fix(fix: Fix) -> list[str]:
    return [f"    fix: {fix.say}", *([f"      {fix.command}"] if fix.command else [])]


def _counts(known: ExplainedTargets) -> str:
    healths = [one.health for one in known.targets]
    counts = [(health, healths.count(health)) for health in ("up", "down", "unknown")]
    return f"{counted(len(healths), 'target')}: " + ", ".join(f"{count} {health}" for health, count in counts if count)


def probed_lines(known: ExplainedTargets, probed: ProbedTargets) -> list[str]:
    """A line for each target with what each step came to, and a sentence under each that is not as it should be."""
    if not probed.verdicts:
        return ["Prometheus has no targets"]
    head, *rows = table(
        ("job", "instance", "state", "dns", "tcp", "http", "time", "samples"),
        [_row(one) for one in probed.verdicts],
        right=(6, 7),
    )
    told: dict[tuple[str, str], Target] = {}
    said = [head]
    for one, row in zip(probed.verdicts, rows, strict=True):
        said.append(row)
        is_well = one.answers and one.target.health != "down"
        if not is_well and one.probed is not None:
            said += [f"  probe: {one.sentence}", *_explained(one.target, known, told)]
        elif not is_well:
            said += _explained(one.target, known, told)
        said += _certificate(one)
    said += up_but_lines(known)
    return [*said, _counts(known), *_asked(probed)]


def _row(one: Verdict) -> tuple[str, ...]:
    probed = one.probed
    start = (one.target.job, one.target.instance, one.target.health)
    if probed is None:
        return (*start, "?", "?", "?", "-", "-")
    http = str(probed.status) if probed.status else probed.http.replace("_", " ") or "-"
    if probed.tls == "failed":
        http = "tls failed"
    took = "-" if probed.seconds is None else f"{probed.seconds * 1000:.0f} ms"
    samples = "-" if probed.samples is None else str(probed.samples)
    return (*start, probed.dns or "-", probed.tcp or "-", http, took, samples)


def _certificate(one: Verdict) -> list[str]:
    shown = one.probed.certificate if one.probed else None
    if shown is None:
        return []
    doubt = f"; not trusted: {shown.distrust}" if shown.distrust else ""
    return [f"  certificate: {', '.join(shown.names[:5])}, until {shown.valid_until}{doubt}"]


def _asked(probed: ProbedTargets) -> list[str]:
    answering = sum(one.answers is True for one in probed.verdicts)
    probing = probed.probing
    if not probing.way:
        return [
            f"probe: unknown, nothing was asked: {probing.why_not}",
            *([f"  try: {probing.remedy}"] * bool(probing.remedy)),
        ]
    said = f"probe: {answering} answer, {len(probed.silent)} do not" + (
        f", {len(probed.unknown)} unknown" if probed.unknown else ""
    )
    if probing.way == "container":
        return [said, f"  asked by wget in a container, so less exactly: {probing.why_not}"]
    return [said]


# --- for programs --------------------------------------------------------------------------------


def as_result(
    known: ExplainedTargets, probed: ProbedTargets | None, last_scrapes: dict[tuple[str, str, str], str]
) -> dict[str, Any]:
    """`result` of the JSON document."""
    verdicts = {_key(one.target): one for one in probed.verdicts} if probed else {}
    result: dict[str, Any] = {
        "targets": [
            {
                "job": one.job,
                "instance": one.instance,
                "url": without_secret(one.url),
                "health": one.health,
                "last_error": without_secret(one.last_error) or None,
                "last_scrape": last_scrapes.get(_key(one)) or None,
                "cause": _cause(known.cause(one)),
                **({"probe": _probe(verdicts[_key(one)])} if probed else {}),
            }
            for one in known.targets
        ],
        "up_but": [
            {
                "kind": one.kind,
                "who": one.who,
                "cause": one.sentence,
                "evidence": list(one.evidence),
                "fix": _plan(one.fix),
            }
            for one in known.up_but
        ],
        "unknown": known.unknown or None,
    }
    if probed:
        probing = probed.probing
        result["probe"] = {
            "way": probing.way or None,
            "why_not": probing.why_not or None,
            "remedy": probing.remedy or None,
        }
    return result


def _cause(cause: Cause | None) -> dict[str, Any] | None:
    if cause is None:
        return None
    return {
        "kind": cause.kind,
        "about": cause.about,
        "cause": cause.sentence,
        "evidence": list(cause.evidence),
        "fix": _plan(cause.fix),
    }


def _plan(fix: Fix) -> dict[str, str]:
    return {"say": fix.say, "command": fix.command, "risk": fix.risk.value}


def _probe(one: Verdict) -> dict[str, Any]:
    seen: Probed | None = one.probed
    fields: dict[str, Any] = asdict(seen) if seen else {"dns": None}
    fields |= {name: without_secret(fields[name]) for name in _SAID if name in fields}
    return {"answers": one.answers, "sentence": one.sentence, **fields}


def _key(one: Any) -> tuple[str, str, str]:
    return (one.job, one.instance, one.url)
