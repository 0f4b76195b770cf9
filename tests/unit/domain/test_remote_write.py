"""Remote write: which entry is meant, what of it changes, and what metrics and log say of a queue."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from monops.domain.errors import NotFound, Refused, UsageFault
from monops.domain.exposition import read
from monops.domain.remote_write import (
    Queue,
    check_url,
    complaints,
    named,
    position,
    queues,
    readings,
    with_remote,
    without_remote,
)

FILE = "prometheus.yml"
URL = "http://storage:8428/api/v1/write"
TEXT = f"""\
global: {{scrape_interval: 15s}}
remote_write:
  # The old one.
  - url: "{URL}"
    basic_auth:
      username: "u"
      password: "in-clear"
  - url: http://other/write
    name: other
"""
METRICS = f"""\
prometheus_remote_storage_highest_timestamp_in_seconds 1.000e+03
prometheus_remote_storage_samples_total{{remote_name="a",url="{URL}"}} 1000
prometheus_remote_storage_samples_retried_total{{remote_name="a",url="{URL}"}} 100
prometheus_remote_storage_samples_failed_total{{remote_name="a",url="{URL}"}} 300
prometheus_remote_storage_samples_dropped_total{{reason="too_old",remote_name="a",url="{URL}"}} 2
prometheus_remote_storage_samples_dropped_total{{reason="unintentional_drop",remote_name="a",url="{URL}"}} 3
prometheus_remote_storage_samples_pending{{remote_name="a",url="{URL}"}} 7
prometheus_remote_storage_shards{{remote_name="a",url="{URL}"}} 1
prometheus_remote_storage_shards_max{{remote_name="a",url="{URL}"}} 50
prometheus_remote_storage_queue_highest_sent_timestamp_seconds{{remote_name="a",url="{URL}"}} 970
"""
#: As Prometheus 3.5.3 wrote them.
LOG = f"""\
time=2026-11-23T09:29:09.366Z level=ERROR source=queue_manager.go:1668 msg="non-recoverable error" component=remote \
remote_name=a url={URL} failedSampleCount=957 err="server returned HTTP status 401 Unauthorized: \\n"
time=2026-11-23T09:29:09.396Z level=WARN source=queue_manager.go:2027 msg="Failed to send batch, retrying" \
component=remote remote_name=b url={URL} err="Post \\"{URL}\\": dial tcp 172.20.0.4:1: connect: connection refused"
time=2026-11-23T09:29:09.400Z level=INFO msg="Done replaying WAL" component=remote remote_name=a duration=2s
""".splitlines()


def test_a_queue_is_read_from_the_metrics() -> None:
    (queue,) = queues(read(METRICS))
    assert (queue.name, queue.taken, queue.failed, queue.dropped, queue.pending) == ("a", 600, 300, 5, 7)
    assert (queue.lag, queue.state, queue.shards_max) == (30, "sends", 50)


def test_a_queue_that_is_minutes_late_is_behind_and_one_without_samples_waits() -> None:
    assert Queue(name="a", url=URL, sent_until=100, newest=400).state == "behind"
    assert Queue(name="a", url=URL).state == "waits for samples"
    assert Queue(name="a", url=URL, pending=5).state == "sends nothing yet"


def test_only_what_came_since_is_counted() -> None:
    before = Queue(name="a", url=URL, tried=500, failed=500, sent_until=90)
    now = Queue(name="a", url=URL, tried=700, failed=500, sent_until=95, newest=96)
    assert (now.since(before).taken, now.since(before).failed, now.since(before).sent_until) == (200, 0, 95)
    assert before.since(before).sent_until == 0


def test_the_reason_is_in_the_log_and_short() -> None:
    (one,) = complaints(LOG, Queue(name="a", url=URL))
    assert (one.error, one.is_final) == ("server returned HTTP status 401 Unauthorized", True)
    assert one.at == datetime(2026, 11, 23, 9, 29, 9, 366000, tzinfo=UTC)
    (other,) = complaints(LOG, Queue(name="b", url=URL))
    assert (other.error, other.is_final) == ("dial tcp 172.20.0.4:1: connect: connection refused", False)


def test_a_log_in_json_is_read_as_well() -> None:
    line = '{"time":"2026-11-23T09:29:09Z","msg":"Failed to send batch, retrying","remote_name":"a","err":"x"}'
    assert [one.error for one in complaints([line, "{broken", "plain"], Queue(name="a", url=URL))] == ["x"]


def test_an_entry_is_known_by_its_name_or_its_address() -> None:
    assert position(TEXT, url=URL, name=None, file=FILE) == 0
    assert position(TEXT, url="http://new/write", name="other", file=FILE) == 1
    assert position(TEXT, url="http://new/write", name=None, file=FILE) is None
    # A name for one that had none.
    assert position(TEXT, url=URL, name="longterm", file=FILE) == 0
    # Another one to the same address.
    assert position(TEXT, url="http://other/write", name="second", file=FILE) is None
    with pytest.raises(Refused, match="2 entries"):
        position(TEXT.replace("http://other/write", URL), url=URL, name=None, file=FILE)


def test_the_remedy_where_several_are_meant_does_not_lead_there_again() -> None:
    same = TEXT.replace("http://other/write", URL)
    unnamed = same.replace("    name: other\n", "")
    acts: dict[Callable[[], object], str] = {
        lambda: position(same, url=URL, name=None, file=FILE): f"monops remote-write set {URL} --name other",
        lambda: named(same, URL, file=FILE): "monops remote-write remove other",
        lambda: position(unnamed, url=URL, name=None, file=FILE): f"${{EDITOR:-vi}} {FILE}",
        lambda: position(unnamed, url=URL, name="new", file=FILE): f"${{EDITOR:-vi}} {FILE}",
        lambda: named(unnamed, URL, file=FILE): f"${{EDITOR:-vi}} {FILE}",
    }
    for act, remedy in acts.items():
        with pytest.raises((Refused, UsageFault), match="2 entries") as caught:
            act()
        assert caught.value.remedy == remedy


def test_addresses_in_remedies_are_quoted() -> None:
    text = TEXT.replace(URL, "http://a/?x=1&y=2")
    with pytest.raises(UsageFault, match="several") as caught:
        named(text, None, file=FILE)
    assert caught.value.remedy == "monops remote-write remove 'http://a/?x=1&y=2'"


def test_a_password_file_takes_the_place_of_the_password_in_clear() -> None:
    text = with_remote(TEXT, 0, {("url",): URL, ("basic_auth", "password_file"): "/run/secrets/p"}, file=FILE)
    assert text == TEXT.replace('      password: "in-clear"\n', "      password_file: /run/secrets/p\n")


def test_every_file_takes_the_place_of_what_stands_in_clear() -> None:
    old = TEXT.replace(
        "    name: other\n", "    oauth2: {client_id: i, client_secret: in-clear, token_url: http://t}\n"
    )
    text = with_remote(old, 1, {("oauth2", "client_secret_file"): "/run/secrets/c"}, file=FILE)
    assert "oauth2: {client_id: i, token_url: http://t, client_secret_file: /run/secrets/c}" in text


def test_a_token_takes_the_place_of_every_other_way_in() -> None:
    text = with_remote(TEXT, 0, {("authorization", "credentials_file"): "/run/secrets/t"}, file=FILE)
    assert "basic_auth" not in text
    assert readings(text)[f"remote write to {URL}: authorization.credentials_file"] == "/run/secrets/t"


def test_a_new_entry_is_the_last_and_makes_the_list_where_there_is_none() -> None:
    assert with_remote("global: {}\n", None, {("url",): URL}, file=FILE) == (
        f"global: {{}}\nremote_write:\n  - url: {URL}\n"
    )
    assert with_remote(TEXT, None, {("url",): "http://n/w"}, file=FILE) == f"{TEXT}  - url: http://n/w\n"


def test_with_the_last_entry_the_list_goes() -> None:
    one = without_remote(TEXT, 0, file=FILE)
    assert list(readings(one)) == [
        "remote write to other", "remote write to other: url", "remote write to other: name"
    ]  # fmt: skip
    assert without_remote(one, 0, file=FILE) == "global: {scrape_interval: 15s}\n"


def test_which_one_to_remove_must_be_said_where_there_are_several() -> None:
    assert named(TEXT, "other", file=FILE) == named(TEXT, "http://other/write", file=FILE) == 1
    with pytest.raises(UsageFault, match="several"):
        named(TEXT, None, file=FILE)
    with pytest.raises(NotFound, match="Did you mean 'other'"):
        named(TEXT, "othr", file=FILE)
    with pytest.raises(NotFound, match="no remote storage"):
        named("global: {}\n", None, file=FILE)


@pytest.mark.parametrize("url", ["storage:8428", "ftp://a/b", "http:///x", "http://a b/", "http://a:99999/x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageFault, match="no address"):
        check_url(url)


@pytest.mark.parametrize(
    ("url", "shown", "remedy"),
    [
        (
            "http://u:hunter2@a:81/x",
            "http://…@a:81/x (its user not shown)",
            "monops remote-write set http://a:81/x --basic-auth-user NAME --password-file FILE",
        ),
        (
            "https://a/x?b=1&token=hunter2",
            "https://a/x?… (its parameters not shown)",
            "monops remote-write set https://a/x --bearer-token-file FILE",
        ),
        (
            "https://u@a/?token=hunter2",
            "https://…@a/?… (its user and its parameters not shown)",
            "monops remote-write set https://a/ --basic-auth-user NAME --password-file FILE",
        ),
    ],
)
def test_an_address_with_a_secret_is_refused_without_showing_it(url: str, shown: str, remedy: str) -> None:
    with pytest.raises(UsageFault, match="secret") as caught:
        check_url(url)
    assert (caught.value.message.partition(" holds")[0], caught.value.remedy) == (shown, remedy)
    assert "hunter2" not in caught.value.message + caught.value.remedy
