"""Redis: clients, memory, commands, keys. Metrics of the redis exporter."""

from __future__ import annotations

from monops.stack.dashboards.panel import Dashboard, Meaning, Row, Stat, Target, TimeSeries, Variable
from monops.stack.dashboards.shared import ANY_IS_TOO_MANY, increase, limits, or_zero, rate

REDIS = '{instance=~"$instance"}'


def a_second(counter: str, legend: str) -> Target:
    """What a counter rises by in a second, for every Redis."""
    return Target(expr=f"sum by (instance) ({rate(counter + REDIS)})", legend=f"{legend} {{{{instance}}}}".strip())


def now(gauge: str, legend: str) -> Target:
    """A value of every Redis."""
    return Target(expr=f"max by (instance) ({gauge}{REDIS})", legend=f"{legend} {{{{instance}}}}".strip())


OVERVIEW = Row(
    title="Overview",
    shelves=(
        (
            Stat(
                title="Redis up",
                about="Whether the exporter reaches Redis. Worry when it does not for a minute (RedisDown): the queue"
                " stands still.",
                unit="short",
                targets=(Target(expr=f"redis_up{REDIS}", legend="{{instance}}"),),
                steps=limits("RedisDown"),
                meanings=(Meaning(1, "up", "green"), Meaning(0, "down", "red")),
            ),
            Stat(
                title="Uptime",
                about="Time since Redis started. Worry when it is short and nobody restarted it.",
                unit="s",
                targets=(now("redis_uptime_in_seconds", ""),),
            ),
            Stat(
                title="Keys",
                about="Keys in all databases together. Worry when it only ever grows: finished jobs are not removed.",
                unit="short",
                targets=(Target(expr=f"sum by (instance) (redis_db_keys{REDIS})", legend="{{instance}}"),),
            ),
            Stat(
                title="Clients refused",
                about="Connections refused in the last minutes, because there were too many. Any is too many: raise"
                " maxclients, or find who does not hang up.",
                unit="short",
                targets=(
                    Target(
                        expr=f"sum by (instance) ({increase(f'redis_rejected_connections_total{REDIS}')})",
                        legend="{{instance}}",
                    ),
                ),
                steps=ANY_IS_TOO_MANY,
            ),
        ),
    ),
)

WORK = Row(
    title="Work",
    shelves=(
        (
            TimeSeries(
                title="Commands per second",
                about="Commands that Redis has processed in a second. Worry when it falls to 0 while jobs wait.",
                unit="ops",
                targets=(a_second("redis_commands_processed_total", "commands"),),
                least=0,
            ),
            TimeSeries(
                title="Connected clients",
                about="Clients that are connected, those of them that wait for a job, and how many may be. Worry when"
                " connected comes near the limit.",
                unit="short",
                targets=(
                    now("redis_connected_clients", "connected"),
                    now("redis_blocked_clients", "waiting"),
                    now("redis_config_maxclients", "limit"),
                ),
                least=0,
            ),
            TimeSeries(
                title="Network",
                about="Bytes received and sent in a second. Worry when it leaves its usual range: jobs may be larger"
                " than they should.",
                unit="binBps",
                targets=(
                    a_second("redis_net_input_bytes_total", "received"),
                    a_second("redis_net_output_bytes_total", "sent"),
                ),
                least=0,
            ),
        ),
    ),
)

DATA = Row(
    title="Memory and keys",
    shelves=(
        (
            TimeSeries(
                title="Used memory",
                about="Memory of the data, of the process, and how much the data may take (0: no limit). Worry when it"
                " comes near the limit, or only ever grows.",
                unit="bytes",
                targets=(
                    now("redis_memory_used_bytes", "data"),
                    now("redis_memory_used_rss_bytes", "process"),
                    now("redis_memory_max_bytes", "limit"),
                ),
                least=0,
            ),
            TimeSeries(
                title="Keyspace",
                about="Keys in every database that has any. Worry when it only ever grows.",
                unit="short",
                targets=(
                    Target(
                        expr=or_zero(f"sum by (instance, db) (redis_db_keys{REDIS}) > 0"),
                        legend="keys {{db}} {{instance}}",
                    ),
                ),
                least=0,
            ),
        ),
        (
            TimeSeries(
                title="Hits and misses",
                about="Look-ups of keys that were there, and that were not, in a second. Worry when misses rise without"
                " hits: something asks for what is gone.",
                unit="ops",
                targets=(
                    a_second("redis_keyspace_hits_total", "hits"),
                    a_second("redis_keyspace_misses_total", "misses"),
                ),
                least=0,
            ),
            TimeSeries(
                title="Evicted and expired keys",
                about="Keys removed in a second: evicted for want of memory, or expired as planned. Worry about any"
                " eviction: a queue loses jobs by it.",
                unit="ops",
                targets=(
                    a_second("redis_evicted_keys_total", "evicted"),
                    a_second("redis_expired_keys_total", "expired"),
                ),
                least=0,
            ),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="monops-redis",
    title="Redis",
    about="Clients, memory, commands and keys of every Redis that the exporter asks.",
    tags=("redis",),
    variables=(Variable(name="instance", label="Redis", query="label_values(redis_up, instance)"),),
    rows=(OVERVIEW, WORK, DATA),
)
