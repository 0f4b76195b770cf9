"""The commands that findings give can be run as they stand, from any folder."""

from __future__ import annotations

import shlex
from dataclasses import replace

from monops.checks import all_checks
from monops.checks._healthy import HEALTHY, WATCHDOG, with_container
from monops.checks.grafana_data_source_url import with_source
from monops.domain.diagnosis import diagnose
from monops.domain.facts import Facts, SeenContainer, known


def command(check_id: str, facts: Facts) -> str:
    check = next(one for one in all_checks() if one.id == check_id)
    (finding,) = diagnose([check], facts).outcomes[0].findings
    assert finding.fix is not None
    return finding.fix.command


def test_what_prometheus_scrapes_is_told_by_a_command_that_there_is() -> None:
    assert command("grafana.has_data", with_source(HEALTHY, up_series=0)) == "monops targets"


def test_a_container_is_made_anew_from_every_file_that_it_was_made_from() -> None:
    more = {
        "com.docker.compose.project.config_files": "/srv/a b.yml,/srv/b.yml",
        "com.docker.compose.project.environment_file": "/srv/.env",
    }

    def labelled(one: SeenContainer) -> SeenContainer:
        return replace(one, container=replace(one.container, labels={**one.container.labels, **more}))

    # Of processors the file has no limit, which cannot be said to docker update.
    model = dict(known(HEALTHY.compose_model))
    model["services"] = {**model["services"], "grafana": {"deploy": {"resources": {"limits": {"memory": "512M"}}}}}
    facts = replace(with_container(HEALTHY, "grafana", labelled), compose_model=model)
    assert command("stack.limits_drift", facts) == (
        "docker compose --project-name monitoring --project-directory /srv/monitoring --file '/srv/a b.yml' "
        "--file /srv/b.yml --env-file /srv/.env up --detach --force-recreate grafana"
    )


def test_an_expression_with_quotes_is_one_word() -> None:
    expr = "absent(up{job='nobody'})"
    watchdog = replace(WATCHDOG, expr=expr, state="inactive")
    group = known(HEALTHY.prometheus_rules)[0]
    facts = replace(HEALTHY, prometheus_rules=(replace(group, rules=(watchdog,)),), prometheus_alerts=())
    assert shlex.split(command("alerts.watchdog", facts)) == ["monops", "query", expr]
