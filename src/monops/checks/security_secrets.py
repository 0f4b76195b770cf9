"""No secret is written out in the configuration of Prometheus and Alertmanager.

Configuration goes into git, into backups and into questions to others. Every secret there has a sister key that names
a file instead: `password_file`, `credentials_file`, `api_url_file`. Addresses of Slack, Discord and Teams are secrets
too: whoever knows them can write. Source: prometheus.io, configuration pages of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from monops.checks._healthy import ALERTMANAGER_CONFIG
from monops.checks._secrets import parsed, written_out
from monops.domain.check import Check, Sick
from monops.domain.facts import Facts, IsUnknown, Unknown, known
from monops.domain.finding import Finding, Fix, Severity

#: Keys by which a file is one of the two's.
_THEIRS = frozenset({"scrape_configs", "receivers", "remote_write", "remote_read", "alerting"})


def judge(facts: Facts) -> Iterator[Finding]:
    """One finding for each place. Unknown where neither's configuration was read."""
    texts = known(facts.host_files)
    theirs = {path: found for path, text in texts.items() if _THEIRS & (found := parsed(text)).keys()}
    if not theirs:
        raise IsUnknown(Unknown("the configuration is not among the files that were read"))
    for path, found in theirs.items():
        for where, key in written_out(found):
            yield Finding(
                severity=Severity.WARNING,
                subject=f"{path.rsplit('/', 1)[-1]}: {where}",
                cause="a secret is written out there, for whoever reads the file, its repository or a backup",
                evidence=(f"{path}: {where} holds it itself",),
                fix=Fix(
                    say=f"Write it into a file that only its service can read, and name that file with {key}_file."
                ),
            )


def _with(facts: Facts, name: str, text: str) -> Facts:
    return replace(facts, host_files={**known(facts.host_files), f"/srv/monitoring/{name}": text})


_AUTHORIZED = """\
scrape_configs:
- job_name: api
  authorization:
    credentials: hunter2
"""
_SLACK = """\
receivers:
- name: slack
  slack_configs:
  - api_url: https://hooks.slack.com/services/T0/B0/X
"""
_URL = """\
remote_write:
- url: https://me:hunter2@example.org/push
"""

CHECK = Check(
    id="security.secrets",
    well="no secret is written out in the configuration",
    reads=("host_files",),
    judge=judge,
    healthy=lambda facts: _with(facts, "alertmanager.yml", ALERTMANAGER_CONFIG),
    sick=(
        Sick(
            what="a token in prometheus.yml",
            facts=lambda facts: _with(facts, "prometheus.yml", _AUTHORIZED),
            severity=Severity.WARNING,
            says="written out",
        ),
        Sick(
            what="an address of Slack in alertmanager.yml",
            facts=lambda facts: _with(facts, "alertmanager.yml", _SLACK),
            severity=Severity.WARNING,
            says="written out",
        ),
        Sick(
            what="a password in a URL",
            facts=lambda facts: _with(facts, "prometheus.yml", _URL),
            severity=Severity.WARNING,
            says="written out",
        ),
    ),
)
