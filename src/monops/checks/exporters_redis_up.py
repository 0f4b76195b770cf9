"""The redis exporter gets into every Redis that it is to ask.

Its target is up as soon as the exporter itself answers; only `redis_up` says whether it reached Redis. Its own error
tells a missing password. The rest it tells badly: a wrong password, a wrong port and a name that nobody has all read
`unknown network`. So the containers are looked at as well: whether the Redis runs, and whether the two share a network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import NETWORK, changed, container, series, with_answers
from monops.checks._reading import is_settled, label, of_service
from monops.checks._redis import address, container_of
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, SeenContainer
from monops.domain.finding import Finding, Fix, Risk, Severity
from monops.domain.ports import Series

DOWN = "redis_up == 0"
ERRORS = "redis_exporter_last_scrape_error == 1"
_PASSWORDS = "secrets/redis-exporter/passwords.json"
_APPLY = "monops stack up redis-exporter"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each Redis that the exporter does not get into."""
    if not is_settled(facts, "redis-exporter"):
        return
    errors = {label(found, "instance"): label(found, "err") for found in facts.answer(ERRORS)}
    for found in facts.answer(DOWN):
        instance = label(found, "instance")
        error = errors.get(instance, "")
        cause, fix = _cause(facts, instance, error)
        yield Finding(
            severity=Severity.ERROR,
            subject=f"Redis {instance}",
            cause=cause,
            evidence=(f'redis_up{{instance="{instance}"}} is 0', f"the exporter's error: {error or 'none told'}"),
            fix=fix,
        )


def _cause(facts: Facts, instance: str, error: str) -> tuple[str, Fix]:
    host, port = address(instance)
    if "NOAUTH" in error:
        fix = Fix(
            say=f"Write its password into {_PASSWORDS} and name that in .env.", command=_APPLY, risk=Risk.INTERRUPTS
        )
        return "it wants a password and the exporter has none", fix
    if "WRONGPASS" in error or "invalid password" in error:
        fix = Fix(
            say=f"Correct the password in {_PASSWORDS}.",
            command="monops stack restart redis-exporter",
            risk=Risk.INTERRUPTS,
        )
        return "it does not take the exporter's password", fix
    if "LOADING" in error:
        return "it is still reading its data from disk", Fix(
            say="Wait until it has read them.", command="monops doctor"
        )
    there = container_of(facts, instance)
    if there is None:
        fix = Fix(say="Correct the address in targets/redis.yml.", command="monops targets")
        return f"no container is called {host}, and nothing is reached at that address", fix
    if not there.is_running:
        fix = Fix(say="Start it.", command=f"docker start {there.name}", risk=Risk.SAFE)
        return f"its container {there.name} does not run ({there.container.state})", fix
    apart = _apart(facts, there)
    if apart:
        fix = Fix(
            say="Put the two on one network in the Compose file; until it is made anew this connects it.",
            command=f"docker network connect {next(iter(there.container.addresses))} {apart}",
            risk=Risk.SAFE,
        )
        return f"the exporter has no network in common with its container {there.name}", fix
    if "timeout" in error or "closed network connection" in error:
        fix = Fix(say="Ask it how it is doing.", command=f"docker exec {there.name} redis-cli ping")
        return f"its container {there.name} runs and does not answer in time", fix
    fix = Fix(
        say=f"Compare port and password with those in targets/redis.yml and {_PASSWORDS}.",
        command=f"docker exec {there.name} redis-cli -p {port} ping",
    )
    return f"its container {there.name} runs, but port {port} or the password is wrong", fix


def _apart(facts: Facts, there: SeenContainer) -> str:
    """The exporter's name where it cannot reach the container for want of a network; "" where it can."""
    for exporter in of_service(facts, "redis-exporter"):
        ours, theirs = set(exporter.container.addresses), set(there.container.addresses)
        if ours and theirs and not ours & theirs:
            return exporter.name
    return ""


# --- examples ------------------------------------------------------------------------------------

_INSTANCE = "redis://redis:6379"


def _down(facts: Facts, error: str) -> Facts:
    failed: tuple[Series, ...] = (series(1, instance=_INSTANCE, job="redis", err=error),)
    return with_answers(facts, {DOWN: (series(0, instance=_INSTANCE, job="redis"),), ERRORS: failed})


def _beside(facts: Facts, *, state: str = "running", network: str = NETWORK) -> Facts:
    redis = changed(
        container("redis-exporter"),
        container={
            "name": "shop-redis-1",
            "service": "redis",
            "image": "redis:8.0.2",
            "state": state,
            "addresses": {network: "172.20.0.40"},
        },
        aliases=frozenset({"redis"}),
    )
    return replace(_down(facts, "dial redis: unknown network redis"), neighbours=(redis,))


CHECK = Check(
    id="exporters.redis_up",
    well="the redis exporter gets into every Redis",
    reads=("containers",),
    looks_at=("neighbours",),
    queries=(DOWN, ERRORS),
    judge=judge,
    needs=("prometheus", "redis-exporter"),
    sick=(
        Sick(
            what="a Redis with a password that the exporter does not have",
            facts=lambda facts: _down(facts, "NOAUTH Authentication required."),
            severity=Severity.ERROR,
            says="wants a password",
        ),
        Sick(
            what="a password that is wrong",
            facts=lambda facts: _down(facts, "WRONGPASS invalid username-password pair or user is disabled."),
            severity=Severity.ERROR,
            says="does not take the exporter's password",
        ),
        Sick(
            what="a Redis that still reads its data",
            facts=lambda facts: _down(facts, "LOADING Redis is loading the dataset in memory"),
            severity=Severity.ERROR,
            says="still reading",
        ),
        Sick(
            what="an address that nobody has",
            facts=lambda facts: _down(facts, "dial redis: unknown network redis"),
            severity=Severity.ERROR,
            says="no container is called redis",
        ),
        Sick(
            what="a Redis that has ended",
            facts=lambda facts: _beside(facts, state="exited"),
            severity=Severity.ERROR,
            says="does not run",
        ),
        Sick(
            what="a Redis on the application's network only",
            facts=lambda facts: _beside(facts, network="shop_default"),
            severity=Severity.ERROR,
            says="no network in common",
        ),
        Sick(
            what="a Redis that hangs",
            facts=lambda facts: replace(
                _down(facts, "set tcp 172.20.0.3:34298: use of closed network connection"),
                neighbours=_beside(facts).neighbours,
            ),
            severity=Severity.ERROR,
            says="does not answer in time",
        ),
        Sick(
            what="a port where nothing listens, or a wrong password",
            facts=_beside,
            severity=Severity.ERROR,
            says="port 6379 or the password is wrong",
        ),
    ),
)
