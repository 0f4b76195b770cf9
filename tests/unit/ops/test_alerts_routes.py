"""Whether an alert of a test reaches the test's receiver alone, and who hears of any other."""

from __future__ import annotations

import pytest

from monops.domain.errors import ConfigurationError, MonopsError, Refused
from monops.domain.exits import Exit
from monops.domain.routing import read_routing
from monops.ops import alerts_test as trials
from monops.ops.alerts_routes import routes_for

LABELS = {"alertname": "MonopsSyntheticTest", "monops_test": "true", "severity": "critical"}
CONFIG = """
route:
  receiver: team
  routes:
    - matchers: [monops_test="true"]
      receiver: monops-test
      group_wait: 0s
    - matchers: [severity="critical"]
      receiver: pager
      repeat_interval: 1h
receivers:
  - name: team
  - name: pager
    slack_configs: [{api_url_file: /x}]
  - name: monops-test
    webhook_configs: [{url: http://host.docker.internal:9096/}]
"""


def test_the_test_route_alone_takes_a_test() -> None:
    assert trials.test_receiver(read_routing(CONFIG), LABELS) == "monops-test"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('matchers: [monops_test="true"]', 'matchers: [other="true"]'), "would go to pager"),
        (("group_wait: 0s", "group_wait: 0s\n      continue: true"), "monops-test, pager"),
        (('matchers: [monops_test="true"]', 'matchers: [severity=~".+"]'), "no route for tests"),
        (("webhook_configs: [{url: http://host.docker.internal:9096/}]", "email_configs: [{to: a@b}]"), "no webhook"),
    ],
)
def test_without_a_route_of_its_own_people_are_not_paged(change: tuple[str, str], says: str) -> None:
    with pytest.raises(Refused) as refused:
        trials.test_receiver(read_routing(CONFIG.replace(*change)), LABELS)
    assert says in refused.value.message
    assert 'monops_test="true"' in refused.value.remedy


def test_the_advice_is_itself_a_test_route() -> None:
    advice = read_routing(trials.ADVICE.replace("route:\n", "route:\n  receiver: monops-test\n", 1))
    assert trials.test_receiver(advice, LABELS) == "monops-test"


def test_routes_name_the_receiver_its_kinds_and_the_conditions_from_the_top() -> None:
    (taken,) = routes_for(CONFIG, {"severity": "critical"})
    assert (taken.receiver, taken.kinds, taken.repeat_interval) == ("pager", ("slack",), "1h")
    assert taken.conditions == ("any alert", '{severity="critical"}')
    (nobody,) = routes_for(CONFIG, {"severity": "info"})
    assert (nobody.receiver, nobody.kinds) == ("team", ())


def test_what_is_no_configuration_is_said_with_a_remedy() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        routes_for("route: 1", {})


def test_a_regular_expression_that_go_alone_knows_is_no_fault_of_the_configuration() -> None:
    config = CONFIG.replace('severity="critical"', r'team=~"(?U)a+"')
    with pytest.raises(MonopsError, match="nobody but Alertmanager can tell") as failed:
        routes_for(config, {"severity": "very critical"})
    assert failed.value.exit is Exit.FAILED
    assert failed.value.remedy.endswith("config routes test 'severity=very critical'")


def test_regular_expressions_as_go_writes_them_are_evaluated() -> None:
    config = CONFIG.replace('severity="critical"', r'severity=~"cri(?i)TICAL\\z"')
    (taken,) = routes_for(config, {"severity": "critical"})
    assert taken.receiver == "pager"
