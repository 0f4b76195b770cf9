"""The password in the stack's secrets opens Grafana.

Grafana takes the first password from the file or variable only when its database is made. Changed there later, or
changed in Grafana, the two differ: whoever reads the secret cannot log in, and neither can monops.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._alerting import container_name
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, known
from monops.domain.finding import Finding, Fix, Risk, Severity


def judge(facts: Facts) -> Iterator[Finding]:
    """The login is refused, or does not work."""
    status = known(facts.grafana_login)
    if status == 200:
        return
    if status == 401:
        name = container_name(facts, "grafana")
        yield Finding(
            severity=Severity.ERROR,
            subject="login of Grafana",
            cause="the password that the stack's secrets name is not Grafana's",
            evidence=(f"/api/org: HTTP {status}",),
            fix=Fix(
                say="Set Grafana's password to the one in the secret, or put Grafana's there.",
                command=f"docker exec -i {name} grafana cli admin reset-admin-password --password-from-stdin"
                " < secrets/grafana/admin-password",
                risk=Risk.SAFE,
            ),
        )
    elif status == 403:
        yield Finding(
            severity=Severity.ERROR,
            subject="login of Grafana",
            cause="the user that monops logs in as may not look at the organisation",
            evidence=(f"/api/org: HTTP {status}",),
            fix=Fix(say="Give monops an administrator's password or token."),
        )
    else:
        yield Finding(
            severity=Severity.WARNING,
            subject="login of Grafana",
            cause=f"Grafana answers a login with HTTP {status}, so nobody can tell whether the password is right",
            evidence=(f"/api/org: HTTP {status}",),
            fix=Fix(say="Read in its log why.", command="monops stack logs grafana"),
        )


CHECK = Check(
    id="grafana.login",
    well="the password in the stack's secrets opens it",
    reads=("grafana_login",),
    needs=("grafana",),
    judge=judge,
    sick=(
        Sick(
            what="a password that was changed in Grafana",
            facts=lambda facts: replace(facts, grafana_login=401),
            severity=Severity.ERROR,
            says="is not Grafana's",
        ),
        Sick(
            what="a user without rights",
            facts=lambda facts: replace(facts, grafana_login=403),
            severity=Severity.ERROR,
            says="may not look",
        ),
        Sick(
            what="an error of Grafana",
            facts=lambda facts: replace(facts, grafana_login=500),
            severity=Severity.WARNING,
            says="HTTP 500",
        ),
    ),
)
