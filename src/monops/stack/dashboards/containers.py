"""Containers: processor, memory, network, file system of each. Metrics of cAdvisor."""

from __future__ import annotations

from monops.stack.dashboards.panel import Dashboard, Row, Stat, Step, Target, TimeSeries, Variable
from monops.stack.dashboards.shared import increase, limits, or_zero, rate, recorded

#: cAdvisor also reports groups of processes that are no containers: those have no name.
NAMED = '{name!="", name=~"$name"}'
AGAINST_LIMIT = recorded("name:container_memory_used:ratio") + '{name=~"$name"}'
OUT_OF_MEMORY = or_zero(f"sum by (name) ({increase(f'container_oom_events_total{NAMED}')})")
#: A restart begins the account anew; so does a container made anew in the place of another.
RESTARTS = f"resets(container_cpu_usage_seconds_total{NAMED}[1h])"
#: One that is gone is still reported for a while.
SEEN = f"time() - container_last_seen{NAMED} < 120"

OVERVIEW = Row(
    title="Overview",
    shelves=(
        (
            Stat(
                title="Containers",
                about="Containers that were seen in the last 2 minutes. Worry when it is fewer than were started.",
                unit="short",
                targets=(Target(expr=or_zero(f"count({SEEN})"), legend="containers"),),
            ),
            Stat(
                title="Fullest memory",
                about="The container that is nearest to its memory limit. Worry above 90 % for longer than 5 minutes:"
                " ContainerMemoryNearLimit. 0 when none has a limit.",
                unit="percentunit",
                targets=(Target(expr=or_zero(f"topk(1, {AGAINST_LIMIT})"), legend="{{name}}"),),
                steps=limits("ContainerMemoryNearLimit"),
                least=0,
                most=1,
                decimals=0,
            ),
            Stat(
                title="Restarts in the last hour",
                about="How often containers were started again. Worry when it grows by itself: one that cannot start"
                " is tried again and again.",
                unit="short",
                targets=(Target(expr=or_zero(f"sum(max by (name) ({RESTARTS}))"), legend="restarts"),),
                steps=(Step(None, "green"), Step(3, "orange")),
            ),
        ),
    ),
)

PROCESSOR = Row(
    title="Processor",
    shelves=(
        (
            TimeSeries(
                title="Container CPU",
                about="Processors in use: 1 is a whole core. Worry when a container stays at its limit, or takes what"
                " others need.",
                unit="short",
                targets=(
                    Target(
                        expr=f"sum by (name) ({rate(f'container_cpu_usage_seconds_total{NAMED}')})", legend="{{name}}"
                    ),
                ),
                least=0,
            ),
            TimeSeries(
                title="CPU throttling",
                about="Share of the periods in which a container had used up its processor limit and had to wait."
                " Worry above 25 %: it is slower than it could be. Only containers with a limit are shown.",
                unit="percentunit",
                targets=(
                    Target(
                        expr=or_zero(
                            f"sum by (name) ({rate(f'container_cpu_cfs_throttled_periods_total{NAMED}')})"
                            f" / sum by (name) ({rate(f'container_cpu_cfs_periods_total{NAMED}')})"
                        ),
                        legend="throttled {{name}}",
                    ),
                ),
                least=0,
                most=1,
            ),
        ),
    ),
)

MEMORY = Row(
    title="Memory",
    shelves=(
        (
            TimeSeries(
                title="Container memory",
                about="Memory in use that cannot be given back (working set). Worry when it only ever grows.",
                unit="bytes",
                targets=(Target(expr=f"max by (name) (container_memory_working_set_bytes{NAMED})", legend="{{name}}"),),
                least=0,
            ),
            TimeSeries(
                title="Memory against limit",
                about="Memory in use as a share of the container's limit. Worry above 90 % for longer than 5 minutes"
                " (ContainerMemoryNearLimit): at 100 % it is killed. Only containers with a limit are shown.",
                unit="percentunit",
                targets=(Target(expr=or_zero(AGAINST_LIMIT), legend="used {{name}}"),),
                steps=limits("ContainerMemoryNearLimit"),
                least=0,
                most=1,
            ),
            TimeSeries(
                title="Killed for memory",
                about="Processes that were killed because the container had reached its memory limit. Any is too many:"
                " ContainerOutOfMemory.",
                unit="short",
                targets=(Target(expr=OUT_OF_MEMORY, legend="killed {{name}}"),),
                steps=limits("ContainerOutOfMemory"),
                least=0,
            ),
        ),
    ),
)

NETWORK = Row(
    title="Network",
    shelves=(
        tuple(
            TimeSeries(
                title=f"Container network, {word}",
                about=f"Bytes {word} in a second. Worry when one container's traffic leaves its usual range. One on"
                " the host's network has no traffic of its own.",
                unit="binBps",
                targets=(
                    Target(
                        expr=or_zero(f"sum by (name) ({rate(f'container_network_{way}_bytes_total{NAMED}')})"),
                        legend=f"{word} {{{{name}}}}",
                    ),
                ),
                least=0,
            )
            for way, word in (("receive", "received"), ("transmit", "sent"))
        ),
    ),
)

LIFE = Row(
    title="File system and life",
    shelves=(
        (
            TimeSeries(
                title="Container filesystem",
                about="Bytes in the container's own layer and its log; volumes do not count. Worry when it grows"
                " without end: something writes where it is lost with the container.",
                unit="bytes",
                targets=(
                    Target(expr=or_zero(f"sum by (name) (container_fs_usage_bytes{NAMED})"), legend="used {{name}}"),
                ),
                least=0,
            ),
            TimeSeries(
                title="Age",
                about="Time since the container was made. Worry when it falls and nobody has deployed anything.",
                unit="s",
                targets=(
                    Target(expr=f"time() - max by (name) (container_start_time_seconds{NAMED})", legend="{{name}}"),
                ),
                least=0,
            ),
            TimeSeries(
                title="Restarts",
                about="How often a container was started again, or made anew, in the hour before. Worry when it grows"
                " by itself.",
                unit="short",
                targets=(
                    Target(expr=f"max by (name) ({RESTARTS})", legend="started again {{name}}"),
                    Target(
                        expr=or_zero(f"changes(max by (name) (container_start_time_seconds{NAMED})[1h:15s])"),
                        legend="made anew {{name}}",
                    ),
                ),
                least=0,
            ),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="monops-containers",
    title="Containers",
    about="Processor, memory, network and file system of every container, as cAdvisor sees them.",
    tags=("cadvisor",),
    variables=(Variable(name="name", label="Container", query='label_values(container_last_seen{name!=""}, name)'),),
    rows=(OVERVIEW, PROCESSOR, MEMORY, NETWORK, LIFE),
)
