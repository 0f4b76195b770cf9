"""Having a running service read its configuration file again, and waiting until it has.

Over HTTP the answer comes when it is done. A signal has no answer: what the service logs then is the answer. That can
take minutes: a Prometheus that gives up a remote storage first waits for its queue (`--storage.remote.flush-deadline`).
Source: prometheus, cmd/prometheus/main.go, `reloadConfig`; alertmanager, config/coordinator.go, `Reload`.
"""

from __future__ import annotations

import re
from datetime import timedelta

from monops.domain.change import Site, Step
from monops.domain.errors import ServiceError
from monops.domain.ports import Container
from monops.domain.rebuild import without_secret
from monops.domain.stack import service_of
from monops.ops.stack_status import last_words
from monops.ops.workshop import Workshop

_ADDRESSES = {"prometheus": "http://127.0.0.1:9090/-/reload", "alertmanager": "http://127.0.0.1:9093/-/reload"}
_LINES = 100
_EVERY = timedelta(milliseconds=300)
#: Seconds; Prometheus waits a minute for each remote storage, unless told otherwise.
_AT_MOST = 150.0
#: With these it does not log what it has read.
_IS_SILENT = {"--log.level=warn", "--log.level=error"}
_DONE = re.compile(r"Completed loading of configuration file")
_REFUSED = re.compile(r"Error reloading config|Loading configuration file failed")


def reload(shop: Workshop, site: Site, step: Step, container: Container) -> None:
    """Raises ServiceError where the service refuses the file. Without `--web.enable-lifecycle`, under another path, or
    without wget in its image it is told by SIGHUP, which means the same."""
    engine = shop.outside.engine
    seen = frozenset(engine.logs(container.id, _LINES))
    address = _ADDRESSES.get(service_of(container) or "")
    answer = shop.bench.compose(site).post(step.service, address) if address is not None else "not asked"
    if "500" in answer:
        raise _refusal(step, container, _new_lines(shop, container, seen))
    if not answer:
        return
    engine.signal(container.id, "SIGHUP")
    if address is not None and not _IS_SILENT & set(container.command):
        _wait_until_read(shop, step, container, seen)


def _wait_until_read(shop: Workshop, step: Step, container: Container, seen: frozenset[str]) -> None:
    """Until the log says so. One whose log goes elsewhere is asked for its settings afterwards all the same."""
    clock = shop.outside.clock
    deadline = clock.monotonic() + _AT_MOST
    while clock.monotonic() < deadline:
        lines = _new_lines(shop, container, seen)
        if any(_REFUSED.search(line) for line in lines):
            raise _refusal(step, container, lines)
        if any(_DONE.search(line) for line in lines) or shop.outside.engine.container(container.id).state != "running":
            return
        clock.sleep(_EVERY)


def _new_lines(shop: Workshop, container: Container, seen: frozenset[str]) -> list[str]:
    return [line for line in shop.outside.engine.logs(container.id, _LINES) if line not in seen]


def _refusal(step: Step, container: Container, lines: list[str]) -> ServiceError:
    return ServiceError(
        f"{step.service} refuses its configuration: {without_secret(last_words(lines))}",
        remedy=f"docker logs --tail 20 {container.name}",
    )
