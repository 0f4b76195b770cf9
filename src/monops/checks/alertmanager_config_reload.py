"""The last reload of Alertmanager's configuration succeeded.

After a reload that fails Alertmanager goes on with the configuration from before, and says so in its log and in a
metric only. At its next start it does not come up at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from monops.checks._alerting import container_name, container_of, tidy
from monops.checks._healthy import series, with_answers
from monops.checks._reading import flag, label
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts
from monops.domain.finding import Finding, Fix, Severity

FAILED = "alertmanager_config_last_reload_successful == 0"
CONFIG_FILE = "/etc/alertmanager/alertmanager.yml"


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each Alertmanager whose reload failed."""
    for one in facts.answer(FAILED):
        found = container_of(facts, "alertmanager")
        path = (flag(found, "config.file") if found is not None else None) or CONFIG_FILE
        lines = [tidy(line) for line in (found.log if found is not None else ()) if "onfiguration" in line]
        yield Finding(
            severity=Severity.ERROR,
            subject=f"configuration of Alertmanager {label(one, 'instance')}".rstrip(),
            cause="its last reload failed: it goes on with the old one, and would not start on the new one",
            evidence=(f"{FAILED}: 0", *lines[-2:]),
            fix=Fix(
                say="Let amtool name the line, mend it, and reload.",
                command=f"docker exec {container_name(facts, 'alertmanager')} amtool check-config {path}",
            ),
        )


CHECK = Check(
    id="alertmanager.config_reload",
    well="the last reload of its configuration succeeded",
    reads=(),
    queries=(FAILED,),
    needs=("alertmanager", "prometheus"),
    judge=judge,
    sick=(
        Sick(
            what="a configuration with a mistake",
            facts=lambda facts: with_answers(facts, {FAILED: (series(0, instance="alertmanager"),)}),
            severity=Severity.ERROR,
            says="its last reload failed",
        ),
    ),
)
