"""Faults of containers and of the Compose file, and what doctor shall say of each."""

from __future__ import annotations

from tests.faults.doctor_faults import Fault, container, edited, updated
from tests.faults.doctor_odd_faults import foreign_data, killed, latest, open_port, readable_secret, stale_file

_COMPOSE = "docker-compose.monitoring.yml"
_NOBODYS = ("stack.orphans",)

CONTAINERS = (
    Fault("nobody's container", "stack.orphans", "no service extra any more", container()),
    Fault(
        "ended with an error",
        "stack.exit_code",
        "an error of its own",
        container(without=["restart"], ends=["sh", "-c", "exit 3"]),
        ("stack.",),
    ),
    Fault(
        "a crash",
        "stack.exit_code",
        "segmentation fault",
        container(without=["restart"], ends=["sh", "-c", "exit 139"]),
        ("stack.",),
    ),
    Fault("no such command", "stack.restarts", "not in the image", container(ends=["no-such-command"]), ("stack.",)),
    Fault("killed", "stack.exit_code", "it was killed", killed, ("stack.",)),
    Fault(
        "crash loop", "stack.restarts", "starts again and again", container(ends=["sh", "-c", "exit 3"]), ("stack.",)
    ),
    Fault(
        "unhealthy",
        "stack.healthy",
        "",
        container("--health-cmd", "exit 1", "--health-interval", "1s", "--health-retries", "1"),
        _NOBODYS,
    ),
    Fault("privileged", "security.privileged", "it is privileged", container("--privileged"), (*_NOBODYS, "security.")),
    Fault(
        "the engine's socket",
        "security.docker_socket",
        "engine's socket",
        container("--volume", "/var/run/docker.sock:/var/run/docker.sock"),
        (*_NOBODYS, "security."),
    ),
    Fault(
        "the machine's folders",
        "security.host_access",
        "can change the machine",
        container("--volume", "/etc:/machine"),
        (*_NOBODYS, "security."),
    ),
    Fault("an open port", "security.exposed", "without a password", open_port, (*_NOBODYS, "stack.ports")),
    Fault("image without a version", "stack.image_pin", "", latest, _NOBODYS),
    Fault("log without an end", "engine.logs", "kept for ever", container(without=["log"]), _NOBODYS),
    Fault(
        "no restart policy",
        "stack.restart_policy",
        "after a restart of the machine",
        container(without=["restart"]),
        _NOBODYS,
    ),
    Fault("no memory limit", "resources.limits_set", "no memory limit", container(without=["memory"]), _NOBODYS),
    Fault("no processor limit", "resources.limits_set", "no processor limit", container(without=["cpus"]), _NOBODYS),
    Fault("an old single file", "stack.stale_bind", "an old /etc/single.conf", stale_file, _NOBODYS),
    Fault(
        "nameless volume",
        "stack.volumes",
        "volume without a name",
        container(
            "--volume", "/alertmanager", "--env", "X=1", image="prom/alertmanager:v0.33.1", ends=["sleep", "600"]
        ),
        (*_NOBODYS, "targets.undeclared", "alertmanager.", "stack."),
    ),
    Fault("data of another user", "stack.volume_owner", "may not write", foreign_data),
    Fault(
        "limits by docker update",
        "stack.limits_drift",
        "docker update",
        updated(["--memory", "96m", "--memory-swap", "96m"], ["--memory", "128m", "--memory-swap", "256m"]),
    ),
    Fault(
        "policy by docker update",
        "stack.restart_policy",
        "after a restart of the machine",
        updated(["--restart", "no"], ["--restart", "unless-stopped"]),
        ("stack.drift",),
    ),
    Fault(
        "another Compose file",
        "stack.drift",
        "another Compose file",
        edited(_COMPOSE, 'PYTHONDONTWRITEBYTECODE: "1"', 'PYTHONDONTWRITEBYTECODE: "2"'),
    ),
    Fault(
        "a service that was never made",
        "stack.running",
        "no container",
        edited(
            _COMPOSE,
            "\nnetworks:\n  monitoring:\n",
            "\n  another:\n    <<: *service\n    image: redis:8.0.2\n\nnetworks:\n  monitoring:\n",
        ),
        ("stack.", "resources.limits_set"),
    ),
    Fault(
        "broken Compose file",
        "engine.compose",
        "cannot read",
        edited(_COMPOSE, "\nnetworks:\n  monitoring:\n", "\nnetwork:\n  monitoring:\n"),
        ("stack.",),
    ),
    Fault(
        "a password in the Compose file",
        "security.environment",
        "written out",
        edited(
            _COMPOSE,
            "GF_SECURITY_ADMIN_PASSWORD__FILE: /run/secrets/admin-password",
            "GF_SECURITY_ADMIN_PASSWORD: hunter22",
        ),
        ("stack.drift",),
    ),
    Fault("a secret for everybody", "security.secret_modes", "every user of the machine", readable_secret),
)
