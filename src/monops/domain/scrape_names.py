"""Why the name of a target does not resolve: joined with what Docker knows of containers and networks."""

from __future__ import annotations

import shlex

from monops.domain.cause import Cause
from monops.domain.facts import SeenContainer
from monops.domain.finding import Fix, Risk
from monops.domain.nearest import listed, nearest
from monops.domain.scrape_error import ScrapeError
from monops.domain.scrape_scene import HOST_NAMES, Scene, age, ending, last_words, names_in, networks_of

#: A container that is up for less may not have been there when Prometheus asked.
_FRESH_SECONDS = 60.0
#: Exit codes of what was stopped from outside; None where it was not read.
_STOPPED = (None, 0, 137, 143)


def of_name(error: ScrapeError, scene: Scene) -> Cause:
    """The cause where a name was not found, or not looked up."""
    host = error.parts.get("name", scene.host)
    if host in HOST_NAMES:
        return _no_host_gateway(host, scene)
    if error.kind == "dns.default_bridge":
        return _other_server(host, error.parts.get("server", ""), scene)
    found = scene.called(host)
    if error.kind == "dns.no_host":
        return of_container(host, found, scene) if found else _nobody(host, scene)
    restarting = [one for one in found if one.container.state == "restarting"]
    if restarting:
        return stopped(restarting[0], scene)
    return _no_answer(error, host, scene)


def of_container(host: str, found: tuple[SeenContainer, ...], scene: Scene) -> Cause:
    """Containers with that name exist, and it does not resolve."""
    one = found[0]
    if not one.is_running:
        return stopped(one, scene)
    if scene.prometheus is None:
        return Cause(
            kind="dns.no_host",
            about=f"name {host}",
            sentence=f"Docker does not find the name {host!r} for Prometheus: {one.name} shares no network with it, or "
            "was not there yet",
            evidence=(scene.error, _in_networks(one), "Prometheus's own container is not known"),
            fix=Fix(say="Compare the networks of both containers.", command=f"docker inspect {one.name}"),
        )
    if not scene.shared(one):
        return apart(host, found, scene.prometheus, scene)
    return _known_otherwise(host, one, scene)


def stopped(one: SeenContainer, scene: Scene) -> Cause:
    """The container is there and does not run."""
    state = one.container.state
    how = {
        "created": "was made and never started",
        "restarting": "ends again and again",
        "paused": "is paused: its programs stand still",
    }.get(state, "does not run")
    why = f" ({code})" if (code := ending(one).partition(", ")[2]) else ""
    if one.out_of_memory:
        why = " (it reached its memory limit)"
    own = scene.prometheus is not None and one.container.project == scene.prometheus.container.project
    in_stack = own and bool(one.container.project) and one.service in (scene.services or {one.service: None})
    command = f"monops stack up {one.service}" if in_stack else f"docker start {one.name}"
    fix = Fix(say=f"Start {one.name}.", command=command, risk=Risk.SAFE)
    if state == "exited" and one.exit_code not in _STOPPED:
        fix = Fix(
            say=f"Find in its log why {one.name} ended, then start it.",
            command=f"docker logs --tail 20 {one.name}; {command}",
            risk=Risk.SAFE,
        )
    if state == "paused":
        fix = Fix(say=f"Let {one.name} go on.", command=f"docker unpause {one.name}", risk=Risk.SAFE)
    elif state == "restarting":
        fix = Fix(say=f"Find in its log why {one.name} ends.", command=f"docker logs --tail 50 {one.name}")
    return Cause(
        kind={"restarting": "dns.restarting", "paused": "timeout.paused"}.get(state, "dns.stopped"),
        about=f"container {one.name}",
        sentence=f"the container {one.name} {how}{why}",
        evidence=(scene.error, f"docker inspect {one.name}: {ending(one)}", *last_words(one)),
        fix=fix,
    )


def apart(host: str, found: tuple[SeenContainer, ...], prometheus: SeenContainer, scene: Scene) -> Cause:
    """Prometheus and the containers with that name share no network."""
    one = found[0]
    own = networks_of(prometheus)
    theirs = sorted(networks_of(one) - {"bridge", "host", "none"})
    evidence = (scene.error, *(_in_networks(each) for each in found[:3]), _in_networks(prometheus))
    if len(found) > 1:
        return Cause(
            kind="net.apart",
            about=f"name {host}",
            sentence=f"{len(found)} containers are called {host!r}, and none shares a network with Prometheus",
            evidence=evidence,
            fix=Fix(
                say=f"Join Prometheus to the network of the one that is meant, for example {(theirs or ['…'])[0]}.",
                command=f"docker ps --filter name={shlex.quote(host)}",
            ),
        )
    if theirs and not own & {"host", "none"}:
        fix = Fix(
            say=f"Join {prometheus.name} to the network {theirs[0]}; to keep it, name that in the Compose file.",
            command=f"docker network connect {theirs[0]} {prometheus.name}",
            risk=Risk.SAFE,
        )
    else:
        mine = (sorted(own - {"bridge", "host", "none"}) or [""])[0]
        fix = Fix(
            say=f"Join {one.name} to a network of Prometheus; to keep it, name that network in its Compose file.",
            command=f"docker network connect {mine} {one.name}" if mine and "host" not in networks_of(one) else "",
            risk=Risk.SAFE,
        )
        if "host" in networks_of(one):
            fix = scene.move(f"host.docker.internal:{scene.port}")
    return Cause(
        kind="net.apart",
        about=f"container {one.name}",
        sentence=f"the container {one.name} shares no network with Prometheus: it is in "
        f"{_networks(one)}, Prometheus in {_networks(prometheus)}",
        evidence=evidence,
        fix=fix,
    )


def _networks(one: SeenContainer) -> str:
    return listed(sorted(networks_of(one)), none="none")


def _in_networks(one: SeenContainer) -> str:
    return f"docker inspect {one.name}: networks {_networks(one)}"


def _known_otherwise(host: str, one: SeenContainer, scene: Scene) -> Cause:
    shared = sorted(scene.shared(one))
    if not any(host in names_in(one, network) for network in shared):
        right = sorted(names_in(one, shared[0]) - {one.container.id[:12]}, key=lambda name: (name == one.name, name))[0]
        return Cause(
            kind="dns.other_name",
            about=f"container {one.name}",
            sentence=f"the container {one.name} is called {host!r} in another network only; in {shared[0]}, which "
            f"Prometheus shares with it, it is {right!r}",
            evidence=(scene.error, _in_networks(one)),
            fix=scene.move(f"{right}:{scene.port}"),
        )
    if age(one, scene.now) < max(_FRESH_SECONDS, 2 * scene.target.interval):
        return Cause(
            kind="dns.just_started",
            about=f"container {one.name}",
            sentence=f"the container {one.name} was started a moment ago; Prometheus asked before that",
            evidence=(scene.error, f"docker inspect {one.name}: started {one.started_at}"),
            fix=Fix(say="Wait for the next scrape.", command="monops targets"),
        )
    return Cause(
        kind="dns.unexplained",
        about=f"container {one.name}",
        sentence=f"the container {one.name} runs in a network of Prometheus, and Docker does not find its name: it was "
        "renamed or joined the network after the last scrape, or Docker's DNS is broken",
        evidence=(scene.error, _in_networks(one)),
        fix=Fix(
            say="Look the name up from where Prometheus is; if it is not found, start the container anew.",
            command=f"docker exec {scene.prometheus_name} nslookup {shlex.quote(host)}",
        ),
    )


def _nobody(host: str, scene: Scene) -> Cause:
    if host in scene.services:
        return Cause(
            kind="dns.never_made",
            about=f"service {host}",
            sentence=f"the service {host} is in the Compose file and has no container",
            evidence=(scene.error, "docker compose ps --all: no such container"),
            fix=Fix(say=f"Start {host}.", command=f"monops stack up {host}", risk=Risk.SAFE),
        )
    if scene.blind:
        return Cause(
            kind="dns.no_host",
            about=f"name {host}",
            sentence=f"nobody is found under the name {host!r}: it is mistyped, its container does not run, or it is "
            "in no network of Prometheus",
            evidence=(scene.error, f"the engine could not be asked about every container: {scene.blind}"),
            fix=Fix(say="See whether there is such a container.", command=f"docker ps --all --filter name={host}"),
        )
    near = nearest(host, scene.every_name())
    evidence = (scene.error, f"docker ps --all: no container has the name or alias {host!r}")
    if near is not None:
        return Cause(
            kind="dns.no_container",
            about=f"name {host}",
            sentence=f"no container is called {host!r}; the nearest name is {near!r}",
            evidence=evidence,
            fix=scene.move(f"{near}:{scene.port}"),
        )
    known_to = "and no DNS server knows it" if "." in host else "nor is one like it"
    return Cause(
        kind="dns.no_container",
        about=f"name {host}",
        sentence=f"no container is called {host!r}, {known_to}",
        evidence=evidence,
        fix=_drop(scene),
    )


def _drop(scene: Scene) -> Fix:
    say = f"Start what is meant by {scene.written}, or remove the target."
    if scene.file.endswith(f"/{scene.job}.yml"):
        command = f"monops targets remove {shlex.quote(scene.job)} {shlex.quote(scene.written)}"
        return Fix(say=say, command=command, risk=Risk.SAFE)
    return Fix(say=say, command="docker ps --all")


def _no_host_gateway(host: str, scene: Scene) -> Cause:
    extra = (
        () if scene.prometheus is None else (scene.prometheus.container.raw.get("HostConfig") or {}).get("ExtraHosts")
    )
    return Cause(
        kind="dns.no_host_gateway",
        about=f"container {scene.prometheus_name}",
        sentence=f"Prometheus's container does not know {host!r}: on Linux only the Compose file adds that name",
        evidence=(scene.error, f"docker inspect {scene.prometheus_name}: ExtraHosts {listed(extra or ())}"),
        fix=Fix(
            say=f'Add extra_hosts: ["{host}:host-gateway"] to prometheus in the Compose file, then bring it up.',
            command="monops stack up prometheus",
            risk=Risk.INTERRUPTS,
        ),
    )


def _other_server(host: str, server: str, scene: Scene) -> Cause:
    """The name was asked of a server that is not Docker's: that happens outside networks of one's own."""
    evidence = (scene.error, f"{server} was asked; Docker's own DNS, which knows containers, is 127.0.0.11")
    prometheus = scene.prometheus
    if prometheus is None:
        return Cause(
            kind="dns.default_bridge",
            about="container prometheus",
            sentence=f"Prometheus does not ask Docker for {host!r}: it is on Docker's default network or the host's, "
            "where names of containers do not resolve, or does not run in a container",
            evidence=evidence,
            fix=Fix(say="See which network Prometheus is in.", command="docker inspect prometheus"),
        )
    mode = "the host's network" if "host" in networks_of(prometheus) else "Docker's default network"
    if networks_of(prometheus) - {"bridge", "host"}:
        mode = "a network without Docker's DNS"
    theirs = sorted({net for one in scene.called(host) for net in networks_of(one)} - {"bridge", "host", "none"})
    network = theirs[0] if theirs else "NETWORK"
    can_join = mode == "Docker's default network" and bool(theirs)
    return Cause(
        kind="dns.default_bridge",
        about=f"container {prometheus.name}",
        sentence=f"Prometheus is on {mode}, where names of containers such as {host!r} do not resolve",
        evidence=(*evidence, _in_networks(prometheus)),
        fix=Fix(
            say="Put Prometheus into a network of its own with what it scrapes, in the Compose file.",
            command=f"docker network connect {network} {prometheus.name}" if can_join else "monops stack config",
            risk=Risk.SAFE if can_join else Risk.READS,
        ),
    )


def _no_answer(error: ScrapeError, host: str, scene: Scene) -> Cause:
    what = (
        "failed: its container starts anew just now, or the DNS server behind Docker's is broken"
        if error.kind == "dns.misbehaving"
        else "was not answered in time: Docker's DNS, or the server behind it, cannot be reached"
    )
    return Cause(
        kind=error.kind,
        about=f"name {host}",
        sentence=f"looking up {host!r} {what}",
        evidence=(scene.error,),
        fix=Fix(
            say="Look the name up from where Prometheus is.",
            command=f"docker exec {scene.prometheus_name} nslookup {shlex.quote(host)}",
        ),
    )
