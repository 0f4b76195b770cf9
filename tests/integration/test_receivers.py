"""`monops receivers` on a running stack: Alertmanager reports what was set, and an alert arrives."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.fixtures import engine_problem
from tests.integration.shipped import NOBODY, free_ports
from tests.integration.stack_bed import Bed, bed
from tests.integration.support import Ran, docker, wait_until
from tests.integration.web import fetch
from tests.integration.webhook import Listener, listener

pytestmark = pytest.mark.engine

SECRET = "T0000000/B0000000/not-for-anybodys-eyes"  # gitleaks:allow
#: Slack's own address, which nobody answers for here.
SLACK = f"https://hooks.slack.com/services/{SECRET}"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """Prometheus and Alertmanager, as they ship."""
    if problem := engine_problem():
        pytest.skip(problem)
    with bed(tmp_path_factory.mktemp("receivers")) as made:
        made.init(only=("prometheus", "alertmanager"))
        made.up()
        yield made


@pytest.fixture
def before(stack: Bed) -> Iterator[str]:
    """`alertmanager.yml` as it ships; at the end it is in force again, without any secret."""
    text = config_file(stack).read_text()
    yield text
    config_file(stack).write_text(text)
    for path in secrets(stack).iterdir():
        path.unlink()
    fetch(f"{stack.url('alertmanager')}/-/reload", method="POST")


@pytest.fixture
def ears(stack: Bed) -> Iterator[Listener]:
    """Where webhooks arrive."""
    with listener(docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge")) as found:
        yield found


def config_file(stack: Bed) -> Path:
    return stack.folder / "alertmanager.yml"


def secrets(stack: Bed) -> Path:
    return stack.folder / "secrets" / "alertmanager"


def receivers(stack: Bed, *words: str | Path, as_json: bool = True, **environment: str) -> Ran:
    """A run that shows no secret, whatever it does."""
    ran = stack.monops.run("receivers", *words, environment=environment, as_json=as_json)
    assert SECRET not in ran.stdout + ran.stderr
    return ran


def changed(stack: Bed, *words: str | Path, **environment: str) -> Ran:
    """A change that must succeed."""
    ran = receivers(stack, *words, "--yes", as_json=True, **environment)
    assert ran.code == 0, ran
    return ran


def in_force(stack: Bed) -> str:
    """The configuration that Alertmanager itself reports."""
    return str(fetch(f"{stack.url('alertmanager')}/api/v2/status")["config"]["original"])


def diff(before: str, after: str) -> list[str]:
    """The lines that differ."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in lines if line[0] in "+-"]


def given(stack: Bed, text: str) -> Path:
    """A secret in a file of the person's own."""
    path = stack.root / "given"
    path.write_text(text + "\n")
    return path


def routes(ran: Ran) -> dict[str, str]:
    return {" > ".join(one["conditions"]): one["receiver"] for one in ran.result["routes"]}


def test_slack_is_set_with_its_address_in_a_file_that_only_alertmanager_reads(stack: Bed, before: str) -> None:
    path = given(stack, SLACK)
    ran = changed(stack, "set", "slack", "--channel", "#ops", "--url-file", path, "--route", "severity=critical")
    assert diff(before, config_file(stack).read_text()) == [
        "+       receiver: slack",
        '-         channel: "#ai-orchestrator-alerts"',
        '+         channel: "#ops"',
    ]
    assert "channel: '#ops'" in in_force(stack)
    assert routes(ran)['{severity="critical"}'] == "slack"
    secret = secrets(stack) / "slack-url"
    assert secret.read_text() == SLACK
    assert (secret.stat().st_uid, secret.stat().st_mode & 0o777) == (NOBODY, 0o600)


def test_history_shows_no_secret_and_is_readable_to_its_owner_alone(stack: Bed, before: str) -> None:
    changed(stack, "set", "slack", MONOPS_RECEIVER_URL=SLACK)
    for words in (("history",), ("history", "--output", "json")):
        ran = stack.monops.run(*words, as_json=False)
        assert ran.code == 0, ran
        assert SECRET not in ran.stdout
    kept = stack.folder / ".monops" / "changes"
    assert kept.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in kept.glob("[0-9]*.json"))
    assert (kept / ".gitignore").read_text() == "*\n"


def test_undo_brings_the_file_the_secret_and_what_is_in_force_back(stack: Bed, before: str) -> None:
    was = in_force(stack)
    changed(stack, "set", "slack", "--channel", "#ops", "--default", MONOPS_RECEIVER_URL=SLACK)
    assert in_force(stack) != was
    ran = stack.monops.run("undo", "--yes")
    assert ran.code == 0, ran
    assert SECRET not in ran.stdout + ran.stderr
    assert config_file(stack).read_text() == before
    assert in_force(stack) == was
    assert not list(secrets(stack).iterdir())


def test_email_is_set_where_its_server_stands_today(stack: Bed, before: str) -> None:
    words = ("--to", "a@example.com", "--from", "b@example.com", "--smarthost", "mail.example.com:25", "--user", "me")
    changed(stack, "set", "email", *words, "--default", MONOPS_RECEIVER_PASSWORD="hunter2-of-mail")
    assert (secrets(stack) / "email-password").read_text() == "hunter2-of-mail"
    found = in_force(stack)
    for line in (
        "smtp_smarthost: mail.example.com:25",
        "smtp_auth_username: me",
        "smtp_auth_password_file: /run/secrets/email-password",
        "to: a@example.com",
        "receiver: email",
    ):
        assert line in found
    assert "hunter2" not in config_file(stack).read_text()


def test_an_alert_reaches_a_webhook_and_nobody_else(stack: Bed, before: str, ears: Listener) -> None:
    url = ears.url("/webhook")
    ran = changed(stack, "set", "webhook", "--url", url, "--route", "severity=critical", "--send-resolved", "--test")
    assert ran.result["test"]["passed"]
    states = [(one.status, one.labels["monops_run"]) for one in ears.notified if "monops_run" in one.labels]
    assert states == [("firing", ran.result["test"]["run"]), ("resolved", ran.result["test"]["run"])]
    # A real alert takes the route, through the running Alertmanager.
    amtool = ("amtool", "--alertmanager.url=http://127.0.0.1:9093")
    docker("exec", stack.container("alertmanager"), *amtool, "alert", "add", "alertname=Real", "severity=critical")
    wait_until(lambda: bool(ears.heard("Real", "firing", {"severity": "critical"})), "the alert at the webhook")


def test_monops_own_listener_is_the_proof(stack: Bed, before: str, ears: Listener) -> None:
    (port,) = free_ports(1)
    changed(stack, "set", "webhook", "--url", f"http://host.docker.internal:{port}/", "--default")
    ran = receivers(stack, "test", "webhook", "--listen", f"{ears.address}:{port}")
    assert ran.code == 0, ran
    assert "arrived at monops's own" in ran.result["integrations"][0]["said"]


def test_a_test_that_fails_says_why_and_leaves_no_container(stack: Bed, before: str, ears: Listener) -> None:
    ears.refused.add("/webhook")
    ran = receivers(
        stack, "set", "webhook", "--url", ears.url("/webhook"), "--default", "--test", "--yes", as_json=False
    )
    assert ran.code == 4, ran
    assert "403" in ran.stdout
    assert "monops undo" in ran.stdout
    assert docker("ps", "-aq", "--filter", f"volume={stack.name}_alertmanager-data").split() == [
        docker("inspect", "-f", "{{slice .Id 0 12}}", stack.container("alertmanager"))
    ]


def test_a_slack_that_takes_it_proves_no_more_than_that(stack: Bed, before: str, ears: Listener) -> None:
    changed(stack, "set", "slack", "--channel", "#ops", MONOPS_RECEIVER_URL=ears.url("/slack"))
    ran = receivers(stack, "test", "slack", as_json=False)
    assert ran.code == 0, ran
    assert "only a look there can prove" in ran.stdout
    assert ears.slack


def test_a_secret_is_never_written_over_that_of_another_receiver(stack: Bed, before: str) -> None:
    for name, url in (("on call", SLACK), ("on-call", "https://hooks.example.com/other")):
        changed(stack, "set", "webhook", "--name", name, MONOPS_RECEIVER_URL=url)
    kept = {path.name: path.read_text() for path in secrets(stack).iterdir()}
    assert kept == {"on-call-url": SLACK, "on-call-url-2": "https://hooks.example.com/other"}
    for name in kept:
        assert f"url_file: /run/secrets/{name}\n" in in_force(stack)


def test_an_edit_by_hand_that_was_never_read_is_put_in_force(stack: Bed, before: str) -> None:
    config_file(stack).write_text(before.replace("#ai-orchestrator-alerts", "#by-hand"))
    assert "#by-hand" not in in_force(stack)
    words = ("set", "slack", "--channel", "#by-hand")
    assert changed(stack, *words, MONOPS_RECEIVER_URL=SLACK).result["changed"]
    config_file(stack).write_text(config_file(stack).read_text().replace("#by-hand", "#again"))
    again = changed(stack, "set", "slack", "--channel", "#again")
    assert (again.result["changed"], again.result["plan"]["edits"]) == (True, [])
    assert "#again" in in_force(stack)
    assert not changed(stack, "set", "slack", "--channel", "#again").result["changed"]


def test_the_password_of_a_proxy_is_shown_by_nobody(stack: Bed, before: str) -> None:
    proxy = f"http_config.proxy_url=http://u:{SECRET.replace('/', '-')}@proxy.example.com:3128"
    ran = changed(stack, "set", "webhook", "--url", "http://a.example.com/", "--set", proxy)
    shown = ran.stdout + ran.stderr + receivers(stack, "show").stdout + stack.monops.run("history").stdout
    assert SECRET.replace("/", "-") not in shown
    assert SECRET.replace("/", "-") in config_file(stack).read_text()
    assert "proxy.example.com:3128" in in_force(stack)


def test_any_other_type_is_passed_through_and_checked_by_the_running_version(stack: Bed, before: str) -> None:
    path = given(stack, "0123456789abcdef")
    words = ("--name", "oncall", "--set", "description=It burns", "--route", "severity=critical")
    changed(stack, "set", "pagerduty", *words, "--secret", f"routing_key={path}")
    found = in_force(stack)
    assert "routing_key_file: /run/secrets/oncall-routing_key" in found
    assert "description: It burns" in found
    ran = receivers(stack, "set", "pagerduty", "--name", "oncall", "--set", "no_such_thing=1", "--yes")
    ran.is_one_error(12, "amtool refuses", "no_such_thing")
    assert "no_such_thing" not in config_file(stack).read_text()


def test_remove_asks_for_the_routes_and_undo_brings_both_back(stack: Bed, before: str) -> None:
    changed(stack, "set", "webhook", "--url", "http://a.example.com/x", "--route", "severity=info")
    text = config_file(stack).read_text()
    receivers(stack, "remove", "webhook", "--yes").is_one_error(1, "routes that lead to webhook")
    ran = changed(stack, "remove", "webhook", "--and-routes")
    assert "nobody hears any more of an alert with severity=info" in " ".join(ran.result["plan"]["warnings"])
    assert "name: webhook" not in in_force(stack)
    assert stack.monops.run("undo", "--yes").code == 0
    assert config_file(stack).read_text() == text
    assert "name: webhook" in in_force(stack)


def test_remove_takes_the_secret_file_too_and_undo_brings_it_back(stack: Bed, before: str) -> None:
    changed(stack, "set", "slack", "--channel", "#ops", "--route", "severity=critical", MONOPS_RECEIVER_URL=SLACK)
    text = config_file(stack).read_text()
    route = '{matchers: [severity="page"], receiver: slack, group_wait: 10s}'
    config_file(stack).write_text(text := text.replace("  routes:\n", f"  routes:\n    - {route}\n", 1))
    fetch(f"{stack.url('alertmanager')}/-/reload", method="POST")
    secret = secrets(stack) / "slack-url"
    ran = changed(stack, "remove", "slack", "--and-routes")
    warned = " ".join(ran.result["plan"]["warnings"])
    assert f"{secret} goes too" in warned
    assert 'the route {severity="page"} stays, because it sets group_wait too' in warned
    assert '{matchers: [severity="page"], group_wait: 10s}' in config_file(stack).read_text()
    assert not secret.exists()
    undone = stack.monops.run("undo", "--yes")
    assert undone.code == 0, undone
    assert SECRET not in undone.stdout + undone.stderr
    assert (config_file(stack).read_text(), secret.read_text()) == (text, SLACK)
    assert (secret.stat().st_uid, secret.stat().st_mode & 0o777) == (NOBODY, 0o600)


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (("set", "slak"), 2, ("slak", "Did you mean 'slack'")),
        (("set", "webhook", "--url", "htp:/x"), 2, ("no address",)),
        (("set", "webhook", "--url", "http://u:hunter2@a/x"), 2, ("holds a secret",)),
        (("set", "slack", "--url", "https://hooks.slack.com/services/x"), 2, ("has no --url",)),
        (("set", "slack", "--url-file", "/no/such/file"), 12, ("cannot be read",)),
        (("set", "slack"), 2, ("nobody is at a terminal to ask",)),
        (("set", "pagerduty", "--set", "routing_key=abc"), 2, ("routing_key is a secret",)),
        (("set", "pagerduty", "--set", "routing_key_file=/run/secrets/none"), 1, ("there is no secret",)),
        (("set", "email", "--to", "nobody"), 2, ("no address of mail",)),
        (("set", "email", "--smarthost", "x"), 2, ("HOST:PORT",)),
        (("set", "webhook", "--url", "http://a/x", "--route", "critical"), 2, ("no matcher",)),
        (("remove", "webhok"), 10, ("Did you mean 'webhook'",)),
        (("remove", "nobody"), 1, ("another must take its place",)),
        (("test", "nobody"), 10, ("tells nobody",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_is_wrong_is_said_before_anything_changes(
    stack: Bed, before: str, words: tuple[str, ...], code: int, parts: tuple[str, ...]
) -> None:
    ran = receivers(stack, *words, *(["--yes"] if words[0] != "test" else []), as_json=False)
    ran.is_one_error(code, *parts)
    assert "hunter2" not in ran.stderr
    assert config_file(stack).read_text() == before


def test_what_amtool_misses_is_in_the_command_that_is_the_remedy(stack: Bed, before: str) -> None:
    ran = receivers(stack, "set", "telegram", "--default", "--yes", as_json=False)
    ran.is_one_error(12, "amtool refuses the setting chat_id")
    assert ran.remedies == ["monops receivers set telegram --default --set chat_id=CHAT_ID"]
    words = ("set", "telegram", "--set", "chat_id=somebody", "--default")
    ran = receivers(stack, *words, "--yes", as_json=False)
    ran.is_one_error(12, "amtool refuses the setting chat_id", "cannot unmarshal")
    assert ran.remedies == ["monops receivers set telegram --set chat_id=10 --default"]
    assert config_file(stack).read_text() == before


def test_without_a_terminal_and_without_yes_nothing_changes(stack: Bed, before: str) -> None:
    words = ("set", "webhook", "--url", "http://a.example.com/x", "--no-send-resolved", "--route", "severity=info")
    ran = receivers(stack, *words, as_json=False)
    ran.is_one_error(2, "nobody is at a terminal")
    assert ran.remedies == [f"monops receivers {' '.join(words[:4])} --no-send-resolved --route severity=info --yes"]
    assert config_file(stack).read_text() == before


def test_a_dry_run_shows_the_diff_and_changes_nothing(stack: Bed, before: str) -> None:
    ran = receivers(stack, "set", "slack", "--channel", "#ops", "--dry-run", as_json=False, MONOPS_RECEIVER_URL=SLACK)
    assert ran.code == 0, ran
    assert re.search(r'^ *\+ +channel: "#ops"$', ran.stdout, re.MULTILINE)
    assert "(a secret, not shown)" in ran.stdout
    assert config_file(stack).read_text() == before
    assert not list(secrets(stack).iterdir())


def test_a_reload_that_is_refused_is_taken_back(stack: Bed, before: str) -> None:
    """What amtool does not look at: whether a certificate is one."""
    certificate = secrets(stack) / "ca"
    certificate.write_text("not a certificate")
    certificate.chmod(0o644)
    was = in_force(stack)
    words = ("--url", "http://a.example.com/x", "--set", "http_config.tls_config.ca_file=/run/secrets/ca", "--default")
    ran = receivers(stack, "set", "webhook", *words, "--yes", as_json=False)
    ran.is_one_error(1, "refuses its configuration", "CA cert", "the change was taken back")
    assert config_file(stack).read_text() == before
    assert in_force(stack) == was


def test_the_form_of_the_setup_document_is_edited_in_its_own_words(stack: Bed, before: str) -> None:
    text = (
        "global:\n  slack_api_url: 'https://hooks.slack.com/services/YOUR/WEBHOOK/URL'\n\n"
        "route:\n  receiver: 'slack-notifications'\n\nreceivers:\n  - name: 'slack-notifications'\n"
        "    slack_configs:\n      - channel: '#ai-orchestrator-alerts'\n        title: 'AI Orchestrator Alert'\n"
    )
    config_file(stack).write_text(text)
    fetch(f"{stack.url('alertmanager')}/-/reload", method="POST")
    changed(stack, "set", "slack", "--name", "slack-notifications", "--channel", "#ops")
    assert config_file(stack).read_text() == text.replace("#ai-orchestrator-alerts", "#ops")
    assert "channel: '#ops'" in in_force(stack)


def test_a_stopped_alertmanager_is_named(stack: Bed, before: str) -> None:
    docker("stop", "-t", "2", stack.container("alertmanager"))
    try:
        ran = receivers(stack, "set", "webhook", "--url", "http://a.example.com/x", "--yes", as_json=False)
        ran.is_one_error(10, "is exited")
        assert config_file(stack).read_text() == before
    finally:
        docker("start", stack.container("alertmanager"))
        wait_until(lambda: _answers(stack), "Alertmanager")


def _answers(stack: Bed) -> bool:
    try:
        return bool(fetch(f"{stack.url('alertmanager')}/api/v2/status"))
    except OSError:
        return False


def test_show_says_which_secrets_are_missing(stack: Bed, before: str) -> None:
    ran = receivers(stack, "show")
    assert ran.code == 0, ran
    found = {one["name"]: one for one in ran.result["receivers"]}
    assert found["slack"]["secrets"] == "/run/secrets/slack-url (missing)"
    assert found["nobody"]["kinds"] == []
    assert ran.result["not_in_force"] == []
    assert os.path.samefile(ran.result["file"], config_file(stack))
