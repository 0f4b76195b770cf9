"""The node exporter's collectors that alerts and dashboards need all succeed.

The exporter answers although a collector fails, and its target stays up: only the metrics of that collector are gone.
A collector whose hardware the machine does not have also counts as failed, so only those are looked at that every
machine has: processor, memory, disks, file systems, load, network, time.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._healthy import series, with_answers
from monops.checks._reading import is_settled, label
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

#: What a collector's metrics are for.
_COLLECTORS = {
    "cpu": "processor time",
    "diskstats": "disk activity",
    "filesystem": "disk space",
    "loadavg": "load",
    "meminfo": "memory",
    "netdev": "network traffic",
    "stat": "the time of the last boot",
    "time": "the clock",
    "uname": "the host's name",
    "vmstat": "swapping",
}
FAILED = f'node_scrape_collector_success{{collector=~"{"|".join(_COLLECTORS)}"}} == 0'


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each collector that fails."""
    if not is_settled(facts, "node-exporter"):
        return
    for found in facts.answer(FAILED):
        collector, instance = label(found, "collector"), label(found, "instance")
        yield Finding(
            severity=Severity.ERROR,
            subject=f"node exporter {instance}",
            cause=f"its collector {collector} fails: there are no metrics of {_COLLECTORS.get(collector, collector)}",
            evidence=(f'node_scrape_collector_success{{collector="{collector}",instance="{instance}"}} is 0',),
            fix=Fix(
                say="Read in its log why the collector fails.",
                command="monops stack logs node-exporter --tail 200 | grep 'collector failed'",
            ),
        )


CHECK = Check(
    id="exporters.node_collectors",
    well="the node exporter collects what alerts need",
    reads=("containers",),
    queries=(FAILED,),
    judge=judge,
    needs=("prometheus", "node-exporter"),
    sick=(
        Sick(
            what="a collector that may not read the disks",
            facts=lambda facts: with_answers(
                facts, {FAILED: (series(0, collector="filesystem", instance="docker-host", job="node"),)}
            ),
            severity=Severity.ERROR,
            says="disk space",
        ),
    ),
)
