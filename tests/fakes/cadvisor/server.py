"""A stand-in for cAdvisor, for tests: /healthz and /metrics with real cAdvisor metric names and made-up containers.

True of the real one: SIGTERM ends it at once with 0, also as process 1 of a container (`cmd/cadvisor.go`,
`installSignalHandler`).
Values move with the clock and nothing else, so two scrapes at the same instant agree.
cAdvisor's own flags are accepted; only --port has an effect.
"""

import argparse
import math
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MIB = 1024 * 1024
# name: (image, mean cores, memory in use, memory limit (0: none), bytes received a second)
CONTAINERS = {
    "prometheus": ("prom/prometheus:v3.5.3", 0.08, 180 * MIB, 512 * MIB, 20_000),
    "grafana": ("grafana/grafana:12.4.0", 0.02, 90 * MIB, 256 * MIB, 2_000),
    "alertmanager": ("prom/alertmanager:v0.33.1", 0.01, 30 * MIB, 128 * MIB, 500),
    "redis": ("redis:8.0.2", 0.03, 12 * MIB, 0, 4_000),
    "browser-worker-1": ("browser-worker:1.0", 0.6, 700 * MIB, 1024 * MIB, 150_000),
}
STARTED = time.time()


def _label_sets(now: float) -> list[tuple[str, str, dict[str, float]]]:
    """Each container's labels and values at `now`: (label text, name, {metric: value})."""
    found = []
    for number, (name, (image, cores, memory, limit, received)) in enumerate(sorted(CONTAINERS.items())):
        up = now - STARTED
        wave = 1 + 0.1 * math.sin(now / 60 + number)
        labels = f'id="/docker/{number:064x}",image="{image}",name="{name}"'
        values = {
            "container_last_seen": now,
            "container_start_time_seconds": STARTED,
            "container_cpu_usage_seconds_total": cores * up,
            "container_cpu_cfs_periods_total": int(up * 10),
            "container_cpu_cfs_throttled_periods_total": int(up / 30),
            "container_memory_working_set_bytes": int(memory * wave),
            "container_memory_usage_bytes": int(memory * wave * 1.2),
            "container_spec_memory_limit_bytes": limit,
            "container_fs_usage_bytes": int(40 * MIB + 100 * up),
            "container_fs_limit_bytes": 50 * 1024 * MIB,
            "container_network_receive_bytes_total": int(received * up),
            "container_network_transmit_bytes_total": int(received * up / 2),
            "container_oom_events_total": 0,
        }
        found.append((labels, name, values))
    return found


# What a metric needs beyond a container's own labels.
EXTRA_LABELS = {
    "container_cpu_usage_seconds_total": 'cpu="total"',
    "container_fs_usage_bytes": 'device="/dev/vda1"',
    "container_fs_limit_bytes": 'device="/dev/vda1"',
    "container_network_receive_bytes_total": 'interface="eth0"',
    "container_network_transmit_bytes_total": 'interface="eth0"',
}


def metrics(now: float) -> str:
    """The text exposition of every container at `now`."""
    lines = [
        "# HELP cadvisor_version_info A metric with a constant '1' value; this one comes from a stand-in.",
        "# TYPE cadvisor_version_info gauge",
        'cadvisor_version_info{cadvisorRevision="stand-in",cadvisorVersion="v0.60.5-stand-in",dockerVersion=""} 1',
    ]
    label_sets = _label_sets(now)
    for metric in label_sets[0][2]:
        lines.append(f"# TYPE {metric} {'counter' if metric.endswith('_total') else 'gauge'}")
        for labels, _, values in label_sets:
            extra = EXTRA_LABELS.get(metric)
            lines.append(f"{metric}{{{extra + ',' if extra else ''}{labels}}} {values[metric]}")
    return "\n".join(lines) + "\n"


class Handler(BaseHTTPRequestHandler):
    """Answers the two paths that a stack asks for."""

    server_version = "cadvisor-stand-in"

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer(200, "ok")
        elif self.path.split("?")[0] == "/metrics":
            self._answer(200, metrics(time.time()), "text/plain; version=0.0.4; charset=utf-8")
        else:
            self._answer(404, "the cAdvisor stand-in has /healthz and /metrics\n")

    do_HEAD = do_GET  # noqa: N815  # the base class looks methods up by this name

    def _answer(self, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        """A line per scrape says nothing."""


def main() -> None:
    """Serve until a signal ends it."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--port", "-port", type=int, default=8080)
    options, _ = parser.parse_known_args()
    ThreadingHTTPServer(("", options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
