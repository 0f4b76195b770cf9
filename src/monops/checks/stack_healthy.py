"""Every container's own health check passes.

A failing health check has two quite different reasons: the service is not well, or the check itself is wrong, because
its tool (`curl`, `wget`) is not in the image or it asks for a page that is not there. The second makes a good service
look sick, and what waits for it never starts. Source: State.Health of `docker inspect`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from monops.checks._containers import members, shown
from monops.checks._healthy import changed, with_container
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer
from monops.domain.finding import Finding, Fix, Risk, Severity

_NO_TOOL = re.compile(
    r"executable file not found|no such file or directory: unknown|: not found\s*$|stat /bin/\w*sh", re.M
)
_TOOL = re.compile(r'exec: "(?P<one>[^"]+)"|(?:sh: )(?:\d+: )?(?P<two>[^\s:]+): not found')
_NO_PAGE = re.compile(r"\b40[14]\b")


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each running container whose health check fails."""
    for one in members(facts):
        if one.is_running and one.container.health == "unhealthy":
            yield _finding(one)


def _finding(one: SeenContainer) -> Finding:
    severity, cause, fix = _why(one)
    output = shown(one.health_output)
    said = f", it says: {output}" if output else ", it says nothing"
    return Finding(
        severity=severity,
        subject=f"container {one.name}",
        cause=cause,
        evidence=(f"docker inspect: unhealthy, exit code {one.health_exit_code}{said}", f"it runs: {_command(one)}"),
        fix=fix,
    )


def _why(one: SeenContainer) -> tuple[Severity, str, Fix]:
    output = one.health_output
    up = f"monops stack up {one.service}"
    if one.health_exit_code in (126, 127) or _NO_TOOL.search(output):
        found = _TOOL.search(output)
        tool = (found["one"] or found["two"]) if found else "the program that it runs"
        return (
            Severity.WARNING,
            f"the health check itself is wrong: {tool} is not in the image",
            Fix(say=f"Use a tool in {one.service}'s healthcheck that its image has.", command=up, risk=Risk.INTERRUPTS),
        )
    if "timeout" in output.lower() or "timed out" in output.lower():
        return Severity.ERROR, "it does not answer its health check in time", _look(one)
    if "refused" in output.lower():
        return Severity.ERROR, "nothing listens where its health check asks", _look(one)
    if _NO_PAGE.search(output):
        return (
            Severity.WARNING,
            "the health check itself is wrong: the page it asks for is not there, or needs a password",
            Fix(say=f"Correct the path in {one.service}'s healthcheck.", command=up, risk=Risk.INTERRUPTS),
        )
    if re.search(r"\b503\b", output):
        return Severity.ERROR, "it says of itself that it is not ready", _look(one)
    return Severity.ERROR, f"its health check fails (exit code {one.health_exit_code})", _look(one)


def _look(one: SeenContainer) -> Fix:
    return Fix(say="See in its log what keeps it.", command=f"docker logs --tail 50 {one.name}")


def _command(one: SeenContainer) -> str:
    test = ((one.container.raw.get("Config") or {}).get("Healthcheck") or {}).get("Test") or ()
    return shown(" ".join(str(word) for word in test)) or "a check of its image"


def _unhealthy(what: str, severity: Severity, says: str, output: str, code: int = 1) -> Sick:
    return Sick(
        what=what,
        facts=lambda facts: with_container(
            facts,
            "grafana",
            lambda one: changed(one, container={"health": "unhealthy"}, health_output=output, health_exit_code=code),
        ),
        severity=severity,
        says=says,
    )


CHECK = Check(
    id="stack.healthy",
    well="every health check passes",
    reads=("containers",),
    judge=judge,
    sick=(
        _unhealthy(
            "a tool that is not in the image",
            Severity.WARNING,
            "curl is not in the image",
            'OCI runtime exec failed: exec failed: unable to start container process: exec: "curl": executable file '
            "not found in $PATH: unknown",
            -1,
        ),
        _unhealthy(
            "a tool that the shell does not find",
            Severity.WARNING,
            "curl is not in the image",
            "/bin/sh: curl: not found\n",
            127,
        ),
        _unhealthy("a service that hangs", Severity.ERROR, "in time", "Health check exceeded timeout (5s)", -1),
        _unhealthy(
            "a service that does not listen",
            Severity.ERROR,
            "nothing listens",
            "wget: can't connect to remote host (127.0.0.1): Connection refused\n",
        ),
        _unhealthy(
            "a page that is not there",
            Severity.WARNING,
            "page it asks for is not there",
            "wget: server returned error: HTTP/1.1 404 Not Found\n",
        ),
        _unhealthy(
            "a service that is not ready",
            Severity.ERROR,
            "not ready",
            "wget: server returned error: HTTP/1.1 503 Service Unavailable\n",
        ),
        _unhealthy("a check without words", Severity.ERROR, "exit code 1", ""),
    ),
)
