"""How well doctor diagnoses: each fault of the catalogue is made on a stack that runs, looked for, and undone.

Then how fast it is: on the healthy stack, and with 10,000 targets and 2,000 rules.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.faults import doctor_ward
from tests.faults.doctor_fault_list import FAULTS
from tests.faults.doctor_faults import Fault
from tests.faults.doctor_ward import Outcome, Ward
from tests.integration.shipped import Shipped
from tests.integration.support import wait_until
from tests.integration.web import fetch

TARGETS, RULES = 10_000, 2_000
HEALTHY_SECONDS, LARGE_SECONDS = 1.5, 5.0


def main() -> int:
    """Print the tables; exit 1 where a fault is missed, something else is found, or a budget is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="WORDS", help="faults whose name has these words; no times then")
    parser.add_argument("--no-faults", action="store_true", help="times only")
    parser.add_argument("--runs", type=int, default=7)
    given = parser.parse_args()
    with doctor_ward.opened() as ward:
        chosen = [] if given.no_faults else [one for one in FAULTS if (given.only or "") in one.name]
        is_right = diagnosed(ward, chosen)
        if not given.only:
            is_right &= timed(ward, given.runs)
    return 0 if is_right else 1


# --- faults --------------------------------------------------------------------------------------


def diagnosed(ward: Ward, faults: Sequence[Fault]) -> bool:
    """Each fault's outcome, as a line; the sums at the end."""
    code, said = ward.doctor()
    outcomes = []
    if faults:
        print(f"{'fault':42} {'found by':34} {'':7} {'after':>6} {'run':>6}")
    for fault in faults:
        outcome = ward.outcome_of(fault)
        outcomes.append(outcome)
        _show(outcome)
    found = sum(outcome.is_found for outcome in outcomes)
    strange = sum(bool(outcome.strange) for outcome in outcomes)
    healthy = len(said["findings"]) + len(said["unknown"])
    print()
    if outcomes:
        runs = [outcome.doctor_seconds for outcome in outcomes]
        print(f"recall                    {found} of {len(outcomes)} ({found / len(outcomes):.0%})")
        print(f"with a false finding      {strange} of {len(outcomes)}")
        print(f"still found afterwards    {sum(bool(outcome.left) for outcome in outcomes)} of {len(outcomes)}")
        print(f"a run of doctor           {statistics.median(runs):.2f} s median, {max(runs):.2f} s at most")
    print(f"findings where all is well {healthy} (exit code {code}, {said['checks_run']} checks)")
    return healthy == 0 and found == len(outcomes) and not strange


def _show(outcome: Outcome) -> None:
    mark = "found" if outcome.is_found else "MISSED"
    fault = outcome.fault
    print(
        f"{fault.name:42} {fault.check:34} {mark:7} {outcome.seconds:5.1f}s {outcome.doctor_seconds:5.2f}s", flush=True
    )
    if not outcome.is_found:
        _tell("found instead", outcome.findings)
    _tell("false", outcome.strange)
    _tell("still found", outcome.left)


def _tell(what: str, findings: Sequence[doctor_ward.Finding]) -> None:
    for one in findings:
        print(f"    {what}: {one['check']} · {one['subject']} · {one['cause']}", flush=True)


# --- times ---------------------------------------------------------------------------------------


def timed(ward: Ward, runs: int) -> bool:
    """Doctor's times on the healthy stack, and on a large one."""
    healthy = _times(ward, runs)
    with enlarged(ward.scene.shipped):
        large = _times(ward, runs)
    print()
    print(f"{'a whole run of doctor':48} {'median':>7} {'least':>7} {'most':>7} {'its cpu':>7}   budget")
    is_right = _row("healthy stack, every check", healthy, HEALTHY_SECONDS)
    return _row(f"with {TARGETS:,} targets and {RULES:,} rules more", large, LARGE_SECONDS) and is_right


def _times(ward: Ward, runs: int) -> tuple[list[float], float]:
    """(seconds of each run, processor seconds of one): on a busy machine the two are far apart."""
    found, used = [], _children()
    for _ in range(runs):
        began = time.perf_counter()
        ward.doctor()
        found.append(time.perf_counter() - began)
    return found, (_children() - used) / runs


def _children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _row(what: str, times: tuple[Sequence[float], float], budget: float) -> bool:
    seconds, processor = times
    median = statistics.median(seconds)
    is_met = median <= budget
    mark = "met" if is_met else "MISSED"
    shown = " ".join(f"{one:6.2f}s" for one in (median, min(seconds), max(seconds), processor))
    print(f"{what:48} {shown}   {budget} s {mark}")
    return is_met


@contextmanager
def enlarged(shipped: Shipped) -> Iterator[None]:
    """One fast exporter under many names, and as many rules, all asked once a minute."""
    before = "  # --- the application\n"
    job = (
        "  - job_name: many\n    scrape_interval: 60s\n    scrape_timeout: 10s\n    metrics_path: /metrics\n"
        "    file_sd_configs: [{files: [many.json]}]\n    metric_relabel_configs:\n"
        "      - {source_labels: [__name__], regex: go_goroutines, action: keep}\n"
    )
    rules = "".join(
        f"      - record: many:up:{number}\n        expr: count(up{{instance='host-{number}'}})\n"
        for number in range(RULES)
    )
    with shipped.as_it_was("prometheus.yml", "many.json", "rules/many.yml"):
        shipped.rewrite("prometheus.yml", before, job + before)
        address = "redis-exporter:9121"
        groups = (f'{{"targets":["{address}"],"labels":{{"instance":"host-{n}"}}}}' for n in range(TARGETS))
        (shipped.folder / "many.json").write_text(f"[{','.join(groups)}]")
        (shipped.folder / "rules/many.yml").write_text(
            f"groups:\n  - name: many\n    interval: 60s\n    rules:\n{rules}"
        )
        shipped.reload(shipped.prometheus)

        def are_up() -> bool:
            found = fetch(f"{shipped.prometheus}/api/v1/targets?state=active&scrapePool=many")
            return sum(one["health"] == "up" for one in found["data"]["activeTargets"]) == TARGETS

        wait_until(are_up, f"{TARGETS} targets", within=300)
        yield
    shipped.reload(shipped.prometheus)


if __name__ == "__main__":
    sys.exit(main())
