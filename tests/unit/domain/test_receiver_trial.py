"""A receiver alone in an Alertmanager of its own, and what that one's log says."""

from __future__ import annotations

import pytest
import yaml

from monops.domain.errors import NotFound, UsageFault
from monops.domain.receiver_trial import outcome, took, trial_config
from monops.domain.receivers import check_kind, check_matchers, check_open_url, read_settings

TEXT = """\
global: {smtp_smarthost: 'a:25', smtp_auth_password_file: secrets/mail}
templates: ['templates/*.tmpl']
route: {receiver: nobody, routes: [{receiver: both, matchers: [severity="critical"]}]}
receivers:
  - name: nobody
  - name: both
    slack_configs: [{channel: '#ops', api_url_file: /run/secrets/slack-url, send_resolved: true}]
    email_configs: [{to: a@b.c}]
    webhook_configs: [{url: 'http://x/'}]
inhibit_rules: [{source_matchers: [a="b"], target_matchers: [c="d"]}]
"""
#: As Alertmanager 0.33.1 wrote them.
TOOK = 'time=… level=DEBUG source=retry_stage.go:176 msg="Notify success" component=dispatcher receiver=both attempts=1'
RETRIES = (
    'time=… level=WARN msg="Notify attempt failed, will retry later" component=dispatcher receiver="both 2" '
    'integration=email[0] attempts=1 err="dial tcp: lookup nosuch.example on 127.0.0.11:53: no such host"'
)
FAILED = (
    'time=… level=ERROR msg="Notify for alerts failed" component=dispatcher num_alerts=1 '
    'err="both/webhook[0]: notify retry canceled due to unrecoverable error after 1 attempts: '
    'unexpected status code 403"'
)


def test_only_this_receiver_is_in_it_and_each_of_its_ways_has_a_route_of_its_own() -> None:
    text, ways = trial_config(TEXT, "both", "/etc/alertmanager")
    found = yaml.safe_load(text)
    assert [one["name"] for one in found["receivers"]] == ["both", "both 2", "both 3"]
    assert found["route"]["routes"] == [
        {"receiver": name, "continue": True} for name in ("both", "both 2", "both 3")
    ]  # fmt: skip
    assert "inhibit_rules" not in found
    assert [(one.kind, one.where, one.send_resolved) for one in ways] == [
        ("slack", "#ops", True), ("email", "a@b.c", False), ("webhook", "", True)
    ]  # fmt: skip


def test_paths_are_meant_from_where_the_real_configuration_is() -> None:
    found = yaml.safe_load(trial_config(TEXT, "both", "/etc/alertmanager")[0])
    assert found["templates"] == ["/etc/alertmanager/templates/*.tmpl"]
    assert found["global"]["smtp_auth_password_file"] == "/etc/alertmanager/secrets/mail"
    assert found["receivers"][0]["slack_configs"][0]["api_url_file"] == "/run/secrets/slack-url"


def test_a_receiver_that_tells_nobody_or_is_none_cannot_be_tried() -> None:
    with pytest.raises(NotFound, match="tells nobody"):
        trial_config(TEXT, "nobody", "/")
    with pytest.raises(NotFound, match="Did you mean 'both'"):
        trial_config(TEXT, "boht", "/")


def test_the_log_tells_what_arrived_what_is_tried_again_and_what_failed() -> None:
    assert outcome([TOOK], "both").arrived is True
    assert outcome([TOOK], "both", nth=2).arrived is None
    assert outcome([TOOK, TOOK], "both", nth=2).arrived is True
    assert outcome([TOOK], "both 2").arrived is None
    again = outcome([TOOK, RETRIES], "both 2")
    assert (again.arrived, again.is_final) == (False, False)
    assert "no such host" in again.error
    failed = outcome([FAILED], "both")
    assert (failed.error, failed.is_final) == ("unexpected status code 403", True)
    assert outcome([], "both").arrived is None


def test_a_retry_that_succeeds_is_a_success() -> None:
    assert outcome([RETRIES.replace('"both 2"', "both"), TOOK], "both").arrived is True


def test_an_address_in_an_error_is_not_shown() -> None:
    line = 'msg="Notify attempt failed, will retry later" receiver=x err="Post \\"https://h/secret\\": EOF"'
    assert outcome([line], "x").error == 'Post "<redacted>": EOF'


def test_it_says_what_only_a_person_can_see() -> None:
    _, ways = trial_config(TEXT, "both", "/")
    assert "#ops" in took(ways[0])
    assert "inbox" in took(ways[1])


# --- what a person may say -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["http://u:hunter2@a/x", "https://a/x?key=hunter2", "https://hooks.slack.com/services/T/B/hunter2",
     "https://a/hooks/hunter2abcdefghij0123"],
)  # fmt: skip
def test_an_address_with_a_secret_is_no_argument(url: str) -> None:
    with pytest.raises(UsageFault, match="secret") as caught:
        check_open_url(url)
    assert "hunter2" not in caught.value.message + caught.value.remedy


def test_a_plain_address_may_be_one() -> None:
    assert check_open_url("http://your-webhook-url/alerts") == "http://your-webhook-url/alerts"


def test_settings_are_read_as_yaml_has_them_and_secrets_are_refused() -> None:
    words = ["a.b=true", "c=5", "d=it burns: x", "e=[x, y]", "f=#ops", "g={{ .X }}", "h={a: 1}", "i="]
    assert read_settings(words) == {
        ("a", "b"): True, ("c",): 5, ("d",): "it burns: x", ("e",): ["x", "y"], ("f",): "#ops", ("g",): "{{ .X }}",
        ("h",): {"a": 1}, ("i",): "",
    }  # fmt: skip
    with pytest.raises(UsageFault, match="routing_key is a secret") as caught:
        read_settings(["routing_key=hunter2"])
    assert "hunter2" not in caught.value.message + caught.value.remedy
    with pytest.raises(UsageFault, match="NAME=VALUE"):
        read_settings(["nothing"])


def test_conditions_are_written_as_alertmanager_does() -> None:
    assert check_matchers('severity=critical, team=~"a|b"') == 'severity="critical", team=~"a|b"'
    for wrong in ("critical", "", "a=~'['"):
        with pytest.raises(UsageFault, match="--route"):
            check_matchers(wrong)


def test_a_type_is_a_word() -> None:
    assert check_kind("slack") == "slack"
    with pytest.raises(UsageFault, match="no type"):
        check_kind("Slack!")


@pytest.mark.parametrize(
    "text", ["+4915112345678", "0123", "12:30", "1_000", "0x1f", "2001-99-99", "2001-01-01", "1.10"]
)
def test_text_that_looks_like_a_number_stays_as_it_is(text: str) -> None:
    assert read_settings([f"phone_number={text}"]) == {("phone_number",): text}
    assert read_settings([f"phones=[{text}]"]) == {("phones",): [text]}


def test_numbers_switches_and_what_is_in_brackets_are_meant() -> None:
    words = ["a=10", "b=0.5", "c=true", "d=-3", "e=[1, '2', {f: no, g: null, h: x y}]", "i={{ .X }}", "j=[]"]
    assert list(read_settings(words).values()) == [
        10, 0.5, True, -3, [1, "2", {"f": False, "g": None, "h": "x y"}], "{{ .X }}", []
    ]  # fmt: skip


@pytest.mark.parametrize(
    "word",
    [
        "http_config={basic_auth: {username: u, password: hunter2}}",
        "http_config={http_headers: {X-Key: {secrets: [hunter2]}}}",
        "url=http://u:hunter2@h/",
    ],
)
def test_a_secret_in_brackets_or_in_an_address_is_not_typed_either(word: str) -> None:
    with pytest.raises(UsageFault, match="is a secret") as caught:
        read_settings([word])
    assert "hunter2" not in caught.value.message + caught.value.remedy
