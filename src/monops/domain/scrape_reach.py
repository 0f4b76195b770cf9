"""Why a target that has an address cannot be reached: joined with networks, listening sockets and exposed ports."""

from __future__ import annotations

import shlex
from ipaddress import ip_address

from monops.domain.address import is_address
from monops.domain.cause import Cause
from monops.domain.facts import ListeningSocket, SeenContainer
from monops.domain.finding import Fix, Risk
from monops.domain.nearest import listed
from monops.domain.scrape_error import ScrapeError
from monops.domain.scrape_names import apart, stopped
from monops.domain.scrape_scene import (
    HOST_NAMES,
    Scene,
    age,
    exposed_ports,
    last_words,
    listening,
    networks_of,
)

_FRESH_SECONDS = 60.0


def of_refusal(error: ScrapeError, scene: Scene) -> Cause:
    """Somebody answered that nobody listens."""
    address = error.parts.get("address", scene.host)
    is_own = _is_loopback(address) and not (scene.prometheus and "host" in networks_of(scene.prometheus))
    if is_own:
        return _localhost(scene)
    if scene.host in HOST_NAMES:
        return _host(scene)
    found = scene.called(scene.host) or scene.called(address)
    if not found:
        why = f": {scene.blind}" if scene.blind else ""
        return Cause(
            kind="tcp.refused",
            about=f"address {scene.address}",
            sentence=f"{scene.host} answers, and nothing listens on its port {scene.port}: the port is wrong, its "
            "program listens on its own localhost only, or is still starting",
            evidence=(scene.error, f"no container is known to be {scene.host}{why}"),
            fix=Fix(say="See what it listens on.", command=f"docker ps --all --filter name={shlex.quote(scene.host)}"),
        )
    one = found[0]
    if not one.is_running:
        return stopped(one, scene)
    sockets = listening(one)
    return _by_image(one, scene) if sockets is None else _by_sockets(one, sockets, scene)


def of_silence(error: ScrapeError, scene: Scene) -> Cause:
    """Nobody answered in time: newer Prometheus say the same where a connection and where an answer takes too long."""
    found = scene.called(scene.host) or scene.called(error.parts.get("address", ""))
    if found:
        one = found[0]
        if not one.is_running:
            return stopped(one, scene)
        if scene.prometheus is not None and not scene.shared(one):
            return apart(scene.host, (one,), scene.prometheus, scene)
        if error.kind == "timeout.headers":
            return _slow(f"container {one.name}", f"the container {one.name}", scene)
    if scene.host in HOST_NAMES:
        return _firewall(scene)
    if error.kind == "timeout.headers" and not is_address(scene.host):
        return _slow(f"target {scene.address}", scene.address, scene)
    return Cause(
        kind="tcp.timeout",
        about=f"address {scene.address}",
        sentence=f"{scene.address} does not answer: it is in a Docker network that Prometheus is not in, a firewall "
        "drops the packets, the machine is off, or the program takes too long",
        evidence=(scene.error, _nobody_there(scene)),
        fix=Fix(say="Try it from where Prometheus is.", command=scene.look()),
    )


def of_body(error: ScrapeError, scene: Scene) -> Cause:
    """The answer began, and did not end in time."""
    return Cause(
        kind=error.kind,
        about=f"target {scene.address}",
        sentence=f"{scene.address} begins to answer, and does not end within the time limit of "
        f"{scene.target.timeout:g} s",
        evidence=(scene.error, _took(scene)),
        fix=_more_time(scene),
    )


def of_no_route(error: ScrapeError, scene: Scene) -> Cause:
    """The kernel knows no way."""
    address = error.parts.get("address", scene.host)
    prometheus = scene.prometheus
    if prometheus is not None and networks_of(prometheus) <= {"none"} and prometheus.is_running:
        return Cause(
            kind="net.none",
            about=f"container {prometheus.name}",
            sentence="Prometheus's container is in no network",
            evidence=(
                scene.error,
                f"docker inspect {prometheus.name}: networks {listed(sorted(networks_of(prometheus)))}",
            ),
            fix=Fix(
                say="Give the service prometheus a network in the Compose file.", command="monops stack up prometheus"
            ),
        )
    if scene.host in HOST_NAMES:
        return _firewall(scene)
    if ":" in address:
        return Cause(
            kind="net.no_ipv6",
            about=f"address {scene.address}",
            sentence=f"{address} is an IPv6 address, and Prometheus's networks have no IPv6",
            evidence=(scene.error,),
            fix=scene.edit(f"Name {scene.written} by a name or an IPv4 address in job {scene.job}, then reload."),
        )
    found = scene.called(scene.host)
    if is_address(scene.host) and not found and not scene.blind:
        return Cause(
            kind="net.dead_address",
            about=f"address {scene.host}",
            sentence=f"no container and no machine has the address {scene.host}: addresses of containers change when "
            "they are made anew",
            evidence=(scene.error, f"docker inspect: no container has {scene.host}"),
            fix=scene.edit(
                f"Scrape the container by its name in place of {scene.host} in job {scene.job}, then reload."
            ),
        )
    if found and not found[0].is_running:
        return stopped(found[0], scene)
    return Cause(
        kind=error.kind,
        about=f"address {scene.address}",
        sentence=f"there is no way to {scene.address}: the address is no longer in use, or a firewall refuses",
        evidence=(scene.error, _nobody_there(scene)),
        fix=Fix(say="Try it from where Prometheus is.", command=scene.look()),
    )


# --- refused -------------------------------------------------------------------------------------


def _by_sockets(one: SeenContainer, sockets: tuple[ListeningSocket, ...], scene: Scene) -> Cause:
    there = [socket for socket in sockets if socket.port == scene.port]
    shown = listed(sorted({f"{socket.address}:{socket.port}" for socket in sockets}), none="nothing")
    evidence = (scene.error, f"{one.name} listens on {shown}", *last_words(one))
    if there and all(socket.is_loopback for socket in there):
        return Cause(
            kind="tcp.loopback",
            about=f"container {one.name}, port {scene.port}",
            sentence=f"the program in {one.name} listens on {there[0].address}:{scene.port}, where only its own "
            "container reaches it",
            evidence=evidence,
            fix=Fix(
                say=f"Let the program in {one.name} listen on 0.0.0.0:{scene.port}, then start it anew.",
                command=f"docker inspect --format '{{{{json .Config.Cmd}}}} {{{{json .Config.Env}}}}' {one.name}",
            ),
        )
    if there:
        return _there_now(one, evidence, scene)
    ports = sorted({socket.port for socket in sockets if not socket.is_loopback})
    if not ports:
        return Cause(
            kind="tcp.not_listening",
            about=f"container {one.name}",
            sentence=f"no program in {one.name} listens on a port that others reach: it is still starting, or hangs",
            evidence=evidence,
            fix=Fix(say="Read its log.", command=f"docker logs --tail 50 {one.name}"),
        )
    right = _likely(ports, one)
    what = f"it listens on {listed(str(port) for port in ports)}"
    return Cause(
        kind="tcp.wrong_port",
        about=f"container {one.name}, port {scene.port}",
        sentence=f"nothing in {one.name} listens on port {scene.port}; {what}",
        evidence=evidence,
        fix=scene.move(f"{scene.host}:{right}"),
    )


def _likely(ports: list[int], one: SeenContainer) -> int:
    return next((port for port in exposed_ports(one) if port in ports), ports[0])


def _there_now(one: SeenContainer, evidence: tuple[str, ...], scene: Scene) -> Cause:
    if age(one, scene.now) < max(_FRESH_SECONDS, 2 * scene.target.interval):
        sentence = f"the program in {one.name} was still starting when Prometheus asked; now it listens"
    else:
        sentence = (
            f"the program in {one.name} listens on port {scene.port} now, and did not when Prometheus asked, or "
            "not on the address that Prometheus uses"
        )
    return Cause(
        kind="tcp.just_started",
        about=f"container {one.name}, port {scene.port}",
        sentence=sentence,
        evidence=(*evidence, f"docker inspect {one.name}: started {one.started_at}"),
        fix=Fix(say="Wait for the next scrape, then ask again.", command="monops doctor --only targets"),
    )


def _by_image(one: SeenContainer, scene: Scene) -> Cause:
    ports = exposed_ports(one)
    evidence = (
        scene.error,
        f"its image names {listed((str(port) for port in ports), none='no port')}",
        "what its programs listen on could not be looked at",
        *last_words(one),
    )
    if ports and scene.port not in ports:
        right = f"{scene.host}:{ports[0]}"
        sentence = (
            f"nothing in {one.name} listens on port {scene.port}; its image uses {listed(str(port) for port in ports)}"
        )
        fix = scene.move(right)
        return Cause(
            kind="tcp.wrong_port",
            about=f"container {one.name}, port {scene.port}",
            sentence=sentence,
            evidence=evidence,
            fix=fix,
        )
    return Cause(
        kind="tcp.refused",
        about=f"container {one.name}, port {scene.port}",
        sentence=f"nothing in {one.name} listens on port {scene.port} where Prometheus asks: the port is wrong, its "
        "program listens on its own localhost only, or is still starting",
        evidence=evidence,
        fix=Fix(say="See what listens in it.", command=f"docker exec {one.name} netstat -lnt"),
    )


def _localhost(scene: Scene) -> Cause:
    """`localhost` in the configuration is Prometheus's own container."""
    near = [one for one in scene.containers if one.is_running and one is not scene.prometheus and scene.shared(one)]
    meant = [(one, port) for one in near if (port := _own_port(one, scene.port))]
    sentence = f"{scene.host!r} is Prometheus's own container, and nothing in it listens on port {scene.port}"
    evidence = [scene.error]
    if len(meant) == 1:
        one, port = meant[0]
        name = one.service or one.name
        sentence += f"; {one.name} does"
        evidence.append(f"docker inspect {one.name}: port {port}")
        fix = scene.move(f"{name}:{port}")
    else:
        right = f"the container's name, or host.docker.internal:{scene.port} for a program on the host"
        evidence.append(f"with that port: {listed(one.name for one, _ in meant)}")
        fix = scene.edit(f"In job {scene.job}, write {right}, in place of {scene.written}, then reload.")
    return Cause(
        kind="tcp.localhost",
        about=f"address {scene.address}",
        sentence=sentence,
        evidence=tuple(evidence),
        fix=fix,
    )


def _own_port(one: SeenContainer, port: int) -> int | None:
    """The port inside a container that `port` means: its own, or the one published as it."""
    for inside, (_, outside) in one.container.ports.items():
        if outside == port:
            return inside
    sockets = listening(one)
    own = exposed_ports(one) if sockets is None else tuple(s.port for s in sockets if not s.is_loopback)
    return port if port in own else None


def _host(scene: Scene) -> Cause:
    """The host answers, and nothing listens there on the address by which containers reach it."""
    sentence = f"nothing on the host listens on port {scene.port} at the address by which containers reach it"
    evidence = [scene.error]
    for one in scene.containers:
        sockets = listening(one) or ()
        if "host" in networks_of(one) and any(socket.port == scene.port for socket in sockets):
            where = next(socket.address for socket in sockets if socket.port == scene.port)
            evidence.append(f"{one.name} listens on {where}:{scene.port}")
            return Cause(
                kind="tcp.host_refused",
                about=f"container {one.name}",
                sentence=f"{one.name} listens on the host's {where}:{scene.port}, where containers do not reach it",
                evidence=tuple(evidence),
                fix=Fix(
                    say=f"Let {one.name} listen on the address of Docker's bridge, then start it anew.",
                    command="docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}'",
                ),
            )
        published = [inside for inside, (_, outside) in one.container.ports.items() if outside == scene.port]
        if published and one.is_running:
            evidence.append(f"docker inspect {one.name}: {one.container.ports[published[0]][0]}:{scene.port} published")
            if not scene.shared(one):
                continue
            name = one.service or one.name
            return Cause(
                kind="tcp.host_refused",
                about=f"container {one.name}",
                sentence=f"{one.name} publishes port {scene.port} on the host's own localhost, where containers do not "
                "reach it",
                evidence=tuple(evidence),
                fix=scene.move(f"{name}:{published[0]}"),
            )
    return Cause(
        kind="tcp.host_refused",
        about=f"address {scene.address}",
        sentence=f"{sentence}: it does not run, or listens on the host's own localhost only",
        evidence=tuple(evidence),
        fix=Fix(say="See what listens on the host.", command=f"ss -lntp | grep :{scene.port}"),
    )


# --- silence -------------------------------------------------------------------------------------


def _slow(about: str, who: str, scene: Scene) -> Cause:
    return Cause(
        kind="timeout.headers",
        about=about,
        sentence=f"{who} does not begin to answer within the time limit of {scene.target.timeout:g} s: it collects for "
        "too long, or hangs",
        evidence=(scene.error, _took(scene)),
        fix=_more_time(scene),
    )


def _took(scene: Scene) -> str:
    target = scene.target
    return f"the last scrape took {target.last_duration:.1f} s of {target.timeout:g} s, every {target.interval:g} s"


def _more_time(scene: Scene) -> Fix:
    url = shlex.quote(scene.shown_url)
    return Fix(
        say=f"Measure how long it takes; then make it faster, or raise scrape_timeout of job {scene.job} (at most its "
        "scrape_interval).",
        command=f"time docker exec {scene.prometheus_name} wget -qO /dev/null -T 60 {url}",
    )


def _firewall(scene: Scene) -> Cause:
    return Cause(
        kind="net.firewall",
        about="the host's firewall",
        sentence=f"the host does not let containers reach its port {scene.port}: a firewall such as ufw drops it, or "
        "the program there hangs",
        evidence=(scene.error,),
        fix=Fix(
            say=f"Allow port {scene.port} from Docker's networks, where the host has a firewall.",
            command=f"sudo ufw allow from 172.16.0.0/12 to any port {scene.port} proto tcp",
            risk=Risk.SAFE,
        ),
    )


def _nobody_there(scene: Scene) -> str:
    return scene.blind or f"docker inspect: no container is or has {scene.host}"


def _is_loopback(address: str) -> bool:
    return is_address(address) and ip_address(address).is_loopback
