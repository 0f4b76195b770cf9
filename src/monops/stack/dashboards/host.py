"""The machine: processor, memory, disks, network. Metrics of the node exporter."""

from __future__ import annotations

from monops.stack.dashboards.panel import Column, Dashboard, Row, Stat, Table, Target, TimeSeries, Variable
from monops.stack.dashboards.shared import limits, or_zero, rate, recorded

HOST = '{instance=~"$instance"}'
CPU_USED = recorded("instance:node_cpu_used:ratio_rate5m") + HOST
MEMORY_USED = recorded("instance:node_memory_used:ratio") + HOST
DISK_FREE = recorded("instance:node_filesystem_avail:ratio") + HOST
#: Real disks that can be written: the rule that the alert asks has chosen them already.
DISKS = f"and on (instance, device, mountpoint) {DISK_FREE}"
#: Traffic of a container passes its veth and its bridge too: it would count twice.
LINKS = '{instance=~"$instance", device!~"lo|veth.*|br-.*"}'
MOUNT = "instance, device, mountpoint"
IDLE = rate('node_cpu_seconds_total{instance=~"$instance", mode="idle"}')
BUSY = rate('node_cpu_seconds_total{instance=~"$instance", mode!="idle"}')

OVERVIEW = Row(
    title="Overview",
    shelves=(
        (
            Stat(
                title="Up for",
                about="Time since the machine started. Worry when it is short and nobody restarted it.",
                unit="s",
                targets=(
                    Target(
                        expr=f"max by (instance) (node_time_seconds{HOST} - node_boot_time_seconds{HOST})",
                        legend="{{instance}}",
                    ),
                ),
            ),
            Stat(
                title="CPU usage",
                about="Share of the processor time in use, over 5 minutes. Worry above 80 % for longer than 5"
                " minutes: HighCpuUsage.",
                unit="percentunit",
                targets=(Target(expr=CPU_USED, legend="{{instance}}"),),
                steps=limits("HighCpuUsage"),
                least=0,
                most=1,
                decimals=0,
            ),
            Stat(
                title="Memory usage",
                about="Share of the memory that is not available. Worry above 90 % for longer than 5 minutes:"
                " HighMemoryUsage.",
                unit="percentunit",
                targets=(Target(expr=MEMORY_USED, legend="{{instance}}"),),
                steps=limits("HighMemoryUsage"),
                least=0,
                most=1,
                decimals=0,
            ),
            Stat(
                title="Least free disk space",
                about="Free share of the fullest disk. Worry below 10 %: DiskSpaceLow.",
                unit="percentunit",
                targets=(Target(expr=f"min by (instance) ({DISK_FREE})", legend="{{instance}}"),),
                steps=limits("DiskSpaceLow"),
                least=0,
                most=1,
                decimals=0,
            ),
        ),
    ),
)

PROCESSOR = Row(
    title="Processor",
    shelves=(
        (
            TimeSeries(
                title="CPU by mode",
                about="What the processors do, as shares of their time; the rest is idle. Worry about much iowait"
                " (slow disks) or steal (the machine below is busy).",
                unit="percentunit",
                targets=(
                    Target(
                        expr=f"avg by (instance, mode) ({BUSY})",
                        legend="{{mode}} {{instance}}",
                    ),
                ),
                stacked=True,
                least=0,
                most=1,
            ),
            TimeSeries(
                title="CPU by core",
                about="Share of every core's time in use. Worry when one is full while the others rest: the work does"
                " not spread.",
                unit="percentunit",
                targets=(
                    Target(
                        expr=f"1 - sum by (instance, cpu) ({IDLE})",
                        legend="core {{cpu}} {{instance}}",
                    ),
                ),
                least=0,
                most=1,
            ),
            TimeSeries(
                title="Load",
                about="Processes that run or wait, averaged over 1, 5 and 15 minutes. Worry when it stays above the"
                " number of cores.",
                unit="short",
                targets=(
                    Target(expr=f"max by (instance) (node_load1{HOST})", legend="1 minute {{instance}}"),
                    Target(expr=f"max by (instance) (node_load5{HOST})", legend="5 minutes {{instance}}"),
                    Target(expr=f"max by (instance) (node_load15{HOST})", legend="15 minutes {{instance}}"),
                    Target(
                        expr=f"count by (instance) ({IDLE})",
                        legend="cores {{instance}}",
                    ),
                ),
                least=0,
            ),
        ),
    ),
)

MEMORY = Row(
    title="Memory",
    shelves=(
        (
            TimeSeries(
                title="Memory",
                about="Total, available without swapping, and used as a cache of files, which counts as available."
                " Worry when available comes near 0.",
                unit="bytes",
                targets=tuple(
                    Target(expr=f"max by (instance) (node_memory_{name}{HOST})", legend=f"{word} {{{{instance}}}}")
                    for name, word in (
                        ("MemTotal_bytes", "total"),
                        ("MemAvailable_bytes", "available"),
                        ("Cached_bytes", "cached"),
                        ("Buffers_bytes", "buffers"),
                        ("MemFree_bytes", "free"),
                    )
                ),
                least=0,
            ),
            TimeSeries(
                title="Swap",
                about="Memory moved to disk, and how much may be. Worry when the used part grows: memory is short.",
                unit="bytes",
                targets=(
                    Target(
                        expr="max by (instance)"
                        f" (node_memory_SwapTotal_bytes{HOST} - node_memory_SwapFree_bytes{HOST})",
                        legend="used {{instance}}",
                    ),
                    Target(expr=f"max by (instance) (node_memory_SwapTotal_bytes{HOST})", legend="total {{instance}}"),
                ),
                least=0,
            ),
        ),
    ),
)

DISK = Row(
    title="Disks",
    shelves=(
        (
            TimeSeries(
                title="Free disk space by mount point",
                about="Free share of every disk. Worry below 10 % (DiskSpaceLow), or when the line will reach it"
                " before somebody looks again.",
                unit="percentunit",
                targets=(Target(expr=DISK_FREE, legend="{{mountpoint}} {{instance}}"),),
                steps=limits("DiskSpaceLow"),
                least=0,
                most=1,
            ),
            Table(
                title="File systems",
                about="Size, used and available space of every disk, and its free share of inodes. Worry below 10 %"
                " of either: without inodes no file can be made.",
                unit="bytes",
                labels=(("instance", "Host"), ("device", "Device"), ("mountpoint", "Mount point")),
                columns=(
                    Column(
                        name="Size", expr=f"max by ({MOUNT}) (node_filesystem_size_bytes{HOST} {DISKS})", unit="bytes"
                    ),
                    Column(
                        name="Used",
                        expr=f"max by ({MOUNT}) (node_filesystem_size_bytes{HOST} - node_filesystem_free_bytes{HOST}"
                        f" {DISKS})",
                        unit="bytes",
                    ),
                    Column(
                        name="Available",
                        expr=f"max by ({MOUNT}) (node_filesystem_avail_bytes{HOST} {DISKS})",
                        unit="bytes",
                    ),
                    Column(
                        name="Free",
                        expr=f"max by ({MOUNT}) ({DISK_FREE})",
                        unit="percentunit",
                        steps=limits("DiskSpaceLow"),
                    ),
                    Column(
                        name="Free inodes",
                        expr=f"max by ({MOUNT}) (node_filesystem_files_free{HOST} / node_filesystem_files{HOST}"
                        f" {DISKS})",
                        unit="percentunit",
                        steps=limits("DiskSpaceLow"),
                    ),
                ),
            ),
        ),
        (
            TimeSeries(
                title="Disk reads and writes",
                about="Bytes read from and written to every disk in a second. Worry when it stays at what the disk can"
                " do at most.",
                unit="binBps",
                targets=tuple(
                    Target(
                        expr=or_zero(f"sum by (instance, device) ({rate(f'node_disk_{name}_bytes_total{HOST}')})"),
                        legend=f"{name} {{{{device}}}} {{{{instance}}}}",
                    )
                    for name in ("read", "written")
                ),
                least=0,
            ),
            TimeSeries(
                title="Disk busy time",
                about="Share of the time in which a disk had something to do. Worry when it stays near 100 %: what"
                " needs the disk waits.",
                unit="percentunit",
                targets=(
                    Target(
                        expr=or_zero(f"sum by (instance, device) ({rate(f'node_disk_io_time_seconds_total{HOST}')})"),
                        legend="busy {{device}} {{instance}}",
                    ),
                ),
                least=0,
                most=1,
            ),
        ),
    ),
)

NETWORK = Row(
    title="Network",
    shelves=(
        (
            TimeSeries(
                title="Network traffic",
                about="Bytes received and sent in a second, without traffic between containers. Worry when it stays at"
                " what the link can do at most.",
                unit="binBps",
                targets=tuple(
                    Target(
                        expr=or_zero(f"sum by (instance, device) ({rate(f'node_network_{way}_bytes_total{LINKS}')})"),
                        legend=f"{word} {{{{device}}}} {{{{instance}}}}",
                    )
                    for way, word in (("receive", "received"), ("transmit", "sent"))
                ),
                least=0,
            ),
            TimeSeries(
                title="Network errors and drops",
                about="Packets that were damaged or thrown away, in a second. Worry when it is not 0 for long: a bad"
                " cable, driver or queue.",
                unit="pps",
                targets=tuple(
                    Target(
                        expr=or_zero(f"sum by (instance, device) ({rate(f'node_network_{name}_total{LINKS}')})"),
                        legend=f"{word} {{{{device}}}} {{{{instance}}}}",
                    )
                    for name, word in (
                        ("receive_errs", "errors received"),
                        ("transmit_errs", "errors sent"),
                        ("receive_drop", "drops received"),
                        ("transmit_drop", "drops sent"),
                    )
                ),
                least=0,
            ),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="monops-host",
    title="Host",
    about="Processor, memory, disks and network of every machine that a node exporter watches.",
    tags=("node-exporter",),
    variables=(Variable(name="instance", label="Host", query="label_values(node_uname_info, instance)"),),
    rows=(OVERVIEW, PROCESSOR, MEMORY, DISK, NETWORK),
)
