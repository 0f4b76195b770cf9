"""What fires: Prometheus's view and Alertmanager's, as one list."""

from __future__ import annotations

import pytest
from tests.fakes.fake_live import GONE, FakeAlertmanager, FakeLiveServices, FakeQueries, LiveWorld

from monops.domain.errors import MonopsError, ServiceUnreachable
from monops.domain.ports import RoutedAlert, RuleAlert
from monops.ops.alerts_list import AlertLine, AlertList, joined, list_alerts

#: What Prometheus adds to every alert that it sends on.
EXTERNAL = {"monitor": "monitoring"}


def rule(name: str, severity: str = "warning", *, state: str = "firing", **labels: str) -> RuleAlert:
    return RuleAlert(
        labels={"alertname": name, "severity": severity, **labels},
        annotations={"summary": f"{name} of Prometheus"},
        state=state,
        active_at="2026-11-23T01:02:03.123456789Z",
        value="1e+00",
    )


def routed(
    name: str,
    severity: str = "warning",
    *,
    silenced_by: tuple[str, ...] = (),
    inhibited_by: tuple[str, ...] = (),
    **labels: str,
) -> RoutedAlert:
    return RoutedAlert(
        labels={"alertname": name, "severity": severity, **EXTERNAL, **labels},
        annotations={"summary": f"{name} of Alertmanager"},
        state="suppressed" if silenced_by or inhibited_by else "active",
        silenced_by=silenced_by,
        inhibited_by=inhibited_by,
        receivers=("slack", "email"),
        starts_at="2026-11-23T01:03:00.5Z",
    )


def one(lines: tuple[AlertLine, ...]) -> AlertLine:
    (line,) = lines
    return line


def asked(
    rules: tuple[RuleAlert, ...] = (),
    routes: tuple[RoutedAlert, ...] = (),
    *,
    prometheus: MonopsError | None = None,
    alertmanager: MonopsError | None = None,
) -> AlertList:
    services = FakeLiveServices(FakeQueries(rules, fault=prometheus), FakeAlertmanager(routes, alertmanager))
    return list_alerts(LiveWorld(services=services).live())


def test_an_alert_that_both_know_is_one_line_with_the_view_of_each() -> None:
    line = one(joined((rule("HighLatency", provider="claude"),), (routed("HighLatency", provider="claude"),)))
    assert (line.name, line.severity, line.state) == ("HighLatency", "warning", "firing")
    assert line.labels == {"provider": "claude", "monitor": "monitoring"}
    assert line.annotations == {"summary": "HighLatency of Prometheus"}
    assert (line.value, line.since) == ("1e+00", "2026-11-23T01:02:03.123456789Z")
    assert line.receivers == ("slack", "email")
    assert line.seen_by == ("prometheus", "alertmanager")
    assert line.muted_by == ()


def test_alerts_of_one_rule_are_kept_apart_by_their_labels() -> None:
    lines = joined(
        (rule("HighLatency", provider="claude"), rule("HighLatency", provider="gemini")),
        (routed("HighLatency", provider="gemini", silenced_by=("s1",)), routed("HighLatency", provider="claude")),
    )
    assert {line.labels["provider"]: line.state for line in lines} == {"claude": "firing", "gemini": "silenced"}
    assert all(line.seen_by == ("prometheus", "alertmanager") for line in lines)


@pytest.mark.parametrize("turn", [1, -1])
def test_an_alert_whose_labels_are_all_another_s_too_does_not_take_its_place(turn: int) -> None:
    rules = (rule("ServiceDown"), rule("ServiceDown", job="quota"))[::turn]
    both = joined(rules, (routed("ServiceDown", job="quota", silenced_by=("s1",)), routed("ServiceDown"))[::turn])
    assert {line.labels.get("job"): line.state for line in both} == {"quota": "silenced", None: "firing"}
    # The one without a job has not arrived yet.
    late = joined(rules, (routed("ServiceDown", job="quota", silenced_by=("s1",)),))
    assert {line.labels.get("job"): (line.state, line.seen_by) for line in late} == {
        "quota": ("silenced", ("prometheus", "alertmanager")),
        None: ("firing", ("prometheus",)),
    }


def test_a_pending_alert_is_prometheus_s_alone() -> None:
    line = one(joined((rule("HighLatency", state="pending"),), ()))
    assert (line.state, line.seen_by, line.receivers) == ("pending", ("prometheus",), ())


def test_an_alert_that_has_ended_and_comes_again_is_pending_and_still_firing() -> None:
    lines = joined((rule("HighLatency", state="pending"),), (routed("HighLatency"),))
    assert [(line.state, line.seen_by) for line in lines] == [
        ("firing", ("alertmanager",)),
        ("pending", ("prometheus",)),
    ]


def test_a_silenced_alert_names_its_silences() -> None:
    line = one(joined((rule("HighLatency"),), (routed("HighLatency", silenced_by=("s1", "s2")),)))
    assert (line.state, line.muted_by) == ("silenced", ("s1", "s2"))


def test_an_inhibited_alert_names_what_inhibits_it() -> None:
    line = one(joined((rule("HighErrorRate"),), (routed("HighErrorRate", inhibited_by=("f1",)),)))
    assert (line.state, line.muted_by) == ("inhibited", ("f1",))


def test_an_alert_that_is_both_is_silenced_since_that_is_a_person_s_doing() -> None:
    line = one(joined((), (routed("HighErrorRate", silenced_by=("s1",), inhibited_by=("f1",)),)))
    assert (line.state, line.muted_by) == ("silenced", ("s1", "f1"))


def test_an_alert_from_elsewhere_is_shown_too() -> None:
    line = one(joined((), (routed("FromElsewhere", team="other"),)))
    assert (line.state, line.seen_by, line.value) == ("firing", ("alertmanager",), "")
    assert (line.since, line.annotations) == (
        "2026-11-23T01:03:00.5Z",
        {"summary": "FromElsewhere of Alertmanager"},
    )


def test_the_worst_comes_first() -> None:
    lines = joined(
        (
            rule("Pending", "critical", state="pending"),
            rule("Watchdog", "none"),
            rule("B", "warning"),
            rule("A", "warning", provider="y"),
            rule("A", "warning", provider="x"),
            rule("Unheard", "of"),
            rule("Worst", "critical"),
            rule("Silenced", "critical"),
        ),
        (routed("Silenced", "critical", silenced_by=("s1",)),),
    )
    assert [(line.name, line.labels.get("provider", "")) for line in lines] == [
        ("Worst", ""), ("A", "x"), ("A", "y"), ("B", ""), ("Watchdog", ""), ("Unheard", ""), ("Pending", ""),
        ("Silenced", ""),
    ]  # fmt: skip


def test_both_answer() -> None:
    found = asked((rule("HighLatency"),), (routed("HighLatency"),))
    assert one(found.lines).seen_by == ("prometheus", "alertmanager")
    assert found.unknown == {}


def test_without_alertmanager_what_prometheus_knows_is_shown_and_the_rest_unknown() -> None:
    found = asked((rule("HighLatency"), rule("Slow", state="pending")), alertmanager=GONE)
    assert [(line.name, line.state, line.seen_by) for line in found.lines] == [
        ("HighLatency", "firing", ("prometheus",)),
        ("Slow", "pending", ("prometheus",)),
    ]
    assert found.unknown == {"alertmanager": GONE}


def test_without_prometheus_what_alertmanager_has_is_shown_and_the_rest_unknown() -> None:
    found = asked(routes=(routed("HighLatency", silenced_by=("s1",)),), prometheus=GONE)
    assert [(line.name, line.state, line.seen_by) for line in found.lines] == [
        ("HighLatency", "silenced", ("alertmanager",))
    ]
    assert found.unknown == {"prometheus": GONE}


def test_where_nobody_answers_it_is_an_error_and_no_empty_list() -> None:
    with pytest.raises(ServiceUnreachable, match="nobody answers"):
        asked(prometheus=GONE, alertmanager=ServiceUnreachable("not this one", remedy="-"))


def test_no_alert_is_an_empty_list() -> None:
    assert asked() == AlertList(lines=(), unknown={})
