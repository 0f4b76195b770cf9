"""The dashboards that ship, made from code: `as_json(dashboard)` is the file, named after the dashboard's uid."""

from __future__ import annotations

from monops.stack.dashboards import backups, containers, host, main, prometheus, redis
from monops.stack.dashboards.model import as_json
from monops.stack.dashboards.panel import Dashboard

__all__ = ["DASHBOARDS", "Dashboard", "as_json"]

#: The main one first.
DASHBOARDS: tuple[Dashboard, ...] = (
    main.DASHBOARD,
    host.DASHBOARD,
    containers.DASHBOARD,
    redis.DASHBOARD,
    prometheus.DASHBOARD,
    backups.DASHBOARD,
)
