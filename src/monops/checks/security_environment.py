"""No secret is written out in the Compose file.

A password among a service's variables, or in its command, is in the repository, in every backup of the file and in
`docker inspect`. Most images take the name of a file instead: GF_SECURITY_ADMIN_PASSWORD__FILE, REDIS_PASSWORD_FILE. At
the very least it belongs into .env, which is not in git. Values that come from variables are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._secrets import parsed, secret_flags, secret_variables
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, IsUnknown, Unknown, known
from monops.domain.finding import Finding, Fix, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each variable or flag."""
    found = {path: parsed(text).get("services") for path, text in known(facts.host_files).items() if "services" in text}
    files = {path: services for path, services in found.items() if isinstance(services, dict)}
    if not files:
        raise IsUnknown(Unknown("the Compose file is not among the files that were read"))
    for path, services in files.items():
        for name, service in services.items():
            if not isinstance(service, dict):
                continue
            for kind, names in (("variable", secret_variables(service)), ("flag", secret_flags(service))):
                for one in names:
                    yield _finding(path, str(name), kind, one)


def _finding(path: str, service: str, kind: str, name: str) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        subject=f"service {service}: {name}",
        cause="its secret is written out in the Compose file, for whoever reads the file, its repository or a backup",
        evidence=(f"{path}: the {kind} {name} of {service} holds it itself",),
        fix=Fix(say=f"Give {service} the secret as a file, or take it from .env: {name}=${{{_variable(name)}}}."),
    )


def _variable(name: str) -> str:
    return name.strip("-").replace("-", "_").replace(".", "_").upper()


_WELL = """\
services:
  grafana:
    environment:
      GF_SECURITY_ADMIN_PASSWORD__FILE: /run/secrets/admin-password
      GF_AUTH_ANONYMOUS_ORG_ROLE: Viewer
      SMTP_PASSWORD: ${SMTP_PASSWORD}
    command: ["--max-token=4096"]
    ports: !override []
  redis:
    environment: [ALLOW_EMPTY_PASSWORD=yes, REDIS_HOST=redis]
    command: [redis-server, --requirepass, "${REDIS_PASSWORD:?}"]
"""
_MAP = "services: {grafana: {environment: {GF_SECURITY_ADMIN_PASSWORD: hunter2}}}\n"
_LIST = "services: {app: {environment: ['REDIS_URL=redis://:hunter2@redis:6379', TOKEN]}}\n"
_FLAG = "services: {redis: {command: redis-server --requirepass hunter2}}\n"


def _with(facts: Facts, text: str) -> Facts:
    return replace(facts, host_files={**known(facts.host_files), "/srv/monitoring/docker-compose.monitoring.yml": text})


def _sick(what: str, text: str) -> Sick:
    return Sick(what=what, facts=lambda facts: _with(facts, text), severity=Severity.WARNING, says="written out")


CHECK = Check(
    id="security.environment",
    well="no secret is written out in the Compose file",
    reads=("host_files",),
    judge=judge,
    healthy=lambda facts: _with(facts, _WELL),
    sick=(
        _sick("a password among the variables", _MAP),
        _sick("a password in a URL", _LIST),
        _sick("a password in a command", _FLAG),
    ),
)
